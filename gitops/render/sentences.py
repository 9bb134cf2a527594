"""One sentence for one environment of a plan: what ships where, from which commit to which."""

from __future__ import annotations

from datetime import datetime
from typing import Final, assert_never

from gitops.plan.actions import short
from gitops.plan.model import ChangedField, Cost, EnvironmentPlan, ModelPlan, Serving, Wanted
from gitops.render.words import count, instant, value
from gitops.wording import version

__all__ = [
    "asked",
    "changed",
    "costs",
    "drifted",
    "headline",
    "judged",
    "origin",
    "pinned",
    "released",
    "reverted",
    "serving",
    "sign",
    "wanted",
    "who",
]


ROW_OF_OUR_ROLLBACK: Final = 8
"""The row of the decision table that follows a rollback which an earlier run began."""


def headline(model: ModelPlan, environment: EnvironmentPlan) -> str:
    """The sentence; it ends with a full stop and begins with MODEL/ENV."""
    place = f"{model.name}/{environment.environment}"
    happens = _happens(environment, failed=_retried(model, environment))
    if environment.mode == "observe" and environment.state != "converged":
        return f"{place} is only observed; left to gitops, it {happens}"
    return f"{place} {happens}"


def _retried(model: ModelPlan, environment: EnvironmentPlan) -> bool:
    """Whether this environment waits for a failed deployment to be tried again."""
    retries = {each.id for each in model.actions if each.kind == "retry"}
    return any(
        each.environment == environment.environment
        and (each.id in retries or not retries.isdisjoint(each.depends_on))
        for each in model.actions
    )


def _happens(environment: EnvironmentPlan, *, failed: bool) -> str:  # noqa: C901, PLR0912 - one case a state
    new = asked(environment.desired, moves=environment.state == "promote")
    old = serving(environment.serving)
    instead = f"in place of {old}" if environment.serving else "its first release"
    match environment.state:
        case "converged":
            return f"serves {new}, as Git wants it."
        case "settings":
            return f"keeps {new} and gets {_settings(environment)}."
        case "push":
            return f"gets {new}, newly built, {instead}{_along(environment)}."
        case "promote":
            if environment.target is None:
                built = "the same build"
            elif failed:
                built = f"whose deployment {environment.target} failed and is tried again, once"
            else:
                built = f"already on Baseten (deployment {environment.target})"
            return f"gets {new}, {built}, {instead}{_along(environment)}."
        case "follow":
            if environment.row == ROW_OF_OUR_ROLLBACK:
                return "is being rolled back by an earlier run: that is followed to its end."
            return f"is on its way to {new}: that promotion is followed to its end."
        case "watch":
            return f"serves {old}, and what an earlier run began there is brought to its end."
        case "verify":
            return f"serves {new}, which was never verified there: its checks run."
        case "activate":
            return f"serves {new}, which was stopped for lack of traffic: it is started."
        case "retry":
            return f"serves {new}, which failed: it is tried again, once."
        case "cancel":
            return "drops a promotion that an earlier run began and nobody wants any more."
        case "wait":
            return f"waits: {_end(environment.reason)}."
        case "held":
            return f"does not get {new}: {_end(environment.reason)}."
        case "superseded":
            return f"stays with what a newer commit gave it: {_end(environment.reason)}."
        case "blocked":
            return f"is blocked: {_end(environment.blocked or environment.reason)}."
        case "paused":
            return "is paused in its release file: nothing was asked about it."
        case _:
            assert_never(environment.state)


def wanted(desired: Wanted) -> str:
    """What Git asks for, as people name it: by the commit that its deployment is labelled with."""
    commit = desired.built_from or desired.commit
    if commit:
        return f"commit {short(commit)}"
    return f"deployment {desired.deployment}" if desired.deployment else "nothing"


def asked(desired: Wanted, *, moves: bool = False) -> str:
    """The same, and the pinned commit where that is another one: told once, not with every name.

    ``moves``: it does not serve yet, so that what ``HEAD`` is has to be told too.
    """
    pin = pinned(desired, moves=moves)
    return f"{wanted(desired)} (the same files as {pin})" if pin else wanted(desired)


def pinned(desired: Wanted, *, moves: bool = False) -> str:
    """The commit that the release file pins, where it is not the one that people know it by."""
    if desired.commit is None or desired.built_from in {None, desired.commit}:
        return ""
    return f"commit {short(desired.commit)}" if moves or not desired.follows else ""


def serving(now: Serving | None) -> str:
    """What serves, as people name it."""
    if now is None:
        return "nothing"
    return version(now)


def origin(change: ChangedField) -> str:
    """Why a field differs, where that is not simply the release."""
    if change.origin != "drift":
        return ""
    by = f"by {change.by}" if change.by else ""
    at = f"at {_instant(change.at)}" if change.at else ""
    who = " ".join(filter(None, (by, at)))
    return f"drift: {who}" if who else "drift"


def who(change: ChangedField) -> str:
    """By whom and when a field was changed outside of Git, as far as that is known."""
    told = origin(change).removeprefix("drift").removeprefix(": ")
    return told or "by whom is not known"


def judged(model: ModelPlan, environment: EnvironmentPlan) -> str:
    """What a release has to pass before it gets traffic and after; empty for no release."""
    own = {
        each.kind: each.reason
        for each in model.actions
        if each.environment == environment.environment
    }
    if "promote" not in own:
        return ""
    unchecked = "Nothing is checked before it gets traffic"
    before = f"Before it gets traffic gitops {own['check']}" if "check" in own else unchecked
    if not own.get("watch"):
        return f"{before}."
    # Without bounds of its own, a watch says only until when it goes on.
    watched = own["watch"].removeprefix("until ")
    after = own["watch"] if watched == own["watch"] else f"watches until {watched}"
    return f"{before}; after that gitops {after}."


def _instant(moment: str) -> str:
    try:
        return instant(datetime.fromisoformat(moment))
    except ValueError:
        # A saved plan may have been written by hand.
        return moment


def sign(change: ChangedField) -> str:
    """``+`` where a field gets its first value, else ``~``."""
    return "+" if change.before is None else "~"


def released(environment: EnvironmentPlan) -> tuple[ChangedField, ...]:
    """The fields that change because Git says so; none where nothing can be done."""
    if environment.state == "blocked":
        return ()
    return tuple(each for each in environment.changes if each.origin == "release")


def drifted(environment: EnvironmentPlan) -> tuple[ChangedField, ...]:
    """The fields that were changed outside of Git."""
    return tuple(each for each in environment.changes if each.origin == "drift")


def reverted(environment: EnvironmentPlan) -> str:
    """How the release could be undone, in words; empty where that says nothing."""
    match environment.rollback:
        case None | "none":
            # Where there is no way back, a notice of the decision says so.
            return ""
        case "seconds":
            return "The way back takes seconds."
        case "cold start":
            return "The way back takes a cold start of what serves now."
        case "activation":
            return "The way back takes an activation of what serves now."
        case other:
            assert_never(other)


def costs(cost: Cost | None) -> str:
    """The estimate in words; empty where it is not known or stays the same."""
    if cost is None or cost.after is None or cost.before == cost.after:
        return ""
    return f"Estimated USD a month: {_range(cost.before)} now, {_range(cost.after)} after."


def changed(change: ChangedField) -> str:
    """``before -> after`` on one line; ``after`` alone where there was nothing before."""
    if change.before is None:
        return value(change.after)
    return f"{value(change.before)} -> {value(change.after)}"


def _range(bounds: tuple[float, float] | None) -> str:
    if bounds is None:
        return "unknown"
    low, high = (f"{each:,.0f}" for each in bounds)
    return low if low == high else f"{low} to {high}"


def _settings(environment: EnvironmentPlan) -> str:
    if len(environment.changes) == 1:
        return "one other setting"
    return f"{len(environment.changes)} other settings" if environment.changes else "its settings"


def _along(environment: EnvironmentPlan) -> str:
    if not environment.changes:
        return ""
    return f", and with it {count(len(environment.changes), 'setting')}"


def _end(sentence: str) -> str:
    return sentence.rstrip().rstrip(".")
