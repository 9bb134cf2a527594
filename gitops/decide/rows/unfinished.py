"""Rows 10 and 13: an intent that nobody closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from gitops.decide import audit as audit_log
from gitops.decide.answers import GoOn
from gitops.decide.decision import Decision
from gitops.decide.judge import judge, judge_followed
from gitops.decide.sides import is_side
from gitops.decide.steps import Record, RestoreSettings, Step, Wait
from gitops.decide.view import View
from gitops.record.entry import Entry, Event
from gitops.record.history import OpenIntent
from gitops.record.holds import Hold
from gitops.state.back import put_back
from gitops.state.health import Health
from gitops.state.live import AuditEntry
from gitops.state.settings import Change, Settings

LOOK_FOR: Final = timedelta(minutes=1)
"""How long after its intent a promotion may still appear."""


def intent_came_to_nothing(view: View) -> Decision | GoOn | None:
    """Row 10: the open intent's artifact neither serves nor is on its way: close it, go on."""
    intent = view.intent
    if intent is None:
        return None
    if view.intent_serves:
        return judge(view) if intent.condemned else None
    seen, looked = intent.id in view.evidence.seen, intent.id in view.evidence.looked
    young = view.situation.now < intent.entry.at + LOOK_FOR
    # What serves already cannot be promoted any more by the run that announced it.
    is_back = intent.condemned and is_side(view.current, intent.origin)
    first: tuple[Step, ...] = ()
    if young and not is_back and not seen and not looked and not view.cancelled:
        why = f"a promotion to {view.name} was about to begin: it may still appear"
        first = (Wait(environment=view.name, reason=why),)
    if intent.condemned:
        return _rollback_is_over(view, intent, first)
    if view.cancelled or intent.id in view.evidence.cancelled:
        return _ended(view, intent, first, None, "Git asks for something else now")
    return _over(view, intent, first, seen=seen, looked=looked)


def _over(
    view: View, intent: OpenIntent, first: tuple[Step, ...], *, seen: bool, looked: bool
) -> GoOn:
    """The promotion is gone, and not by this run: what the audit log makes of it."""
    since = audit_log.since(view.audit_here, intent.entry.at)
    began = audit_log.promotion_of(since, intent.artifact)
    if view.audit is not None and began is None and not seen:
        return _never_began(view, intent, first)
    ended = audit_log.ended_by_another([entry for entry in since if entry is not began])
    if ended is not None:
        return _ended(view, intent, first, ended.actor, f"{ended.actor} ended the release")
    if seen and not looked:
        # Who ends a release with `gitops cancel` signs for it.
        why = f"the promotion to {view.name} was ended, not by this run: looking by whom"
        first = (*first, Wait(environment=view.name, reason=why))
    later = since[since.index(began) + 1 :] if began is not None else ()
    undone = audit_log.undone_by_us(later, intent.origin)
    if undone is not None and seen:
        who = f"somebody with {undone.actor}"
        return _ended(view, intent, first, who, f"{who} ended the release")
    return _ended(view, intent, first, None, _unexplained(view, undone))


def _unexplained(view: View, undone: AuditEntry | None) -> str:
    if undone is not None:
        return "it was ended with this API key, by `gitops cancel` or an earlier run"
    if view.audit is None:
        return "the release ended, and the audit log that could say how cannot be read"
    return "the release ended without it serving"


def _never_began(view: View, intent: OpenIntent, first: tuple[Step, ...]) -> GoOn:
    record = _close(view, intent, Event.NOT_STARTED, "no promotion of it began")
    log = replace(view.log, open_intent=None, last_served=intent.origin or view.log.last_served)
    return GoOn(
        view=view.with_log(log),
        steps=(*first, record),
        notices=(f"an earlier run announced a promotion to {view.name} that never began",),
    )


def _rollback_is_over(view: View, intent: OpenIntent, first: tuple[Step, ...]) -> GoOn:
    record = _close(view, intent, Event.HELD, intent.entry.reason)
    log = replace(view.log, open_intent=None, last_served=intent.origin)
    return GoOn(
        view=view.with_log(log),
        steps=(*first, record),
        notices=(f"an earlier run's rollback of {view.name} is over and was not written down",),
    )


def _ended(
    view: View, intent: OpenIntent, first: tuple[Step, ...], who: str | None, reason: str
) -> GoOn:
    changes = _left_behind(view, intent)
    restore = (RestoreSettings(environment=view.name, changes=changes),) if changes else ()
    record = _close(view, intent, Event.ROLLED_BACK, reason, who)
    before, after = intent.entry.settings_before or {}, intent.entry.settings_after or {}
    entry = replace(
        intent.entry,
        id="",
        at=view.situation.now,
        event=Event.ROLLED_BACK,
        intent=intent.id,
        reason=reason,
        ended_by=who,
        applied_commit=view.situation.applied_commit,
    )
    hold = Hold(side=intent.artifact, entry=entry, settings_before=before, settings_after=after)
    log = replace(
        view.log,
        open_intent=None,
        holds=(*view.log.holds, hold),
        last_served=intent.origin or view.log.last_served,
    )
    return GoOn(
        view=view.with_log(log).with_settings(changes),
        steps=(*first, *restore, record),
        notices=(f"an earlier release in {view.name} is over: {reason}",),
    )


def _close(
    view: View, intent: OpenIntent, event: Event, reason: str | None, who: str | None = None
) -> Record:
    entry: Entry = intent.entry
    return Record(
        environment=view.name,
        event=event,
        from_=entry.from_,
        to=entry.to,
        intent=intent.id,
        reason=reason,
        ended_by=who,
    )


def _left_behind(view: View, intent: OpenIntent) -> tuple[Change, ...]:
    """Settings of the release that is over and that are still in force."""
    before, after = intent.entry.settings_before or {}, intent.entry.settings_after or {}
    live = view.live.settings if view.live is not None else Settings()
    return put_back(before, after, live, view.situation.now)


def wanted_serves_unjudged(view: View) -> Decision | None:
    """Row 13: what is wanted serves under an open intent: watch again, record or roll back."""
    if not view.serves:
        return None
    if view.intent_serves:
        healths = {Health.READY, Health.UNHEALTHY, Health.FAILED}
        return judge(view) if view.health in healths else None
    current = view.current
    if current is None or current.deployment.id not in view.evidence.followed:
        return None
    if not view.log_known or view.wanted.is_side(view.log.last_served):
        return None
    return judge_followed(view)
