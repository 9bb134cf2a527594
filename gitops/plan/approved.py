"""Whether what the deploy log holds is what a reviewed plan announced, and what only ends that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gitops.decide.steps import Follow, Record, RestoreSettings, RollBack, Step, Wait, Watch
from gitops.plan.model import EnvironmentPlan
from gitops.record.entry import Entry, Event, Side
from gitops.state.differences import equal

RELEASES: Final = frozenset({"push", "promote"})
"""States of a plan that announce a release."""

_CLOSES: Final = frozenset({Event.RELEASED, Event.ROLLED_BACK, Event.NOT_STARTED})


def own_intents(
    environment: EnvironmentPlan,
    since: Sequence[Entry],
    commits: frozenset[str],
    *,
    new: bool = False,
) -> frozenset[str] | None:
    """The intents among these entries; None where one of them is not what was approved.

    ``new``: nothing was there when the plan was made, so what was there before is Baseten's own.
    """
    intents: set[str] = set()
    for entry in since:
        if entry.applied_commit not in commits or entry.ended_by is not None:
            return None
        if entry.event is Event.INTENT and _announces(environment, entry, new=new):
            intents.add(entry.id)
        elif entry.event in _CLOSES:
            if entry.intent not in intents:
                return None
        elif not (
            (entry.event is Event.SETTINGS and _changes_as_approved(environment, entry, new=new))
            or (entry.event is Event.REJECTED and is_wanted(environment, entry.to))
            or (new and entry.event is Event.ADOPTED and is_wanted(environment, entry.to))
        ):
            return None
    return frozenset(intents)


def _announces(environment: EnvironmentPlan, entry: Entry, *, new: bool) -> bool:
    """Whether an intent says just what was approved: what, in whose place, with which settings."""
    serving = environment.serving
    from_ = entry.from_.deployment_id if entry.from_ else None
    return (
        bool(entry.id)
        and environment.state in RELEASES
        and is_wanted(environment, entry.to)
        and from_ == (serving.deployment_id if serving else None)
        and _changes_as_approved(environment, entry, new=new)
    )


def is_wanted(environment: EnvironmentPlan, side: Side | None) -> bool:
    """By its digest, and where Git names a deployment by the id that the plan named."""
    if side is None:
        return False
    if environment.desired.digest is not None:
        return side.digest == environment.desired.digest
    return environment.target is not None and side.deployment_id == environment.target


def _changes_as_approved(environment: EnvironmentPlan, entry: Entry, *, new: bool) -> bool:
    if entry.settings_before is None or entry.settings_after is None:
        return False
    approved = {each.path: (each.before, each.after) for each in environment.changes}
    for path, after in entry.settings_after.items():
        before = entry.settings_before.get(path)
        if equal(path, before, after):
            continue
        if path not in approved:
            return False
        was, wanted = approved[path]
        if not ((new or equal(path, before, was)) and equal(path, after, wanted)):
            return False
    return True


def goes_on(step: Step, intents: frozenset[str]) -> bool:
    """Whether a step only brings to its end what an approved intent has begun."""
    match step:
        case Follow() | Watch() | RollBack():
            return step.intent in intents
        case Record():
            return step.intent in intents and step.event in _CLOSES and step.ended_by is None
        case Wait() | RestoreSettings():
            return True
        case _:
            return False
