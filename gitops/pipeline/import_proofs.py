"""What each deployment that serves was made from: read off labels and the log, else compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from gitops.pipeline.import_model import Candidate, compared_pin, hints_of, labelled_pin, likeliest
from gitops.pipeline.import_pins import Prover
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
            named = [[pin.truss] for each in ids if (pin := pins.get(each)) and pin.truss]
            found_in = [
                [it.artifact.truss for it in compared[each][1].sources]
                for each in ids
                if each in compared
            ]
            trusses = likeliest([*named, *found_in])
            for each in ids:
                if each in compared:
                    files, sought = compared[each]
                    pins[each] = compared_pin(unknown[each], sought, files, trusses)
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
            return list(pool.map(read, unknown))
