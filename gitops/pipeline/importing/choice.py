"""Which models an import is about: those that were named, or all that no release file names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from gitops.errors import UsageError
from gitops.pipeline.importing.model import Candidate, obstacle
from gitops.plan.imported import LeftOut
from gitops.record.history import ModelHistory
from gitops.state.desired import Desired
from gitops.state.inventory import ListedModel
from gitops.state.live import LiveModel
from gitops.state.names import ModelKey

if TYPE_CHECKING:
    from gitops.wiring import Outside


@dataclass(slots=True, kw_only=True)
class Choice:
    """What there is to import; ``left_out`` collects what was looked at and cannot be.

    ``own_team`` is the team that gitops.yaml gives to files that name none, or None.
    """

    whole: Desired
    outside: Outside
    own_team: str | None
    say: Callable[[str], None]
    left_out: list[LeftOut] = field(default_factory=list)

    def candidates(self, names: Sequence[str]) -> list[Candidate]:
        """The models that can have a file. Raises ``UsageError`` for a name that is none's."""
        inventory = self.outside.baseten.inventory
        default = self.outside.baseten.reader.default_team()
        managed = {
            (each.key.team or default, each.key.name): each.release_file
            for each in self.whole.models
        }
        chosen: list[LiveModel] = []
        for model in chosen_models(inventory.models(), names):
            file = managed.get((model.team or default, model.name))
            if file is None:
                chosen.append(model)
            elif names:
                self.left_out.append(_managed(model, file))
        if chosen:
            self.say(f"reading {len(chosen)} model{'s' if len(chosen) != 1 else ''}")
        found: list[Candidate] = []
        for listed in inventory.listed(chosen):
            candidate = self._candidate(listed, default)
            against = obstacle(candidate, named=bool(names))
            if against is None:
                found.append(candidate)
            else:
                self.left_out.append(against)
        return found

    def _candidate(self, listed: ListedModel, default: str) -> Candidate:
        model = listed.model
        team = model.team if model.team not in {None, self.own_team or default} else None
        key = ModelKey(model.team if model.team != default else None, model.name)
        return Candidate(
            name=model.name,
            team=team,
            key=key,
            listed=listed,
            history=ModelHistory.of(self.outside.log.entries(key)),
            serving=tuple(each for each in model.environments if each.current is not None),
        )


def _managed(model: LiveModel, file: str) -> LeftOut:
    return LeftOut(
        model=model.name,
        why=f"{file} names it already, and no file is overwritten",
        remedy=f"`gitops plan {model.name}` shows how the two differ",
        exit_code=0,
    )


def chosen_models(models: Sequence[LiveModel], names: Sequence[str]) -> list[LiveModel]:
    """The models of these names (``TEAM/NAME``, or a name alone), each once; all without any.

    Raises ``UsageError``, naming the nearest, or the teams among which to choose.
    """
    if not names:
        return list(models)
    found: dict[str, LiveModel] = {}
    for name in names:
        full = [each for each in models if f"{each.team}/{each.name}" == name]
        alone = full or [each for each in models if each.name == name]
        if not alone:
            known = [each.name for each in models] + [f"{it.team}/{it.name}" for it in models]
            near = get_close_matches(name, known, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"Baseten has no model {name!r}{meant}")
        if len(alone) > 1:
            several = ", ".join(f"{each.team}/{each.name}" for each in alone)
            raise UsageError(f"several models are called {name!r}: say which of {several}")
        found[alone[0].id] = alone[0]
    return list(found.values())
