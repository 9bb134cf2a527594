"""Rules that stop a change before it is made: missing consent, missing secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from gitops.decide.changing import named
from gitops.decide.decision import Blocked, Kept
from gitops.decide.hardware import smaller
from gitops.decide.view import View
from gitops.record.history import consents
from gitops.state.differences import equal, flatten, with_changes
from gitops.state.fitting import is_number, unfit
from gitops.state.json import Json, JsonObject
from gitops.state.schedules import PREFIX, covers
from gitops.state.settings import Change, Settings

_REPLICAS: Final = ("min_replica", "max_replica")


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What becomes of the settings that differ: made, kept as Baseten has them, or all blocked."""

    changes: tuple[Change, ...]
    kept: Kept | None = None
    blocked: Blocked | None = None


def permitted(view: View, hardware: str | None = None, *, way_back: bool = False) -> Permission:
    """What a protected environment lets happen to its settings.

    What takes capacity away needs consent. Without it a change of the release file that does so
    blocks. What somebody added on Baseten is kept, and stops nothing; nor does anything that Git
    asks for stop a ``way_back``: it waits until what served before serves again. ``hardware`` is
    the name of the instance type that a promotion would bring, None where it brings none.
    """
    changes = view.changes
    unknown = _unknown_schedules(view, changes)
    if unknown is not None or not view.environment.protected:
        return Permission(changes=changes, blocked=unknown)
    missing = _missing(view, changes, hardware)
    if not missing:
        return Permission(changes=changes)
    waiting = _refused(view, changes, missing)
    if "instance_type" in missing or not all(way_back or _is_added(view, each) for each in waiting):
        return Permission(changes=changes, blocked=_blocked(view, changes, missing))
    kept = (*waiting, *_only_together(view, changes, waiting))
    if not all(way_back or _is_added(view, each) for each in kept):
        return Permission(changes=changes, blocked=_blocked(view, changes, missing))
    return Permission(
        changes=tuple(each for each in changes if each not in kept),
        kept=_kept(view, tuple(each for each in changes if each in kept), missing),
    )


def without_consent(view: View) -> tuple[Change, ...]:
    """Settings that an environment goes without because nobody has consented, for a log entry.

    What somebody added on Baseten is drift, though Git asks for yet another value: so is what the
    open intent brought and somebody has changed since.
    """
    if not view.environment.protected:
        return ()
    missing = _missing(view, view.differing, None)
    waiting = _refused(view, view.differing, missing)
    return tuple(
        replace(each, origin="drift") if _is_added(view, each) or _was_made(view, each) else each
        for each in (*waiting, *_only_together(view, view.differing, waiting))
    )


def _was_made(view: View, change: Change) -> bool:
    if view.intent is None:
        return False
    before, after = view.intent.entry.settings_before or {}, view.intent.entry.settings_after or {}
    path = change.path
    return (
        path in after
        and equal(path, after[path], change.after)
        and not equal(path, before.get(path), change.before)
    )


def _missing(view: View, changes: Sequence[Change], hardware: str | None) -> dict[str, str]:
    """What is to happen without consent, by the word of ``allow`` that would give it."""
    needed = dict(_needed(view, changes))
    less = smaller(view, hardware)
    if less is not None:
        needed["instance_type"] = less
    stale = _used_up(view, view.environment.allow & needed.keys())
    return {
        word: why
        for word, why in sorted(needed.items())
        if word not in view.environment.allow or word in stale
    }


def _refused(
    view: View, changes: Sequence[Change], missing: AbstractSet[str] | Mapping[str, str]
) -> tuple[Change, ...]:
    """The changes that need one of the words."""
    return tuple(
        each
        for each in changes
        if any(word in missing for word, _ in _needed(view, changes, only=each))
    )


def _is_added(view: View, change: Change) -> bool:
    """Whether what would go was added on Baseten, and is not what the release file takes away."""
    if change.origin == "drift":
        return True
    asked = view.log.asked_before(view.evidence.recorded) or {}
    path = change.path
    if path not in asked:
        return False
    if path.startswith(PREFIX):
        live = _live(view)
        then = {**live, **{each.path: each.after for each in view.differing}}
        return not _by_schedule(replace(change, before=asked[path]), {**live, **asked}, then)
    return not _by_field(path, asked[path], change.after)


def _only_together(
    view: View, changes: Sequence[Change], waiting: Sequence[Change]
) -> tuple[Change, ...]:
    """What would not fit to what is kept, as the other bound of the replicas."""
    live = view.live.settings if view.live is not None else Settings()
    made = [each for each in changes if each not in waiting]
    # What does not fit even without anything kept is for Baseten to say.
    together = unfit(flatten(with_changes(live, made))) - unfit(
        flatten(with_changes(live, changes))
    )
    return tuple(each for each in changes if each.path in together and each not in waiting)


def _blocked(view: View, changes: Sequence[Change], missing: Mapping[str, str]) -> Blocked:
    by_hand = (
        f"; `gitops drift {view.situation.model.key} --accept` keeps what was added on Baseten"
        if any(each.origin == "drift" for each in _refused(view, changes, missing))
        else ""
    )
    return Blocked(
        why=f"{view.name} is protected, and capacity would go: {'; '.join(missing.values())}",
        remedy=f"{_consent(view, missing)}{by_hand}",
    )


def _kept(view: View, changes: tuple[Change, ...], missing: Mapping[str, str]) -> Kept:
    keep = f"ask for it in {view.situation.model.release_file}"
    if all(each.origin == "drift" for each in changes):
        keep = f"`gitops drift {view.situation.model.key} --accept`"
    remedy = f"keep it: {keep}; or let it go: {_consent(view, missing)}"
    why = f"{view.name} is protected, and less capacity needs consent"
    return Kept(changes=tuple(_named(view, each) for each in changes), why=why, remedy=remedy)


def _named(view: View, change: Change) -> Change:
    """With who added it, also where Git asks for yet another value."""
    if change.origin == "drift" or not _is_added(view, change):
        return change
    (found,) = named([replace(change, origin="drift")], view.who_changed)
    return replace(found, origin=change.origin)


def _consent(view: View, missing: Mapping[str, str]) -> str:
    """The line to write."""
    used_up = sorted(set(missing) & view.environment.allow)
    again = (
        f" (`{', '.join(used_up)}` stands there since an earlier release, which has used it up: "
        "take it out in one commit and write it again in the next)"
        if used_up
        else ""
    )
    return (
        f"write `allow: [{', '.join(missing)}]` under environments.{view.name} "
        f"in {view.situation.model.release_file}{again}"
    )


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


def _needed(
    view: View, changes: Sequence[Change], only: Change | None = None
) -> list[tuple[str, str]]:
    """The words that changes need, each with why; those of one of them where it is given."""
    found: list[tuple[str, str]] = []
    live = _live(view)
    then = {**live, **{change.path: change.after for change in changes}}
    for change in changes if only is None else (only,):
        if change.path.startswith(PREFIX):
            found += _by_schedule(change, live, then)
        elif change.path in {f"autoscaling.{field}" for field in _REPLICAS}:
            found += _by_field(change.path, change.before, change.after)
    return found


def _live(view: View) -> dict[str, Json]:
    return flatten(view.live.settings) if view.live is not None else {}


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
    if not is_number(before) or not is_number(after) or after >= before:
        return []
    if path.endswith("min_replica") and after == 0:
        return [("scale_to_zero", f"{path} goes from {before} to 0")]
    if after * 2 <= before:
        return [("fewer_replicas", f"{path} goes from {before} to {after}")]
    return []


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
