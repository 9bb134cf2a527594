"""The world under any sequence of calls: what must hold whatever anybody does."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gitops.emulator import Options
from gitops.emulator.faults import parse
from gitops.emulator.world import deployments, environments, lifecycle, models, promotions, views
from gitops.emulator.world.audit import Actor
from gitops.emulator.world.create import create_world
from gitops.emulator.world.entities import READY, Artifact, Deployment, Environment, Model
from gitops.emulator.world.promotions import Wish
from gitops.emulator.world.pushes import Push, push
from gitops.emulator.world.refusal import Refusal
from gitops.emulator.world.scaling import load_of, touched, watch_for_idleness
from gitops.emulator.world.world import World

ACTOR = Actor(type="API_KEY", source="API", api_key_prefix="test")
ARTIFACT = Artifact(config={"docker_server": {}})
FOREVER = 50_000.0
STATUSES = {
    "BUILDING",
    "DEPLOYING",
    "LOADING_MODEL",
    "ACTIVE",
    "UNHEALTHY",
    "SCALED_TO_ZERO",
    "WAKING_UP",
    "DEACTIVATING",
    "INACTIVE",
    "BUILD_FAILED",
    "DEPLOY_FAILED",
    "FAILED",
}


class ScriptedRunner:
    """Builds and loads without processes; what is named `broken…` fails."""

    def __init__(self) -> None:
        self.world: World | None = None
        self.running: set[str] = set()

    def build(self, deployment: Deployment) -> tuple[str, ...]:
        return ("no config.yaml",) if deployment.name.startswith("broken-build") else ()

    def load(self, deployment: Deployment) -> None:
        world, generation = self.world, deployment.generation
        assert world is not None
        error = "no weights" if deployment.name.startswith("broken-load") else None
        if error is None:
            self.running.add(deployment.id)
        world.after(1, lifecycle.load_finished, deployment.id, generation, error)

    def resume(self, deployment: Deployment) -> None:
        self.running.add(deployment.id)

    def stop(self, deployment_id: str) -> None:
        self.running.discard(deployment_id)


class Anything(RuleBasedStateMachine):
    """Two people who click and send whatever comes to mind."""

    picks = st.integers(0, 30)

    @initialize(mode=st.sampled_from(["newest", "july"]))
    def begin(self, mode: Any) -> None:
        self.runner = ScriptedRunner()
        self.world = create_world(Options(mode=mode, seed=1), self.runner, 1000.0)
        self.runner.world = self.world
        self.model, _ = models.create_model(
            self.world,
            ACTOR,
            self.world.default_team,
            "model",
            wanted=Push(config=ARTIFACT.config),
            artifact=ARTIFACT,
        )
        self.world.advance(1500.0)
        environments.create_environment(self.world, ACTOR, self.model, "staging")

    def some_deployment(self, pick: int) -> Deployment:
        every = list(self.model.deployments.values())
        return every[pick % len(every)]

    def some_environment(self, pick: int) -> Environment:
        every = list(self.model.environments.values())
        return every[pick % len(every)]

    @rule(seconds=st.sampled_from([0.5, 3, 10, 20, 45, 100, 1000]))
    def time_passes(self, seconds: float) -> None:
        self.world.advance(self.world.now + seconds)

    @rule(
        name=st.sampled_from(["good", "broken-build", "broken-load"]),
        environment=st.sampled_from([None, "production", "staging"]),
    )
    def pushed(self, name: str, environment: str | None) -> None:
        wanted = Push(
            config=ARTIFACT.config,
            deployment_name=f"{name}-{len(self.model.deployments)}",
            environment_name=environment,
        )
        self.tried(push, self.world, ACTOR, self.model, wanted, ARTIFACT)

    @rule(
        source=picks,
        into=picks,
        override=st.sampled_from(
            [
                None,
                {"rolling_deploy": False},
                {"rolling_deploy": True, "redeploy_on_promotion": True},
                {"promotion_cleanup_strategy": "DEACTIVATE"},
                {"promotion_cleanup_strategy": "KEEP"},
            ]
        ),
    )
    def promoted(self, source: int, into: int, override: Any) -> None:
        environment = self.some_environment(into)
        before = environment.promotion
        running = before is not None and before.running
        done = self.tried(
            promotions.promote,
            self.world,
            ACTOR,
            self.model,
            environment,
            source=self.some_deployment(source),
            wish=Wish(override=override),
        )
        assert not (done and running)

    @rule(into=picks, signal=st.sampled_from(["cancel", *promotions.SIGNALS]))
    def steered(self, into: int, signal: str) -> None:
        function = promotions.SIGNALS.get(signal, promotions.cancel)
        self.tried(function, self.world, ACTOR, self.model, self.some_environment(into))

    @rule(
        pick=picks,
        what=st.sampled_from(
            [
                deployments.activate,
                deployments.deactivate,
                deployments.retry,
                deployments.delete,
            ]
        ),
    )
    def switched(self, pick: int, what: Any) -> None:
        self.tried(what, self.world, ACTOR, self.model, self.some_deployment(pick))

    @rule(into=picks, low=st.integers(0, 3), high=st.integers(1, 4))
    def rescaled(self, into: int, low: int, high: int) -> None:
        self.tried(
            environments.update_environment,
            self.world,
            ACTOR,
            self.model,
            self.some_environment(into),
            autoscaling={"min_replica": low, "max_replica": high},
            promotion=None,
            backpressure=None,
        )

    @rule(pick=picks, requests=st.integers(-4, 4))
    def asked(self, pick: int, requests: int) -> None:
        deployment = self.some_deployment(pick)
        if deployment.status not in READY:
            return
        now = load_of(self.world, deployment).now
        touched(self.world, deployment, max(-now, requests))
        watch_for_idleness(self.world, deployment, lifecycle.scale_to_zero)

    @rule(
        fault=st.sampled_from(
            [
                "build_fails",
                "deploy_fails:skip=1",
                "load_fails",
                "no_capacity",
                "no_capacity:seconds=300",
                "promotion_sticks:percent=50",
                "promotion_sticks:seconds=500",
                "turns_unhealthy:after=30",
                "turns_unhealthy:after=1,seconds=100,times=0",
            ]
        )
    )
    def troubled(self, fault: str) -> None:
        self.world.faults.add(parse(fault))

    @rule(pick=picks)
    def woken(self, pick: int) -> None:
        lifecycle.wake(self.world, self.some_deployment(pick))

    @rule()
    def left_alone_everything_comes_to_rest(self) -> None:
        self.world.faults.lift()
        for deployment in self.model.deployments.values():
            if deployment.status == "UNHEALTHY":
                lifecycle.set_status(self.world, deployment, "ACTIVE")
            touched(self.world, deployment, -load_of(self.world, deployment).now)
            watch_for_idleness(self.world, deployment, lifecycle.scale_to_zero)
        for environment in self.model.environments.values():
            if environment.promotion is not None and environment.promotion.status == "PAUSED":
                promotions.resume(self.world, ACTOR, self.model, environment)
        self.world.advance(self.world.now + FOREVER)
        for environment in self.model.environments.values():
            assert environment.promotion is None
        for deployment in self.model.deployments.values():
            assert deployment.status not in {"BUILDING", "DEPLOYING", "LOADING_MODEL", "WAKING_UP"}

    @staticmethod
    def tried(function: Any, *arguments: Any, **named: Any) -> bool:
        """Whether it was done; nothing but a refusal may come of a call."""
        try:
            function(*arguments, **named)
        except Refusal:
            return False
        return True

    @invariant()
    def production_never_loses_its_deployment(self) -> None:
        if hasattr(self, "model"):
            current = self.world.current(self.model.production)
            assert current is not None
            assert current.environment == "production"

    @invariant()
    def nobody_serves_two_environments(self) -> None:
        if hasattr(self, "model"):
            serving = [
                each.current_id
                for each in self.model.environments.values()
                if each.current_id is not None
            ]
            assert len(serving) == len(set(serving))

    @invariant()
    def replicas_and_processes_follow_the_status(self) -> None:
        if not hasattr(self, "model"):
            return
        for deployment in self.model.deployments.values():
            assert deployment.status in STATUSES
            ready = deployment.status in {"ACTIVE", "UNHEALTHY"}
            assert (deployment.replicas > 0) == ready
            assert deployment.replicas <= max(1, deployment.autoscaling.max_replica)
            assert not ready or deployment.id in self.runner.running
            if deployment.status in {"INACTIVE", "SCALED_TO_ZERO", "FAILED"}:
                assert deployment.id not in self.runner.running

    @invariant()
    def traffic_moves_only_while_a_promotion_runs(self) -> None:
        if not hasattr(self, "model"):
            return
        for environment in self.model.environments.values():
            promotion = environment.promotion
            if promotion is None:
                continue
            assert 0 <= promotion.percent <= 100
            if promotion.status in {"RELEASING", "FAILED", "CANCELED"}:
                assert promotion.percent == 0
            if promotion.running:
                assert promotion.candidate_id in self.model.deployments
                candidate = self.model.deployments[promotion.candidate_id]
                assert candidate.environment == environment.name

    @invariant()
    def everything_can_be_shown(self) -> None:
        if not hasattr(self, "model"):
            return
        model: Model = self.model
        views.model(self.world, model)
        for environment in model.environments.values():
            views.environment(self.world, environment)


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
