"""The world read into what the page shows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from gitops.emulator.page.deployments import serving, tone
from gitops.emulator.page.events import latest
from gitops.emulator.page.history import Ended, History
from gitops.emulator.page.rates import RECENT_SECONDS, rates, recent, share
from gitops.emulator.page.values import (
    Bar,
    EnvironmentLine,
    ModelLine,
    Motion,
    Question,
    Starting,
    Tone,
    Totals,
    Workspace,
)
from gitops.emulator.world import metrics
from gitops.emulator.world.entities import (
    FAILED,
    STARTING,
    Deployment,
    Environment,
    Model,
    Promotion,
)
from gitops.emulator.world.world import World

MODELS_PER_PAGE = 30
MOTIONS = 12
OTHERS = 12
POOR_SHARE = 0.05
"""From this share of failed requests in the last minute on, an environment is worth a look."""

_ENDED_TONES: dict[str, Tone] = {"SUCCEEDED": "good", "FAILED": "bad"}
_TROUBLE: frozenset[Tone] = frozenset({"poor", "bad"})


@dataclass(slots=True)
class _Survey:
    """What one walk over every environment and deployment finds."""

    promoting: list[tuple[Model, Environment, Promotion]] = field(default_factory=list)
    starting: list[tuple[Model, Deployment]] = field(default_factory=list)
    tones: dict[tuple[str, str], Tone] = field(default_factory=dict)
    """How each environment stands, by model id and name."""
    empty: int = 0
    replicas: int = 0
    requests: Bar = field(default_factory=lambda: Bar(requests=0, failed=0))


def read(world: World, history: History, question: Question) -> Workspace:
    """The workspace at this moment; `question` says which models, the rest is of all."""
    survey = _survey(world)
    motions = _motions(world, history, survey)
    room = max(0, MOTIONS - len(motions))
    found = _found(world, survey, question)
    pages = max(1, math.ceil(len(found) / MODELS_PER_PAGE))
    page = min(max(1, question.page), pages)
    start = (page - 1) * MODELS_PER_PAGE
    models = found[start : start + MODELS_PER_PAGE]
    return Workspace(
        name=world.workspace,
        mode=world.options.mode,
        speed=world.options.speed,
        now=world.now,
        totals=_totals(world, survey),
        motions=tuple(motions[:MOTIONS]),
        startings=tuple(
            Starting(model_id=model.id, model=model.name, deployment=serving(world, deployment))
            for model, deployment in survey.starting[:room]
        ),
        hidden=max(0, len(motions) + len(survey.starting) - MOTIONS),
        models=tuple(_model(world, survey, each) for each in models),
        question=Question(text=question.text, show=question.show, page=page),
        first=start + 1 if models else 0,
        found=len(found),
        pages=pages,
        events=latest(world, history),
    )


def _survey(world: World) -> _Survey:
    survey = _Survey()
    requests = failed = 0
    failing: set[str] = set()
    for model in world.models.values():
        candidates = set()
        for deployment in model.deployments.values():
            survey.replicas += deployment.replicas
            if deployment.samples.first_seen:
                lately = recent(metrics.of_deployment(deployment), world.now)
                requests += lately.requests
                failed += lately.failed
                if lately.failed:
                    failing.add(deployment.id)
        for environment in model.environments.values():
            promotion = environment.promotion
            if promotion is not None and promotion.running:
                survey.promoting.append((model, environment, promotion))
                candidates.add(promotion.candidate_id)
            survey.empty += environment.current_id is None
            how = _environment_tone(world, environment, failing)
            survey.tones[model.id, environment.name] = how
        survey.starting += [
            (model, each)
            for each in model.deployments.values()
            if each.status in STARTING and each.id not in candidates
        ]
    survey.requests = Bar(requests=requests, failed=failed)
    return survey


def _environment_tone(world: World, environment: Environment, failing: set[str]) -> Tone:
    """`failing` are the deployments that failed requests in the last minute."""
    current, promotion = world.current(environment), environment.promotion
    running = promotion is not None and promotion.running
    if current is None:
        if running:
            return "moving"
        # A model that never came up serves nothing, and somebody waits for it.
        newest = next(reversed(world.models[environment.model_id].deployments.values()), None)
        gone_wrong = newest is not None and newest.status in FAILED
        return "bad" if gone_wrong and environment.name == "production" else "idle"
    how = tone(current.status)
    if how == "bad" or current.status in {"INACTIVE", "DEACTIVATING"}:
        return "bad"
    if any(each.deployment_id in failing for each in environment.stints):
        lately = share(recent(metrics.of_environment(world, environment), world.now))
        if lately is not None and lately >= POOR_SHARE:
            return "poor"
    return "moving" if running else how


def _found(world: World, survey: _Survey, question: Question) -> list[Model]:
    """The models that are asked for, by name."""
    models = [each for each in world.models.values() if _fits(each, question.text)]
    match question.show:
        case "all":
            pass
        case "moving":
            moving = {model.id for model, *_ in survey.promoting}
            moving |= {model.id for model, _ in survey.starting}
            models = [each for each in models if each.id in moving]
        case "trouble":
            troubled = {model for (model, _), how in survey.tones.items() if how in _TROUBLE}
            models = [each for each in models if each.id in troubled]
    return sorted(models, key=lambda each: (each.name.casefold(), each.created_at))


def _fits(model: Model, text: str) -> bool:
    """Whether the text is in its name or id, or in those or the labels of a deployment."""
    wanted = text.casefold()
    if not wanted or wanted in model.name.casefold() or wanted in model.id:
        return True
    return any(
        wanted in each.id
        or wanted in each.name.casefold()
        or any(wanted in str(value).casefold() for value in (each.labels or {}).values())
        for each in model.deployments.values()
    )


def _totals(world: World, survey: _Survey) -> Totals:
    trouble = sum(how in _TROUBLE for how in survey.tones.values())
    broken = sum(how == "bad" for how in survey.tones.values())
    environments = len(survey.tones)
    return Totals(
        models=len(world.models),
        environments=environments,
        serving=environments - survey.empty - broken,
        empty=survey.empty,
        trouble=trouble,
        moving=len(survey.promoting),
        starting=len(survey.starting),
        replicas=survey.replicas,
        per_second=survey.requests.requests / RECENT_SECONDS,
        failed=share(survey.requests),
    )


def _motions(world: World, history: History, survey: _Survey) -> list[Motion]:
    """Promotions that go on, the longest first, and behind them those that just ended."""
    going_on = {environment.id for _, environment, _ in survey.promoting}
    running = [
        _motion(world, model, environment, promotion)
        for model, environment, promotion in sorted(
            survey.promoting, key=lambda each: each[2].started_at
        )
    ]
    ended = []
    for each in history.just_ended(world.now):
        if each.environment_id not in going_on and (motion := _ended(world, each)) is not None:
            going_on.add(each.environment_id)
            ended.append(motion)
    return [*running, *ended]


def _motion(world: World, model: Model, environment: Environment, promotion: Promotion) -> Motion:
    candidate = world.deployments[promotion.candidate_id]
    previous = world.deployments.get(promotion.previous_id or "")
    return Motion(
        model=model.name,
        environment=environment.name,
        environment_id=environment.id,
        status=promotion.status,
        tone="poor" if promotion.status in {"RAMPING_DOWN", "PAUSED"} else "moving",
        percent=promotion.percent,
        rolling=promotion.rolling,
        started_at=promotion.started_at,
        ended_at=None,
        error=promotion.error_message,
        candidate=serving(world, candidate),
        candidate_rates=rates(metrics.of_deployment(candidate), world.now),
        previous=serving(world, previous) if previous else None,
        previous_rates=rates(metrics.of_deployment(previous), world.now) if previous else None,
    )


def _ended(world: World, ended: Ended) -> Motion | None:
    candidate = world.deployments.get(ended.candidate_id)
    previous = world.deployments.get(ended.previous_id or "")
    if candidate is None:
        return None
    return Motion(
        model=ended.model,
        environment=ended.environment,
        environment_id=ended.environment_id,
        status=ended.status,
        tone=_ENDED_TONES.get(ended.status, "idle"),
        percent=ended.percent,
        rolling=ended.rolling,
        started_at=ended.started_at,
        ended_at=ended.at,
        error=ended.error,
        candidate=serving(world, candidate),
        candidate_rates=rates(metrics.of_deployment(candidate), world.now),
        previous=serving(world, previous) if previous else None,
        previous_rates=rates(metrics.of_deployment(previous), world.now) if previous else None,
    )


def _model(world: World, survey: _Survey, model: Model) -> ModelLine:
    attached = {each.current_id for each in model.environments.values()} | {
        each.promotion.candidate_id
        for each in model.environments.values()
        if each.promotion is not None and each.promotion.running
    }
    others = [each for each in model.deployments.values() if each.id not in attached]
    others.reverse()
    return ModelLine(
        id=model.id,
        name=model.name,
        team=world.teams[model.team_id].name if len(world.teams) > 1 else None,
        environments=tuple(
            _environment(world, survey, each) for each in model.environments.values()
        ),
        others=tuple(serving(world, each) for each in others[:OTHERS]),
        others_count=len(others),
    )


def _environment(world: World, survey: _Survey, environment: Environment) -> EnvironmentLine:
    current, promotion = world.current(environment), environment.promotion
    running = promotion is not None and promotion.running
    return EnvironmentLine(
        name=environment.name,
        tone=survey.tones[environment.model_id, environment.name],
        current=serving(world, current) if current else None,
        promotion=(promotion.status, promotion.percent) if promotion and running else None,
        rates=rates(metrics.of_environment(world, environment), world.now),
    )
