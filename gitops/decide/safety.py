"""Rules that stop a change before it is made: missing consent, missing secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, TypeGuard

from gitops.decide.decision import Blocked
from gitops.decide.hardware import smaller
from gitops.decide.view import View
from gitops.record.history import consents
from gitops.state.differences import flatten
from gitops.state.json import Json, JsonObject
from gitops.state.schedules import PREFIX, covers
from gitops.state.settings import Change

_REPLICAS: Final = ("min_replica", "max_replica")


def refused(view: View, changes: Sequence[Change], hardware: str | None = None) -> Blocked | None:
    """Why settings may not be changed like this, if they may not.

    ``hardware`` is the name of the instance type that a promotion would bring, None where it brings
    none of its own.
    """
    unknown = _unknown_schedules(view, changes)
    if unknown is not None:
        return unknown
    needed = dict(_needed(view, changes))
    less = smaller(view, hardware)
    if less is not None:
        needed["instance_type"] = less
    if not view.environment.protected:
        return None
    stale = _used_up(view, view.environment.allow & needed.keys())
    missing = {
        word: why
        for word, why in sorted(needed.items())
        if word not in view.environment.allow or word in stale
    }
    if not missing:
        return None
    words = ", ".join(missing)
    used_up = sorted(set(missing) & view.environment.allow)
    again = (
        f" (`{', '.join(used_up)}` stands there since an earlier release, which has used it up: "
        "take it out in one commit and write it again in the next)"
        if used_up
        else ""
    )
    return Blocked(
        why=f"{view.name} is protected, and capacity would go: {'; '.join(missing.values())}",
        remedy=f"write `allow: [{words}]` under environments.{view.name} "
        f"in {view.situation.model.release_file}{again}{_or_accept(view, changes)}",
    )


def _or_accept(view: View, changes: Sequence[Change]) -> str:
    """Another way out where Baseten was changed by hand, as in an incident."""
    if not _needed(view, [each for each in changes if each.origin == "drift"]):
        return ""
    return f", or keep what Baseten has: `gitops drift {view.situation.model.key} --accept`"


def _unknown_schedules(view: View, changes: Sequence[Change]) -> Blocked | None:
    """Schedules that this Baseten would refuse by themselves, and ignore with a promotion."""
    asked = any(each.path.startswith(PREFIX) for each in changes)
    if not asked or view.live is None or view.live.settings.schedules is not None:
        return None
    return Blocked(
        why=f"the release file gives {view.name} autoscaling schedules, "
        "and this Baseten does not know schedules",
        remedy=f"take `schedules` out of environments.{view.name} "
        f"in {view.situation.model.release_file}",
    )


def consents_to_remove(view: View, changes: Sequence[Change]) -> tuple[str, ...]:
    """A notice about words of ``allow`` that nothing needs (any more)."""
    needed = dict(_needed(view, changes))
    over = sorted(_used_up(view, view.environment.allow - needed.keys()))
    if not over:
        return ()
    return (f"`allow: [{', '.join(over)}]` of {view.name} has done its work and may be removed",)


def _used_up(view: View, words: AbstractSet[str]) -> frozenset[str]:
    """Words that an entry of another commit was written under, and Git has kept asking with since.

    A word that was taken out and is written again is new consent.
    """
    entry = view.log.consented_before(view.situation.applied_commit)
    stale = consents(entry) & words
    if entry is None or not stale:
        return frozenset()
    return frozenset(
        word for word in stale if all(word in each.allow for each in view.asked_after(entry))
    )


def _needed(view: View, changes: Sequence[Change]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    live = flatten(view.live.settings) if view.live is not None else {}
    then = {**live, **{change.path: change.after for change in changes}}
    for change in changes:
        if change.path.startswith(PREFIX):
            found += _by_schedule(change, live, then)
        elif change.path in {f"autoscaling.{field}" for field in _REPLICAS}:
            found += _by_field(change.path, change.before, change.after)
    return found


def _by_schedule(
    change: Change, live: Mapping[str, Json], then: Mapping[str, Json]
) -> list[tuple[str, str]]:
    """What a schedule takes away: against itself, and where its window moved, against the rest.

    Outside of its window the environment's own settings hold: those of ``live`` before the change,
    those of ``then`` after it.
    """
    before, after = _in_force(change.before), _in_force(change.after)
    found: list[tuple[str, str]] = []
    for field in _REPLICAS:
        path, own = f"{change.path}.{field}", f"autoscaling.{field}"
        if before and after:
            found += _by_field(path, _of(before, field), _of(after, field))
        if after and not (before and covers(*before, *after)):
            found += _by_field(path, live.get(own), _of(after, field))
        if before and not (after and covers(*after, *before)):
            found += _by_field(path, _of(before, field), then.get(own))
    return found


def _in_force(schedule: Json) -> tuple[JsonObject, ...]:
    """The schedule, if it is there and enabled."""
    if not isinstance(schedule, Mapping) or schedule.get("enabled") is False:
        return ()
    return (schedule,)


def _of(schedules: tuple[JsonObject, ...], field: str) -> Json:
    settings = schedules[0].get("autoscaling")
    return settings.get(field) if isinstance(settings, Mapping) else None


def _by_field(path: str, before: Json, after: Json) -> list[tuple[str, str]]:
    if not _number(before) or not _number(after) or after >= before:
        return []
    if path.endswith("min_replica") and after == 0:
        return [("scale_to_zero", f"{path} goes from {before} to 0")]
    if after * 2 <= before:
        return [("fewer_replicas", f"{path} goes from {before} to {after}")]
    return []


def _number(value: Json) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def missing_secrets(view: View) -> Blocked | None:
    """Secrets that the truss asks for and the workspace lacks; None where that cannot be known."""
    artifact, there = view.environment.artifact, view.situation.secrets
    if artifact is None or there is None:
        return None
    missing = sorted(set(artifact.secrets) - there)
    if not missing:
        return None
    named = f"the secret{'' if len(missing) == 1 else 's'} {', '.join(missing)}"
    return Blocked(
        why=f"the truss needs {named}, which the workspace lacks",
        remedy=f"create {named} in Baseten's settings, under Secrets",
    )
