"""What was changed outside of Git, by whom and when: one situation in, values out.

Drift is what differs from what the deploy log says was released, while Git still asks for that.
What Git asks for anew is a release; a hold, a block and a release under way are no drift either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from gitops.decide import audit as audit_log
from gitops.decide.decision import Decision, Needs
from gitops.decide.facts import Unread
from gitops.decide.rows.foreign import foreign_serves
from gitops.decide.sides import is_side, side_of
from gitops.decide.situation import Situation
from gitops.decide.steps import Promote, UpdateSettings
from gitops.decide.view import View
from gitops.plan.model import Serving, Wanted
from gitops.plan.stated import wanted
from gitops.record.entry import Event
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredModel
from gitops.state.differences import equal, flatten, set_by
from gitops.state.health import Health
from gitops.state.live import AuditEntry, LiveModel
from gitops.state.recognise import Recognised
from gitops.state.settings import Change

Kind: TypeAlias = Literal[
    "setting",
    "artifact",
    "promotion",
    "paused_promotion",
    "deactivated",
    "environment_deleted",
    "model_renamed",
    "model_deleted",
    "model_made_again",
]
"""``artifact``: something else serves. ``promotion``: something else is about to."""

Unknown: TypeAlias = Literal["not_named", "unreadable"]

Apply: TypeAlias = Literal["sets_back", "keeps", "leaves"]

_RENAMED: Final = "MODEL_RENAMED"
_ENVIRONMENT_DELETED: Final = "ENVIRONMENT_DELETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """One thing that was changed outside of Git.

    ``path`` is a setting's dotted path. ``git`` is what Git says and ``live`` what Baseten has: a
    setting's value; what is wanted and what serves (``Wanted``, ``Serving``); a model's name or id.
    None: not there. ``held_at`` is the value of a setting that a hold asks for in place of Git's.
    ``by`` whom and ``at`` when (RFC 3339) are Baseten's audit log's; where it
    names nobody, ``unknown`` says whether it is silent about this or this key may not read it.
    ``detail`` is a sentence where more is to be said. ``apply`` is what the next apply does about a
    setting: it sets it back, keeps what Baseten has until somebody consents (``remedy`` says how),
    or leaves it alone, since it stops before that or has other things to do first. None: not asked.
    """

    kind: Kind
    path: str | None = None
    git: Any = None
    live: Any = None
    held_at: Any = None
    by: str | None = None
    at: str | None = None
    unknown: Unknown | None = None
    detail: str | None = None
    apply: Apply | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentDrift:
    """One environment. ``unjudged`` says why nothing can be said about it; None: it was judged.

    ``follows_head`` is true where Git asks for ``commit: HEAD``. ``notes`` are sentences about what
    differs and is no drift.
    """

    environment: str
    mode: Literal["reconcile", "observe", "pause"] = "reconcile"
    follows_head: bool = False
    drift: tuple[Drifted, ...] = ()
    unjudged: str | None = None
    notes: tuple[str, ...] = ()


def environment_drift(situation: Situation) -> EnvironmentDrift | Needs:
    """What was changed in one environment, or which facts have to be read to say so."""
    wanted, model = situation.environment, situation.model
    mode = model.mode if model.mode != "reconcile" else wanted.mode
    view = View.of(situation)
    try:
        unjudged = _unjudged(view, mode)
        found = () if unjudged else tuple(_found(view))
        notes = () if unjudged else tuple(_notes(view))
    except Unread as missing:
        return Needs(facts=frozenset({missing.fact}))
    return EnvironmentDrift(
        environment=wanted.name,
        mode=mode,
        follows_head=wanted.follows_head,
        drift=found,
        unjudged=unjudged,
        notes=notes,
    )


def with_apply(found: EnvironmentDrift, decision: Decision) -> EnvironmentDrift:
    """The same with what an apply would do about its settings, by what it would decide."""
    alone = all(item.kind == "setting" for item in found.drift)
    return replace(
        found,
        drift=tuple(
            _with_apply(item, decision, alone=alone) if item.kind == "setting" else item
            for item in found.drift
        ),
    )


def _with_apply(item: Drifted, decision: Decision, *, alone: bool) -> Drifted:
    """``alone``: no other drift beside it says already why an apply leaves it."""
    kept = decision.kept
    if kept is not None and any(each.path == item.path for each in kept.changes):
        return replace(
            item, apply="keeps", detail=f"apply keeps it: {kept.why}", remedy=kept.remedy
        )
    steps = [each for each in decision.steps if isinstance(each, UpdateSettings | Promote)]
    if any(change.path == item.path for each in steps for change in each.changes):
        return replace(item, apply="sets_back")
    blocked = decision.blocked if alone else None
    return replace(
        item,
        apply="leaves",
        detail=f"apply leaves it: {blocked.why}" if blocked is not None else item.detail,
        remedy=blocked.remedy if blocked is not None else None,
    )


def model_drift(
    model: DesiredModel,
    live: LiveModel | None,
    history: ModelHistory,
    *,
    elsewhere: str | None,
    audit: Sequence[AuditEntry] | None,
) -> Drifted | None:
    """What became of the model that the deploy log knows; None where it is still there.

    ``elsewhere`` is the name that it has now; ``audit`` are its own entries, None where this key
    may not read them.
    """
    known = history.model_id
    if known is None or (live is not None and live.id == known and elsewhere is None):
        return None
    if elsewhere is not None:
        renames = [each for each in audit or () if each.event_type == _RENAMED]
        return _with_actor(
            Drifted(kind="model_renamed", git=model.key.name, live=elsewhere),
            renames[-1] if renames else None,
            readable=audit is not None,
        )
    if live is None:
        return Drifted(kind="model_deleted", git=known, unknown="not_named")
    return Drifted(kind="model_made_again", git=known, live=live.id, unknown="not_named")


def _unjudged(view: View, mode: str) -> str | None:
    if mode == "pause":
        return "its release file says mode: pause, so nothing was asked about it"
    if not view.log_known:
        return "the deploy log could not be read, and without it drift cannot be told from releases"
    if view.situation.superseded:
        commit = view.situation.applied_commit[:12]
        return f"a newer commit than {commit} was applied already: pull that first"
    if _never_released(view) and view.log.asked_settings is None:
        return "nothing was released there from here yet, so nothing there can have drifted"
    return None


def _never_released(view: View) -> bool:
    """First contact: an intent, too, says what served before it, also that nothing did."""
    announced = any(entry.event is Event.INTENT for entry in view.log.entries)
    return view.log.last_served is None and not announced


def _found(view: View) -> Iterator[Drifted]:
    if view.live is None:
        yield from _environment_deleted(view)
        return
    yield from _artifact(view)
    yield from _promotion(view)
    yield from _deactivated(view)
    yield from (_setting(view, change) for change in _settings(view) if not _own(view, change))


def _notes(view: View) -> Iterator[str]:
    own = [change.path for change in _settings(view) if _own(view, change)] if view.live else []
    if own:
        yield (
            f"{', '.join(own)} of {view.name} {'was' if len(own) == 1 else 'were'} set by a run of"
            " gitops that is under way or did not end: the next apply settles that"
        )
    current = view.current
    inactive = current is not None and current.health is Health.INACTIVE
    if current is not None and inactive and view.audit is None:
        yield (
            f"{current.called} in {view.name} is INACTIVE, and this key may not read the audit log,"
            " which says whether a person did that"
        )


# What serves


def _environment_deleted(view: View) -> Iterator[Drifted]:
    if view.situation.live is None or view.log.last_served is None:
        return
    entries = [each for each in view.audit_here if each.event_type == _ENVIRONMENT_DELETED]
    item = Drifted(kind="environment_deleted", git=view.name)
    yield _named(view, item, entries[-1] if entries else None)


def _artifact(view: View) -> Iterator[Drifted]:
    current, last = view.current, view.log.last_served
    if current is None:
        if last is not None and view.intent is None and view.candidate is None:
            entries = [
                each
                for each in view.audit or ()
                if each.deployment_id == last.deployment_id and each.event_type.endswith("_DELETED")
            ]
            item = Drifted(kind="artifact", git=_wanted(view))
            yield _named(view, item, entries[-1] if entries else None)
        return
    if _never_released(view) or is_side(current, last):
        return
    if not isinstance(foreign_serves(view), Decision):
        return
    item = Drifted(
        kind="artifact", git=_wanted(view), live=_serving(current), detail=current.conflict
    )
    yield _named(view, item, audit_log.promotion_of(view.audit_here, side_of(current)))


def _promotion(view: View) -> Iterator[Drifted]:
    if view.promotion_status == "PAUSED":
        item = Drifted(kind="paused_promotion", git=_wanted(view), live=_serving(view.candidate))
        yield _named(view, item, audit_log.pause(view.audit_here))
        return
    found = view.candidate
    if found is None or view.candidate_is_over or view.wanted.is_served_by(found):
        return
    back = view.intent is not None and is_side(found, view.intent.origin)
    if view.is_ours(found) or (view.audit is None and back):
        return
    item = Drifted(kind="promotion", git=_wanted(view), live=_serving(found), detail=found.conflict)
    yield _named(view, item, audit_log.promotion_of(view.audit_here, side_of(found)))


def _deactivated(view: View) -> Iterator[Drifted]:
    current = view.current
    if current is None or current.health is not Health.INACTIVE or view.audit is None:
        return
    entry = audit_log.stopped_by_another(view.audit, current.deployment)
    if entry is not None:
        item = Drifted(kind="deactivated", git=_wanted(view), live=_serving(current))
        yield _named(view, item, entry)


def _wanted(view: View) -> Wanted:
    return wanted(view.environment, view.built_from)


def _serving(found: Recognised | None) -> Serving | None:
    if found is None:
        return None
    return Serving(
        deployment_id=found.deployment.id,
        deployment_name=found.deployment.name,
        digest=found.digest,
        commit=found.commit,
        status=found.deployment.status,
    )


# Settings


def _settings(view: View) -> tuple[Change, ...]:
    return tuple(change for change in view.changes if change.origin == "drift")


def _own(view: View, change: Change) -> bool:
    """Whether a run of this tool made it so: one under way, or one that died before it said so."""
    if view.intent is not None:
        asked = view.intent.entry
        for side in (asked.settings_before or {}, asked.settings_after or {}):
            if change.path in side and equal(change.path, side[change.path], change.before):
                return True
    entry = _changed_by(view, change)
    return entry is not None and entry.by_tool and set_by(entry, change.path, change.before)


def _changed_by(view: View, change: Change) -> AuditEntry | None:
    """Who changed a field last. What our key did before the log's last entry is in that entry."""
    entry, last = view.who_changed(change), view.log.last
    logged = entry is not None and entry.own and last is not None and entry.at <= last.at
    return None if logged else entry


def _setting(view: View, change: Change) -> Drifted:
    asked = flatten(view.environment.settings).get(change.path)
    held = None if equal(change.path, asked, change.after) else change.after
    item = Drifted(kind="setting", path=change.path, git=asked, live=change.before, held_at=held)
    return _named(view, item, _changed_by(view, change))


# Who


def _named(view: View, item: Drifted, entry: AuditEntry | None) -> Drifted:
    return _with_actor(item, entry, readable=view.audit is not None)


def _with_actor(item: Drifted, entry: AuditEntry | None, *, readable: bool) -> Drifted:
    unknown: Unknown | None = None
    if entry is None:
        unknown = "not_named" if readable else "unreadable"
    return replace(
        item,
        by=entry.actor if entry is not None else None,
        at=_instant(entry.at) if entry is not None else None,
        unknown=unknown,
    )


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
