"""How long the way back from a release would take."""

from __future__ import annotations

from gitops.decide.decision import Decision
from gitops.plan.model import Rollback
from gitops.plan.steps import Follow, Promote, UpdateSettings
from gitops.state.desired import DesiredEnvironment
from gitops.state.json import Json
from gitops.state.live import LiveEnvironment


def way_back(
    environment: DesiredEnvironment, decision: Decision, live: LiveEnvironment | None
) -> Rollback | None:
    """``seconds`` where the deployment before stays warm; None where nothing needs a way back.

    A deployment that was scaled to zero needs a cold start, one that was deactivated an activation.
    """
    if any(isinstance(step, Promote | Follow) and not _undo(step) for step in decision.steps):
        if decision.serving is None:
            return "none"
        if environment.watch is not None and environment.watch.keep_previous:
            return "seconds"
        match _strategy(environment, live):
            case "KEEP":
                return "seconds"
            case "DEACTIVATE":
                return "activation"
            case _:
                return "cold start"
    if any(isinstance(step, UpdateSettings) for step in decision.steps):
        return "seconds"
    return None


def _undo(step: Promote | Follow) -> bool:
    return isinstance(step, Follow) and step.undo


def _strategy(environment: DesiredEnvironment, live: LiveEnvironment | None) -> Json:
    # Baseten's default is SCALE_TO_ZERO.
    wanted = environment.settings.promotion.get("promotion_cleanup_strategy")
    return wanted or (live.settings.promotion.get("promotion_cleanup_strategy") if live else None)
