"""Rules that stop a change before it is made: missing consent, missing secrets.

What counts as capacity, and which word consents to losing it, is in ``gitops.decide.capacity``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from gitops.decide.capacity import taken, taken_by_field, taken_by_schedule
from gitops.decide.changing import attributed
from gitops.decide.decision import Blocked, Kept
from gitops.decide.hardware import smaller
from gitops.decide.view import View
from gitops.record.history import consents
from gitops.state.differences import equal, flatten, with_changes
from gitops.state.fitting import unfit
from gitops.state.json import Json
from gitops.state.schedules import PREFIX
from gitops.state.settings import Change, Settings


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
    needed = dict(taken(_live(view), changes))
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
        if any(word in missing for word, _ in taken(_live(view), changes, only=(each,)))
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
        return not taken_by_schedule(replace(change, before=asked[path]), {**live, **asked}, then)
    return not taken_by_field(path, asked[path], change.after)


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
    return Kept(changes=tuple(_with_author(view, each) for each in changes), why=why, remedy=remedy)


def _with_author(view: View, change: Change) -> Change:
    """With who added it, also where Git asks for yet another value."""
    if change.origin == "drift" or not _is_added(view, change):
        return change
    (found,) = attributed([replace(change, origin="drift")], view.who_changed)
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
    needed = dict(taken(_live(view), changes))
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


def _live(view: View) -> dict[str, Json]:
    return flatten(view.live.settings) if view.live is not None else {}


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
