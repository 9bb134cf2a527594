"""Check: an environment's checks against what it would get, or serves; nothing is released."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from gitops.apply.checking import Bench, run_checks
from gitops.apply.pace import Pace
from gitops.decide.situation import Situation
from gitops.decide.target import deployment_of
from gitops.errors import Refused, RepositoryError, UsageError
from gitops.pipeline.plan import PlanRequest, Session, opened
from gitops.pipeline.project import Project
from gitops.pipeline.selection import Selection, select
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.state.health import Health, health_of
from gitops.state.live import Deployment, LiveModel
from gitops.state.recognise import called
from gitops.verify.results import Checked

PACE: Final = Pace()

Hear: TypeAlias = Callable[[str], None]
"""Hears a sentence about what goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """Which checks to run. ``rev`` None: HEAD, under the working tree's release files.

    ``serving``: against what serves now, whatever Git asks for.
    """

    model: str
    environment: str
    rev: str | None = None
    serving: bool = False


def check(project: Project, request: CheckRequest, *, hear: Hear) -> Checked:
    """Run the checks. Reads, wakes what scaled to zero, and predicts; nothing else is changed.

    Requests that went wrong are kept below the Git directory. Raises ``Refused`` where there is no
    deployment that could be asked, and whatever planning raises.
    """
    selection = Selection(models=(request.model,), environment=request.environment)
    asked = PlanRequest(selection=selection, rev=request.rev)
    with opened(project, asked) as session:
        for warning in dict.fromkeys(session.warnings):
            hear(warning)
        model, environment = _chosen(session, request)
        tag = f"{model.key}/{environment.name}"
        if environment.mode == "pause" or model.paused:
            raise Refused(f"{tag} is paused in its release file, so nothing may be asked about it")
        empty = Checked(
            model=str(model.key),
            environment=environment.name,
            commit=session.whole.commit,
        )
        if not environment.checks:
            return empty
        live = session.outside.ports.reader.model(model.key)
        found, serves = _deployment(session, model, environment, live, serving=request.serving)
        _raise_if_not_ready(found, tag)
        results = run_checks(
            _bench(session, model, found.model_id, hear),
            found.id,
            environment.checks,
            lambda: _serving(session, model, environment),
            every=True,
        )
        checked = replace(empty, deployment=found, serves=serves, results=results)
        return _kept(session, checked, hear)


def _chosen(session: Session, request: CheckRequest) -> tuple[DesiredModel, DesiredEnvironment]:
    models = select(session.whole, session.selection).models
    for model in models:
        for environment in model.environments:
            if environment.name == request.environment:
                return model, environment
    raise UsageError(f"{request.model} has no environment {request.environment!r}")


def _deployment(
    session: Session,
    model: DesiredModel,
    environment: DesiredEnvironment,
    live: LiveModel | None,
    *,
    serving: bool,
) -> tuple[Deployment, bool]:
    """The deployment to ask, and whether it is what serves."""
    key, tag = model.key, f"{model.key}/{environment.name}"
    there = live.environment(environment.name) if live is not None else None
    current = there.current if there is not None else None
    if serving:
        if current is None:
            raise Refused(f"nothing serves {tag}")
        return current, True
    found = None
    if live is not None:
        ports = session.outside.ports
        situation = Situation(
            model=model,
            environment=environment,
            applied_commit=session.whole.commit,
            now=ports.clock.now(),
            live=replace(live, deployments=ports.reader.deployments(live.id)),
            history=ModelHistory.of(ports.log.entries(key)),
        )
        found = deployment_of(situation)
    if found is None:
        what = (
            f"commit {environment.artifact.commit[:12]}"
            if environment.artifact is not None
            else f"deployment {environment.deployment}"
        )
        raise Refused(
            f"{what}, which Git asks for in {tag}, is not on Baseten yet",
            hint=f"`gitops apply {key}` pushes it, and checks it before it gets any traffic; "
            f"`gitops check {key} {environment.name} --serving` checks what serves now.",
        )
    return found.deployment, current is not None and current.id == found.deployment.id


def _raise_if_not_ready(found: Deployment, tag: str) -> None:
    """What is stopped is not started here: that would be a change."""
    health = health_of(found.status)
    if health in {Health.READY, Health.UNHEALTHY} or found.status == "WAKING_UP":
        return
    remedy = (
        "Run it again once it is ready."
        if health is Health.TRANSITION
        else f"`gitops plan {tag.rpartition('/')[0]}` says what an apply would do about it."
    )
    raise Refused(f"{called(found.id, found.name)} is {found.status}", hint=remedy)


def _bench(session: Session, model: DesiredModel, model_id: str, hear: Hear) -> Bench:
    ports = session.outside.ports

    def say(message: str, *, status: str | None = None) -> None:
        hear(f"{message} ({status})" if status else message)

    return Bench(
        reader=ports.reader,
        prober=ports.prober,
        clock=ports.clock,
        pace=PACE,
        stop=session.outside.stop,
        model_id=model_id,
        start=model.timeouts.start,
        say=say,
        judge=ports.judge,
    )


def _serving(
    session: Session, model: DesiredModel, environment: DesiredEnvironment
) -> Deployment | None:
    live = session.outside.ports.reader.model(model.key)
    there = live.environment(environment.name) if live is not None else None
    return there.current if there is not None else None


def _kept(session: Session, checked: Checked, hear: Hear) -> Checked:
    store = session.outside.ports.failures
    if store is None or not checked.results.pairs:
        return checked
    from gitops.render.checks import document

    files = {
        "summary.json": document(checked),
        "pairs.jsonl": "".join(f"{json.dumps(each)}\n" for each in checked.results.pairs),
    }
    try:
        kept = store.keep(checked.model, checked.environment, "check", files)
    except RepositoryError as error:
        hear(f"nothing could be kept of it: {error.message}")
        return checked
    return replace(checked, kept=kept)
