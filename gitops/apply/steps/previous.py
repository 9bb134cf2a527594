"""What a release took over from, where it stays warm until the watch has passed."""

from __future__ import annotations

from typing import Final

from gitops.apply.job import Job
from gitops.decide.judge import condemned
from gitops.decide.steps import Promote, Record
from gitops.errors import BasetenError
from gitops.record.entry import Entry, Event
from gitops.state.json import JsonObject
from gitops.state.live import Deployment
from gitops.verify.verdict import Verdict

STAYS_WARM: Final[JsonObject] = {"promotion_cleanup_strategy": "KEEP"}
"""For one promotion only: the environment's own strategy is carried out once the watch passed."""

WARM: Final[JsonObject] = {"keep_previous": True}
"""In the figures of an intent: whoever ends the release lets the previous deployment go."""

_STOPPED: Final = frozenset({"INACTIVE", "DEACTIVATING"})


def stays_warm(job: Job, step: Promote) -> bool:
    """Whether the release that begins now is to keep what serves before it warm."""
    watch = job.desired.watch
    if watch is None or watch.seconds <= 0 or job.options.no_watch or step.from_ is None:
        return False
    return watch.keep_previous


def read_back(job: Job, intent_id: str | None) -> None:
    """Warn where an older API did not keep what the promotion was to keep."""
    intent = job.history.intent(intent_id)
    if intent is None or intent.from_ is None or not intent.figures.get("keep_previous"):
        return
    found = job.ports.reader.deployment(job.view.model_id, intent.from_.deployment_id)
    if found is None or found.environment is not None:
        return
    least = (found.autoscaling or {}).get("min_replica")
    if found.status in _STOPPED or (found.status == "SCALED_TO_ZERO" and least):
        job.warnings.append(
            f"{job.tag}: Baseten did not keep deployment {found.id}, which served before, warm: it "
            f"is {found.status}, and a rollback has to start it first"
        )


def let_go(job: Job, step: Record) -> None:
    """Once a release is judged, do with the one before it what the environment's strategy says.

    It may be repeated: a run that was killed here is continued by one that comes here again. Where
    the watch failed and only alerts, a person may want to go back at once: then it stays as it is.
    What cannot be done is a warning, for the release is what it is.
    """
    intent = job.history.intent(step.intent)
    if (
        step.event is not Event.RELEASED
        or intent is None
        or not intent.figures.get("keep_previous")
    ):
        return
    previous = _previous(job, intent)
    if previous is None:
        return
    if alerted(job, step) is not None:
        job.warnings.append(
            f"{job.tag}: deployment {previous.id}, which served before, is still warm for a way "
            "back, and bills; nothing will stop it by itself"
        )
        return
    strategy = _strategy(job)
    try:
        _carry_out(job, previous, strategy)
    except BasetenError as error:
        job.warnings.append(
            f"{job.tag}: deployment {previous.id}, which served before, still keeps its replicas: "
            f"{error.message}"
        )


def _previous(job: Job, intent: Entry) -> Deployment | None:
    """The deployment before, unless it serves somewhere, is on its way to, or runs no more."""
    if intent.from_ is None:
        return None
    reader, model_id = job.ports.reader, job.view.model_id
    job.view.refresh()
    attached = {
        each.id
        for environment in (job.view.live.environments if job.view.live is not None else ())
        for each in (environment.current, environment.candidate)
        if each is not None
    }
    found = reader.deployment(model_id, intent.from_.deployment_id)
    if found is None or found.id in attached or found.environment is not None:
        return None
    return found if found.status not in _STOPPED else None


def alerted(job: Job, step: Record) -> Verdict | None:
    """The verdict that condemns what is recorded all the same, because its watch only alerts."""
    serving = step.to.deployment_id if step.to is not None else ""
    verdict = job.evidence.watch.get(serving)
    if verdict is None or serving in job.evidence.previous_as_bad:
        return None
    return verdict if condemned(verdict, job.desired.watch) else None


def _strategy(job: Job) -> str:
    live = job.live
    found = live.settings.promotion.get("promotion_cleanup_strategy") if live is not None else None
    # Baseten's own default.
    return found if isinstance(found, str) else "SCALE_TO_ZERO"


def _carry_out(job: Job, previous: Deployment, strategy: str) -> None:
    writer, model_id = job.ports.writer, job.view.model_id
    match strategy:
        case "KEEP":
            return
        case "DEACTIVATE":
            writer.deactivate(model_id, previous.id)
            job.progress(f"deployment {previous.id}, which served before, is deactivated")
        case _:
            if (previous.autoscaling or {}).get("min_replica") == 0:
                return
            writer.scale(model_id, previous.id, {"min_replica": 0})
            job.progress(f"deployment {previous.id}, which served before, may scale to zero now")
