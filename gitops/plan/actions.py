"""How steps are named where people and scripts see them: the kinds and ids of actions."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, assert_never, get_args

from gitops.decide.steps import (
    Activate,
    CancelPromotion,
    Check,
    CreateEnvironment,
    Follow,
    Promote,
    Push,
    Ready,
    Record,
    RestoreSettings,
    Retry,
    RollBack,
    Step,
    UpdateSettings,
    Wait,
    Watch,
)
from gitops.state.names import ModelKey

ActionKind: TypeAlias = Literal[
    "push",
    "ready",
    "check",
    "activate",
    "retry",
    "create_environment",
    "update_settings",
    "cancel_promotion",
    "promote",
    "watch",
]

SHORT: Final = 12
"""Digits of a commit id or digest that people read: unique enough, short enough to compare."""

KINDS: Final[tuple[ActionKind, ...]] = get_args(ActionKind)
"""Every kind of action, in the order in which a release meets them."""


def short(name: str) -> str:
    """A commit id or a digest, abbreviated for people."""
    return name[:SHORT]


def kind_of(step: Step) -> ActionKind | None:  # noqa: C901 - one case a step
    """The kind under which a step is listed; None for what only looks or writes the log.

    Following a promotion and rolling one back are part of watching it, and putting settings back
    is a change of settings: a plan that left them out would hide a write.
    """
    match step:
        case Push():
            return "push"
        case Ready():
            return "ready"
        case Check():
            return "check"
        case Activate():
            return "activate"
        case Retry():
            return "retry"
        case CreateEnvironment():
            return "create_environment"
        case UpdateSettings() | RestoreSettings():
            return "update_settings"
        case CancelPromotion():
            return "cancel_promotion"
        case Promote():
            return "promote"
        case Watch() | Follow() | RollBack():
            return "watch"
        case Wait() | Record():
            return None
        case _:
            assert_never(step)


def action_id(model: ModelKey, environment: str, step: Step) -> str | None:
    """The id of the action that a step belongs to, in plans and in events; None for no action.

    ``MODEL/ENV/KIND``; a push belongs to the artifact, whoever wants it: ``MODEL/DIGEST/push``.
    """
    if isinstance(step, Push):
        return f"{model}/{step.artifact.digest}/push"
    kind = kind_of(step)
    return f"{model}/{environment}/{kind}" if kind else None
