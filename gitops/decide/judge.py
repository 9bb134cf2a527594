"""The end of a release: what was promoted serves, is watched, and is recorded or rolled back."""

from __future__ import annotations

from gitops.decide.answers import PERSON_NEEDED, ROLLED_BACK, STILL_RUNNING, decision
from gitops.decide.decision import Decision, State
from gitops.decide.safety import without_consent
from gitops.decide.sides import side_of
from gitops.decide.steps import Record, RollBack, Step, Wait, Watch
from gitops.decide.view import View
from gitops.record.entry import Event
from gitops.record.history import OpenIntent
from gitops.state.desired import Watch as WatchRule
from gitops.state.health import Health
from gitops.state.recognise import Recognised
from gitops.verify.verdict import Outcome, Verdict


def is_bad(view: View, deployment_id: str) -> bool:
    """Whether this run's watch condemned a deployment, by the release file's own rule."""
    verdict = view.evidence.watch.get(deployment_id)
    return verdict is not None and condemned(verdict, view.environment.watch)


def condemned(verdict: Verdict, watch: WatchRule | None) -> bool:
    """Whether a watch's verdict undoes a release, by what the release file asks for."""
    if verdict.outcome is Outcome.INCONCLUSIVE:
        return watch is not None and watch.on_inconclusive == "fail"
    return verdict.outcome is Outcome.FAIL


def alerts_only(view: View, deployment_id: str) -> bool:
    """Whether a bad verdict is only said, and nothing undone."""
    watch = view.environment.watch
    return deployment_id in view.evidence.previous_as_bad or (
        watch is not None and watch.on_failure == "alert"
    )


def alerted(view: View) -> bool:
    """Whether what serves was found bad by this run and left serving because the file says so."""
    current = view.current
    if current is None or not is_bad(view, current.deployment.id):
        return False
    return current.deployment.id not in view.evidence.previous_as_bad


def judge(view: View) -> Decision | None:
    """Watch what serves under an open intent, then record or roll back. None where neither fits."""
    intent, current = view.intent, view.current
    if intent is None or current is None or not view.intent_serves:
        return None
    if intent.condemned:
        return _roll_back(view, intent, current, "a person asked for the version before it")
    deployment = current.deployment
    if current.health in {Health.INACTIVE, Health.STOPPED}:
        return None
    if current.health is Health.TRANSITION:
        why = f"{current.called} is {deployment.status}"
        wait = Wait(environment=view.name, reason=why)
        return decision(view, State.WAIT, why, steps=(wait,), exit_code=STILL_RUNNING)
    verdict = view.evidence.watch.get(deployment.id)
    failed = current.health is Health.FAILED
    if failed or is_bad(view, deployment.id):
        reason = verdict.reason if verdict else f"{current.called} is {deployment.status}"
        return _condemn(view, intent, current, reason)
    watch = view.environment.watch
    record = _record(view, Event.RELEASED, intent, current)
    if verdict is not None or view.options.no_watch or (watch is not None and watch.seconds <= 0):
        why = verdict.reason if verdict is not None else "it serves, and no watch was asked for"
        return decision(view, State.WATCH, why, steps=(record,))
    step = Watch(environment=view.name, deployment_id=deployment.id, intent=intent.id)
    why = f"{current.called} was promoted to {view.name} and not judged yet"
    return decision(view, State.WATCH, why, steps=(step, record))


def judge_followed(view: View) -> Decision | None:
    """The same for a person's promotion that this run followed: it is adopted, or held."""
    current = view.current
    if current is None or current.health not in {Health.READY, Health.UNHEALTHY, Health.FAILED}:
        return None
    side, verdict = side_of(current), view.evidence.watch.get(current.deployment.id)
    if current.health is Health.FAILED or is_bad(view, current.deployment.id):
        reason = verdict.reason if verdict else f"{current.called} is {current.deployment.status}"
        held = Record(environment=view.name, event=Event.HELD, from_=side, reason=reason)
        return decision(view, State.WATCH, reason, steps=(held,), exit_code=PERSON_NEEDED)
    adopt = Record(
        environment=view.name,
        event=Event.ADOPTED,
        from_=view.log.last_served,
        to=side,
        kept=without_consent(view),
    )
    watch = Watch(environment=view.name, deployment_id=current.deployment.id)
    steps: tuple[Step, ...] = (watch, adopt)
    if verdict is not None or view.options.no_watch:
        steps = (adopt,)
    return decision(view, State.WATCH, f"a person promoted {current.called}", steps=steps)


def _condemn(view: View, intent: OpenIntent, current: Recognised, reason: str) -> Decision:
    if alerts_only(view, current.deployment.id):
        record = _record(view, Event.RELEASED, intent, current)
        code = 0 if current.deployment.id in view.evidence.previous_as_bad else PERSON_NEEDED
        return decision(
            view,
            State.WATCH,
            reason,
            steps=(record,),
            notices=(f"{view.name} keeps serving it although it was found bad: {reason}",),
            exit_code=code,
        )
    if view.is_ours(current):
        return _roll_back(view, intent, current, reason)
    held = Record(
        environment=view.name,
        event=Event.HELD,
        from_=side_of(current),
        intent=intent.id,
        reason=reason,
    )
    return decision(view, State.WATCH, reason, steps=(held,), exit_code=PERSON_NEEDED)


def _roll_back(view: View, intent: OpenIntent, current: Recognised, reason: str) -> Decision:
    origin = intent.origin
    step = RollBack(
        environment=view.name, intent=intent.id, bad=side_of(current), to=origin, reason=reason
    )
    code = ROLLED_BACK if origin is not None else PERSON_NEEDED
    if intent.condemned:
        code = 0
    return decision(view, State.WATCH, reason, steps=(step,), exit_code=code)


def _record(view: View, event: Event, intent: OpenIntent, current: Recognised) -> Record:
    return Record(
        environment=view.name,
        event=event,
        from_=intent.origin,
        to=side_of(current),
        intent=intent.id,
        kept=without_consent(view),
    )
