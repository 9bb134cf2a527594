"""New release files held against the language and against live state, before they are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gitops.decide.hardware import other_than
from gitops.errors import Problem
from gitops.pipeline.compile import look
from gitops.pipeline.importing.files import Draft
from gitops.pipeline.sources import Files, Objects
from gitops.plan.imported import LeftOut
from gitops.release.words import dotted
from gitops.state.desired import DesiredModel
from gitops.state.differences import differences
from gitops.state.json import Json
from gitops.state.live import InstanceType, LiveModel
from gitops.wording import listed

_ROUNDS: Final = 12
"""Each takes out what the language cannot say; more than these are a model of its own kind."""
_SCHEDULES: Final = "schedules"
_OWN: Final = ("commit", "deployment", "mode")


@dataclass(frozen=True, slots=True)
class Overlay:
    """Files with some put on top of them, as if these had been written."""

    below: Files
    above: Mapping[str, bytes]

    def read(self, path: str) -> bytes | None:
        """The file on top, else the one below."""
        return self.above.get(path) or self.below.read(path)

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The files that are there."""
        asked = list(paths)
        mine = {path: self.above[path] for path in asked if path in self.above}
        return {**self.below.read_many(path for path in asked if path not in mine), **mine}

    def list(self, folder: str) -> tuple[str, ...]:
        """Paths of all files below a folder, sorted."""
        start = f"{folder.strip('/')}/"
        mine = {path for path in self.above if path.startswith(start)}
        return tuple(sorted({*self.below.list(folder), *mine}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file that compiles to what serves."""

    draft: Draft
    model: DesiredModel


@dataclass(frozen=True, slots=True)
class Checker:
    """Compiles drafts as if they stood in the working tree; ``head`` is HEAD's commit.

    ``kinds`` are Baseten's instance types by id, none where they may not be read.
    """

    objects: Objects
    files: Files
    head: str
    now: datetime
    kinds: Mapping[str, InstanceType]

    def checked(
        self, drafts: Sequence[tuple[Draft, LiveModel]]
    ) -> tuple[list[Checked], list[LeftOut]]:
        """The drafts that hold, with what they cannot say taken out and said; and the others."""
        above = {draft.path: draft.data for draft, _ in drafts}
        compiled, _ = self._compiled(above)
        good: list[Checked] = []
        bad: list[LeftOut] = []
        for draft, live in drafts:
            model = compiled.get(draft.path) or self._mended(draft)
            if isinstance(model, DesiredModel) and _means(draft, model):
                self._complete(draft, model, live)
                good.append(Checked(draft=draft, model=model))
                continue
            name = f"{draft.team}/{draft.model}" if draft.team else draft.model
            why = model if isinstance(model, str) else "its file would not read as it was meant"
            bad.append(LeftOut(model=name, why=why))
        return good, bad

    def _compiled(
        self, above: Mapping[str, bytes]
    ) -> tuple[dict[str, DesiredModel], tuple[Problem, ...]]:
        only = frozenset(above)
        done = look(self.objects, Overlay(self.files, above), self.head, dirty=True, only=only)
        return {each.release_file: each for each in done.desired.models}, done.errors

    def _mended(self, draft: Draft) -> DesiredModel | str:
        """The model without what the language refuses; else why there is nothing left."""
        why = "its file would not be valid"
        for _ in range(_ROUNDS):
            compiled, problems = self._compiled({draft.path: draft.data})
            if draft.path in compiled:
                return compiled[draft.path]
            if not problems:
                break
            why = problems[0].message
            # Every one of them, so that a file with several needs few rounds.
            places = {dotted(steps): steps for steps in _steps(draft.value)}
            mended = [_taken_out(draft, each, places) for each in problems]
            if not all(mended):
                break
        return f"no release file can say it: {why}"

    def _complete(self, draft: Draft, model: DesiredModel, live: LiveModel) -> None:
        """Add what only the compiled model shows."""
        for wanted in model.environments:
            here = live.environment(wanted.name)
            if here is None:
                continue
            kind = self.kinds.get(here.instance_type_id or "")
            if kind is not None and wanted.artifact is not None and wanted.instance_type is None:
                other = other_than(wanted.artifact, kind, self.kinds)
                if other is not None:
                    # Else the next promotion would be blocked until somebody chooses.
                    settings = draft.environments[wanted.name].settings
                    draft.environments[wanted.name].settings = {
                        "instance_type": "environment",
                        **settings,
                    }
                    draft.environments[wanted.name].notes.append(
                        f"It runs on {kind.name}, and its config.yaml asks for {other}:"
                        " `instance_type: environment` keeps what it has."
                    )
            found = differences(wanted.settings, here.settings, now=self.now)
            if found:
                draft.environments[wanted.name].notes.append(
                    f"gitops.yaml's defaults ask for {listed([each.path for each in found])},"
                    " which Baseten does not have and this file cannot take back: apply would"
                    " change that"
                )


def _means(draft: Draft, model: DesiredModel) -> bool:
    """Whether the compiled model asks for just what was meant."""
    asked = {
        each.name: each.artifact.digest if each.artifact else each.deployment
        for each in model.environments
    }
    meant = {
        name: each.pin.digest if each.pin.commit is not None else each.pin.deployment_id
        for name, each in draft.environments.items()
    }
    return model.key.name == draft.model and asked == meant


def _taken_out(draft: Draft, problem: Problem, places: Mapping[str, tuple[str, ...]]) -> bool:
    """Take out what a problem is about, and leave a note; False where nothing can be.

    ``places`` are those of the draft before anything was taken out of it.
    """
    path = problem.path.removeprefix("defaults.")
    while path and path not in places:
        path = path.rpartition(".")[0]
    steps = places.get(path, ())
    if len(steps) < 2 or steps[0] != "environments":
        return False
    environment = draft.environments.get(steps[1])
    if environment is None or (len(steps) > 2 and steps not in {*_steps(draft.value)}):
        # It went with something else.
        return bool(draft.environments)
    if len(steps) == 2 or steps[2] in _OWN:
        del draft.environments[steps[1]]
        return bool(draft.environments)
    environment.notes.append(
        f"{dotted(steps[2:])} is left to Baseten, since no release file can say it:"
        f" {problem.message}"
    )
    # Of schedules the whole set is managed or none: one that is not named would be removed.
    _remove(environment.settings, steps[2:3] if steps[2] == _SCHEDULES else steps[2:])
    return True


def _steps(value: Json, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield (*above, key)
            yield from _steps(below, (*above, key))


def _remove(settings: dict[str, Json], steps: Sequence[str]) -> None:
    """Without one field; what nothing is left of goes too."""
    head, rest = steps[0], steps[1:]
    below = settings.get(head)
    if not rest or not isinstance(below, dict):
        settings.pop(head, None)
        return
    _remove(below, rest)
    if not below:
        del settings[head]
