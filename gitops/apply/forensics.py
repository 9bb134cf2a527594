"""What is kept of a failure: enough to find out later why, in one folder below the Git directory.

Everything in it is redacted and cut. That nothing could be kept is said, and never stops anything:
what serves is more important than what is known about what does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gitops.apply.job import Job
from gitops.errors import BasetenError, GitopsError
from gitops.plan import document
from gitops.record.entry import Side
from gitops.render.text import printable
from gitops.state.json import Json, JsonObject
from gitops.state.kept import KEPT
from gitops.state.live import Deployment
from gitops.verify import excerpt
from gitops.verify.observation import Window

LOG_LINES: Final = 5000
LONGEST: Final = 1 << 20
"""Characters that are kept of one file."""

SLICES: Final = 6
"""Into how many windows the time of the failure is cut."""

BEFORE: Final = timedelta(minutes=5)
"""How long before a release its log and its figures are kept."""


def keep(
    job: Job,
    what: str,
    *,
    deployment: Deployment | Side | None,
    reason: str,
    since: datetime | None = None,
    pairs: Sequence[JsonObject] = (),
    ask: bool = True,
) -> tuple[str, ...]:
    """Keep what is known of a failure; the line that says where, for people.

    ``since`` is from when logs and figures are read, default from the deployment's beginning;
    ``ask`` False: Baseten does not answer, so it is not asked for them. The place is in the figures
    of every entry that this environment's run writes from now on.
    """
    store = job.ports.failures
    if store is None:
        return ()
    side = job.side(deployment) if isinstance(deployment, Deployment) else deployment
    files = _told(job, what, side, reason)
    if pairs:
        files["pairs.jsonl"] = "".join(f"{json.dumps(each)}\n" for each in pairs)
    if side is not None and ask:
        made = deployment.created_at if isinstance(deployment, Deployment) else job.now() - BEFORE
        files |= _of_baseten(job, side, since or made, job.now())
    try:
        kept = store.keep(job.model, job.name, what, files)
    except GitopsError as error:
        return (f"nothing could be kept of it: {error.message}",)
    job.figures["kept"] = kept.name
    return (f"{KEPT}{kept.shown}",)


def _told(job: Job, what: str, side: Side | None, reason: str) -> dict[str, str]:
    """What this run knows by itself."""
    files = {"summary.json": _json(_summary(job, what, side, reason))}
    artifact = job.desired.artifact
    if artifact is not None and side is not None and side.digest in {None, artifact.digest}:
        files["config.yaml"] = excerpt.longer_text(artifact.raw_config, LONGEST)
    if job.run.plan is not None:
        own = tuple(each for each in job.run.plan.models if each.name == job.model)
        files["plan.json"] = document.to_text(replace(job.run.plan, models=own))
    return files


def _of_baseten(job: Job, side: Side, begun: datetime, now: datetime) -> dict[str, str]:
    """Log and figures; where Baseten does not answer once, it is not asked again."""
    reader, model_id, deployment_id = job.ports.reader, job.view.model_id, side.deployment_id
    files: dict[str, str] = {}
    step = (now - begun) / SLICES
    try:
        lines = reader.logs(model_id, deployment_id, since=begun, limit=LOG_LINES)
        text = "".join(f"{line}\n" for line in lines)
        files["log.txt"] = excerpt.last_text(text, LONGEST)
        windows = [
            reader.window(model_id, deployment_id, begun + step * each, begun + step * (each + 1))
            for each in range(SLICES if step.total_seconds() >= 1 else 0)
        ]
    except BasetenError as error:
        files["not-read.txt"] = f"{excerpt.longer_text(error.message, LONGEST)}\n"
    else:
        files["metrics.json"] = _json([_figures(each) for each in windows])
    return files


def _summary(job: Job, what: str, side: Side | None, reason: str) -> dict[str, Json]:
    return {
        "format_version": "1",
        "what": what,
        "reason": excerpt.longer_text(reason, LONGEST),
        "at": job.now().isoformat(),
        "model": job.model,
        "environment": job.name,
        "deployment": None
        if side is None
        else {
            "id": side.deployment_id,
            "name": side.deployment_name,
            "digest": side.digest,
            "commit": side.commit,
        },
        "applied_commit": job.run.commit,
        "run": job.run.id,
        "by": job.run.by,
        "where": job.run.where,
        "figures": dict(job.figures),
    }


def _figures(window: Window) -> dict[str, Json]:
    return {
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "requests": window.requests,
        "errors": window.errors,
        "latency": dict(window.latency),
        "replicas": window.replicas,
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=True, default=_plain) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return list(value)
    return printable(str(value))
