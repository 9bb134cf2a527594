"""The executor: models side by side, each environment to its rest, one exit code in the end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from gitops.apply.budget import Budget
from gitops.apply.environment import Result, run_environment
from gitops.apply.exits import combined
from gitops.apply.job import Job, Listed
from gitops.apply.observe import ModelView
from gitops.apply.run import Emit, Run
from gitops.decide import in_order
from gitops.interruptible import mapped
from gitops.plan.events import ApplyEvent, ApplyFinished, ApplyStarted, EnvironmentFailure
from gitops.state.desired import DesiredModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an apply ended.

    ``results`` in the plan's order; ``notices`` are what the deploy log had to say meanwhile.
    """

    exit_code: int
    results: tuple[Result, ...] = field(default_factory=tuple)
    finished: ApplyFinished
    notices: tuple[str, ...] = ()


def execute(run: Run, models: Sequence[DesiredModel]) -> Outcome:
    """Carry out what is to be done for these models, ``run.parallel`` of them at a time.

    The deploy log has been fetched. A failure in one model never stops another. ``apply_finished``
    is the last event, whatever happens; a bug is raised after it.
    """
    emit = _serial(run.emit)
    run = replace(run, emit=emit)
    clock = run.ports.clock
    begun = clock.monotonic()
    emit(
        ApplyStarted(
            time=clock.now(),
            commit=run.commit,
            dirty=run.dirty,
            api_url=run.api_url,
            workspace=run.workspace,
            models=tuple(str(model.key) for model in models),
            actions=run.planned,
            run=run.id,
            environments=_to_be_touched(run, models),
        )
    )
    said = set(run.ports.log.notices)
    budget = Budget(run.max_rollbacks)
    done: dict[str, Result] = {}
    bugs: list[BaseException] = []

    def one(model: DesiredModel) -> None:
        try:
            run_model(run, model, budget, done)
        except Exception as bug:  # noqa: BLE001 - raised again below, after the last event
            bugs.append(bug)

    with ThreadPoolExecutor(max_workers=max(run.parallel, 1)) as pool:
        mapped(pool, one, models)
    tags = [
        f"{model.key}/{environment.name}" for model in models for environment in model.environments
    ]
    results = tuple(done[tag] for tag in tags if tag in done)
    exit_code = combined(
        [*(each.exit_code for each in results), *([1] if bugs else [])],
        interrupted=run.stop.is_set,
    )
    finished = _finished(run, results, exit_code, clock.monotonic() - begun)
    emit(finished)
    if bugs:
        raise bugs[0]
    notices = tuple(each for each in run.ports.log.notices if each not in said)
    return Outcome(exit_code=exit_code, results=results, finished=finished, notices=notices)


def _to_be_touched(run: Run, models: Sequence[DesiredModel]) -> tuple[str, ...]:
    """``MODEL/ENV`` of every environment with a planned action, in the order of the run."""
    planned = {
        f"{model.name}/{action.environment}"
        for model in (run.plan.models if run.plan is not None else ())
        for action in model.actions
    }
    tags = (f"{model.key}/{each.name}" for model in models for each in in_order(model.environments))
    return tuple(tag for tag in tags if tag in planned)


def run_model(run: Run, model: DesiredModel, budget: Budget, done: dict[str, Result]) -> None:
    """One model's environments, those that others require first; then its lock is given back."""
    try:
        _run_model(run.under_lease(model).patient(), model, budget, done)
    finally:
        if run.leases is not None:
            run.leases.finish(model.key)


def _run_model(run: Run, model: DesiredModel, budget: Budget, done: dict[str, Result]) -> None:
    view = ModelView(run, model)
    for environment in in_order(model.environments):
        if run.environments is not None and environment.name not in run.environments:
            continue
        if run.stop.is_set:
            return
        result = run_environment(Job(run=run, view=view, desired=environment), budget)
        if result.decision is not None:
            view.decided[environment.name] = result.decision
        if result.exit_code:
            view.ended_badly.add(environment.name)
        done[result.tag] = result


def _finished(run: Run, results: Sequence[Result], exit_code: int, seconds: float) -> ApplyFinished:
    def of(listed: Listed) -> tuple[str, ...]:
        return tuple(each.tag for each in results if each.listed == listed)

    return ApplyFinished(
        time=run.ports.clock.now(),
        exit_code=exit_code,
        converged=of("converged"),
        failed=of("failed"),
        rolled_back=of("rolled_back"),
        rejected=of("rejected"),
        blocked=of("blocked"),
        held=of("held"),
        running=of("running"),
        superseded=of("superseded"),
        failures=tuple(
            EnvironmentFailure(model=each.model, environment=each.environment, failure=failure)
            for each in results
            for failure in each.failures
        ),
        seconds=round(seconds, 3),
    )


def _serial(emit: Emit) -> Emit:
    """One event at a time, whichever model's thread it comes from."""
    lock = threading.Lock()

    def serial(event: ApplyEvent) -> None:
        with lock:
            emit(event)

    return serial
