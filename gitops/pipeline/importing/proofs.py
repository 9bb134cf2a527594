"""What each deployment that serves was made from: read off labels and the log, else compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from gitops.interruptible import mapped
from gitops.pipeline.importing.model import Candidate, compared_pin, hints_of, labelled_pin
from gitops.pipeline.importing.pins import Prover, Sought
from gitops.pipeline.project import Project
from gitops.plan.imported import Pin
from gitops.record.history import ModelHistory
from gitops.state.archived import Archived
from gitops.state.live import Deployment
from gitops.state.recognise import Recognised, recognise

if TYPE_CHECKING:
    from gitops.wiring import Outside

DOWNLOADS: Final = 4
"""Archives that are read side by side; each streams by and is not kept."""


@dataclass(slots=True, kw_only=True)
class Proofs:
    """Proves pins at one commit, ``head``. ``any_commit``: pins need not be merged."""

    project: Project
    outside: Outside
    head: str
    any_commit: bool
    say: Callable[[str], None]
    _siblings: dict[str, tuple[Deployment, ...]] = field(default_factory=dict)

    def pins(self, candidates: Sequence[Candidate]) -> dict[str, Pin]:
        """A pin for each deployment that serves, by its id."""
        from gitops.wiring import tree_search

        objects = self.project.repository
        prover = Prover(
            objects=objects,
            trees=tree_search(self.project),
            head=self.head,
            any_commit=self.any_commit,
        )
        pins: dict[str, Pin] = {}
        unknown: dict[str, Recognised] = {}
        for candidate in candidates:
            for deployment in candidate.deployments:
                found = self.recognised(deployment, candidate.history)
                siblings = self._siblings.get(deployment.model_id, ())
                hints = hints_of(found, siblings, candidate.history, objects)
                source = prover.of_digest(found.digest, hints) if found.digest else None
                if source is not None:
                    pins[deployment.id] = labelled_pin(found, source)
                else:
                    unknown[deployment.id] = found
        deployed = self._deployed([*unknown.values()])
        compared = dict(
            zip(unknown, zip(deployed, prover.of_files(deployed), strict=True), strict=True)
        )
        for candidate in candidates:
            ids = [each.id for each in candidate.deployments]
            named = [pin.truss for each in ids if (pin := pins.get(each)) and pin.truss]
            here = {each: compared[each] for each in ids if each in compared}
            for each, (files, sought) in _in_one_truss(prover, named, here).items():
                pins[each] = compared_pin(unknown[each], sought, files)
        return pins

    def recognised(self, deployment: Deployment, history: ModelHistory) -> Recognised:
        """Which artifact a deployment holds, as far as labels, names and the log say."""
        found = recognise(deployment, logged=history.known)
        if found.conflict is None:
            return found
        # The source of a copy may vouch for it.
        model = deployment.model_id
        if model not in self._siblings:
            self._siblings[model] = self.outside.ports.reader.deployments(model)
        return recognise(deployment, logged=history.known, siblings=self._siblings[model])

    def _deployed(self, unknown: Sequence[Recognised]) -> list[Archived]:
        if not unknown:
            return []
        count = len(unknown)
        what = "deployments" if count != 1 else "deployment"
        self.say(f"comparing the files of {count} {what} with the history")
        archives = self.outside.baseten.archives
        algorithm: Literal["sha1", "sha256"] = "sha256" if len(self.head) == 64 else "sha1"

        def read(found: Recognised) -> Archived:
            deployment = found.deployment
            return archives.archived(deployment.model_id, deployment.id, algorithm)

        with ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="archives") as pool:
            return mapped(pool, read, unknown)


def _in_one_truss(
    prover: Prover, named: Sequence[str], compared: Mapping[str, tuple[Archived, Sought]]
) -> dict[str, tuple[Archived, Sought]]:
    """The same proofs by id, from the one truss that holds for most of a model's deployments.

    A truss that was moved has the same files in two folders, and a release file names one.
    ``named`` are the trusses of the other deployments.
    """
    sources = {each: sought.source for each, (_, sought) in compared.items() if sought.source}
    trusses = dict.fromkeys([*named, *(each.artifact.truss for each in sources.values())])
    if len(trusses) < 2:
        return {**compared}
    found = {
        (each, truss): source
        for each, first in sources.items()
        for truss in trusses
        if (
            source := first
            if first.artifact.truss == truss
            else prover.in_folder(compared[each][0], truss)
        )
    }
    held = {truss: named.count(truss) + sum(it == truss for _, it in found) for truss in trusses}
    best = max(held, key=lambda truss: held[truss])
    return {
        each: (files, Sought(source=found.get((each, best), sought.source), near=sought.near))
        for each, (files, sought) in compared.items()
    }
