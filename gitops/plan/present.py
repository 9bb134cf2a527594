"""What a reviewed plan is held against, and what that may come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from gitops.decide.decision import Decision
from gitops.record.history import EnvironmentHistory, ModelHistory
from gitops.state.desired import Desired, DesiredEnvironment
from gitops.state.live import AuditEntry, Live, LiveEnvironment


class Continued(Enum):
    """What is left of an environment's part of a reviewed plan."""

    UNDER_WAY = auto()
    """It was begun as approved, and what is left is to go on with it."""
    DONE = auto()
    """It was carried out as approved; nothing is left to do."""
    HELD = auto()
    """It was begun as approved, ended badly and is held; nothing is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproved:
    """It may be what an apply of the plan did; ``why`` that is not certain."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a fresh plan was made of. Models by the string form of their key.

    ``audit`` holds all entries since the plan, and for a model that was not there then all there
    are; nothing where they may not be read.
    """

    desired: Desired
    live: Live
    decisions: Mapping[str, Mapping[str, Decision]]
    histories: Mapping[str, ModelHistory]
    audit: Mapping[str, Sequence[AuditEntry]] = field(default_factory=dict)

    def look(self, model: str, environment: str) -> Look | None:
        """One environment; None where something about it is not known."""
        wanted = next((each for each in self.desired.models if str(each.key) == model), None)
        asked = wanted and next(
            (each for each in wanted.environments if each.name == environment), None
        )
        decision = self.decisions.get(model, {}).get(environment)
        history, there = self.histories.get(model), self.live.models.get(model)
        if not asked or decision is None or history is None or there is None:
            return None
        return Look(
            desired=asked,
            decision=decision,
            live=there.environment(environment),
            model_id=there.id,
            history=history.environment(environment),
            audit=self.audit.get(model),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One environment now. ``live`` None: it is not there; ``audit`` None: it may not be read."""

    desired: DesiredEnvironment
    decision: Decision
    live: LiveEnvironment | None
    model_id: str
    history: EnvironmentHistory
    audit: Sequence[AuditEntry] | None
