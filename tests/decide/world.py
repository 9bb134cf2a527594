"""A toy Baseten with one environment, and a toy executor that does a decision's first step.

Small on purpose: a promotion lasts one look, a build one look. What can go wrong is chosen by the
test: whether a build, the checks, the promotion or the watch turn out well, and where a run dies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from gitops.decide import Asked, Decision, Evidence, Fact, Needs, Options, Situation, decide
from gitops.decide.steps import (
    Activate,
    CancelPromotion,
    Check,
    CreateEnvironment,
    Follow,
    Promote,
    Push,
    Ready,
    Record,
    RestoreSettings,
    Retry,
    RollBack,
    Step,
    UpdateSettings,
    Wait,
    Watch,
)
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.state.differences import flatten
from gitops.state.json import Json
from gitops.state.live import AuditEntry, Deployment, LiveEnvironment, LiveModel, Promotion
from gitops.state.names import ModelKey
from gitops.state.settings import Change, Settings
from gitops.verify.verdict import Outcome, Verdict
from tests.decide.scenes import MODEL_ID, NOW


class Killed(Exception):
    """The run died here."""


@dataclass(kw_only=True)
class Luck:
    """How things turn out in a run, by digest where an artifact is meant."""

    bad_builds: frozenset[str] = frozenset()
    bad_checks: frozenset[str] = frozenset()
    bad_promotions: frozenset[str] = frozenset()
    bad_watches: frozenset[str] = frozenset()
    die_after: int | None = None


@dataclass
class World:
    """What Baseten has and the deploy log remembers, between runs."""

    now: datetime = NOW
    deployments: dict[str, Deployment] = field(default_factory=dict)
    current: str | None = None
    candidate: str | None = None
    promotion: str | None = None
    pending: dict[str, Json] = field(default_factory=dict)
    settings: dict[str, Json] = field(default_factory=dict)
    exists: bool = True
    log: list[Entry] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    writes: int = 0
    pushes: list[str] = field(default_factory=list)

    def live(self) -> LiveModel:
        def find(name: str | None) -> Deployment | None:
            found = self.deployments.get(name) if name else None
            return replace(found, environment="production") if found else None

        environment = LiveEnvironment(
            name="production",
            current=find(self.current),
            candidate=find(self.candidate),
            promotion=Promotion(status=self.promotion) if self.promotion else None,
            settings=Settings(autoscaling=dict(self.settings)),
        )
        return LiveModel(
            id=MODEL_ID,
            name="qwen",
            team=None,
            created_at=NOW,
            environments=(environment,) if self.exists else (),
            deployments=tuple(self.deployments.values()),
        )

    def note(self, event_type: str, deployment: Deployment, **data: Json) -> None:
        self.audit.append(
            AuditEntry(
                id=f"audit-{len(self.audit)}",
                at=self.now,
                event_type=event_type,
                actor="API key abc",
                source="API",
                own=True,
                environment="production",
                deployment_id=deployment.id,
                data={"deployment_name": deployment.name, **data},
            )
        )


@dataclass
class Run:
    """One apply of one environment. ``finish()`` goes on until a decision has no step left."""

    world: World
    environment: DesiredEnvironment
    commit: str
    luck: Luck = field(default_factory=Luck)
    options: Options = field(default_factory=Options)
    evidence: Evidence = field(default_factory=Evidence)
    decisions: list[Decision] = field(default_factory=list)
    seen: Callable[[Situation, Decision], None] | None = None
    facts: set[Fact] = field(default_factory=set)

    def situation(self) -> Situation:
        world = self.world
        live = world.live()
        model = DesiredModel(
            key=ModelKey(None, "qwen"),
            release_file="releases/qwen.yaml",
            environments=(self.environment,),
        )
        return Situation(
            model=model,
            environment=self.environment,
            applied_commit=self.commit,
            now=world.now,
            live=live if Fact.DEPLOYMENTS in self.facts else replace(live, deployments=None),
            history=ModelHistory.of(world.log),
            audit=tuple(world.audit) if Fact.AUDIT in self.facts else None,
            asked=tuple(world.asked) if Fact.ASKED in self.facts else None,
            options=self.options,
            evidence=self.evidence,
        )

    def decide(self) -> Decision:
        self.facts = set()
        while True:
            situation = self.situation()
            answer = decide(situation)
            if isinstance(answer, Decision):
                if self.seen is not None:
                    self.seen(situation, answer)
                self.decisions.append(answer)
                return answer
            assert isinstance(answer, Needs)
            assert answer.facts - self.facts, "a fact that was read is asked for again"
            self.facts |= answer.facts

    def finish(self) -> Decision:
        self.world.asked.append(
            Asked(
                commit=self.commit,
                digest=self.environment.artifact.digest if self.environment.artifact else None,
                settings=flatten(self.environment.settings),
            )
        )
        for _ in range(60):
            decision = self.decide()
            if not decision.steps:
                return decision
            before = self.world.current
            self.carry_out(decision.steps[0])
            self.world.now += timedelta(seconds=20)
            assert before is None or self.world.current is not None, "an outage of our own making"
        raise AssertionError(f"no end: {[each.row for each in self.decisions]}")

    # Steps

    def carry_out(self, step: Step) -> None:  # noqa: C901, PLR0912, PLR0915 - one case a step
        world = self.world
        match step:
            case Push(artifact=artifact, name=name):
                self.write()
                world.pushes.append(artifact.digest)
                made = Deployment(
                    id=f"dep-{len(world.deployments)}",
                    name=name,
                    model_id=MODEL_ID,
                    status="BUILDING",
                    created_at=world.now,
                    labels=dict(artifact.labels),
                )
                assert name not in {each.name for each in world.deployments.values()}
                world.deployments[made.id] = made
            case Ready(deployment_id=None):
                raise AssertionError("a deployment that is to be pushed cannot be waited for")
            case Ready(deployment_id=str(found)):
                self.start(found)
            case Check(deployment_id=str(found)):
                bad = self.digest(found) in self.luck.bad_checks
                self.learn(checks={**self.evidence.checks, found: _verdict(good=not bad)})
            case Check():
                raise AssertionError("a deployment that is to be pushed cannot be checked")
            case Activate(deployment_id=found):
                self.write()
                self.status(found, "DEPLOYING")
            case Retry(deployment_id=found):
                self.write()
                self.status(found, "BUILDING")
                self.learn(retried=self.evidence.retried | {found})
            case CreateEnvironment():
                self.write()
                world.exists = True
                world.settings = {
                    key.removeprefix("autoscaling."): value
                    for key, value in flatten(self.environment.settings).items()
                }
            case UpdateSettings(changes=changes) | RestoreSettings(changes=changes):
                self.write()
                before = flatten(Settings(autoscaling=dict(world.settings)))
                self.set(changes)
                if isinstance(step, UpdateSettings):
                    self.append(Event.SETTINGS, None, None, before=before)
            case CancelPromotion(deployment_id=found):
                assert found == world.candidate
                self.write()
                world.candidate = world.promotion = None
            case Promote():
                self.promote(step)
            case Follow(deployment_id=found):
                assert found == world.candidate
                self.follow(found)
            case Watch(deployment_id=str(found)):
                bad = self.digest(found) in self.luck.bad_watches
                self.learn(watch={**self.evidence.watch, found: _verdict(good=not bad)})
            case Watch():
                raise AssertionError("nothing to watch")
            case Wait():
                world.now += timedelta(seconds=20)
            case Record():
                intent = next((it for it in world.log if it.id == step.intent), None)
                assert (intent is not None) == (step.intent is not None)
                self.append(step.event, step.from_, step.to, intent=step.intent, reason=step.reason)
            case RollBack():
                self.roll_back(step)
            case _:
                assert_never(step)

    def promote(self, step: Promote) -> None:
        world = self.world
        assert step.deployment_id is not None
        assert world.candidate is None
        assert world.promotion is None
        source = world.deployments[step.deployment_id]
        assert source.status in {"ACTIVE", "SCALED_TO_ZERO"}
        to = Side(
            deployment_id=source.id,
            deployment_name=source.name,
            digest=self.digest(source.id),
        )
        before = flatten(Settings(autoscaling=dict(world.settings)))
        intent = self.append(Event.INTENT, step.from_, to, before=before)
        self.learn(intents=self.evidence.intents | {intent.id})
        self.write()
        world.candidate, world.promotion = source.id, "RELEASING"
        world.pending = {
            change.path.removeprefix("autoscaling."): change.after for change in step.changes
        }
        world.note("MODEL_DEPLOYMENT_PROMOTED", source)

    def follow(self, found: str) -> None:
        world = self.world
        if self.digest(found) in self.luck.bad_promotions:
            world.candidate = world.promotion = None
        else:
            world.current, world.candidate, world.promotion = found, None, None
            world.settings.update(world.pending)
        world.pending = {}

    def roll_back(self, step: RollBack) -> None:
        world = self.world
        intent = next(each for each in world.log if each.id == step.intent)
        if world.candidate is not None:
            self.write()
            world.candidate = world.promotion = None
        elif step.to is not None:
            self.write()
            world.note("MODEL_DEPLOYMENT_PROMOTED", world.deployments[step.to.deployment_id])
            self.status(step.to.deployment_id, "ACTIVE")
            world.candidate, world.promotion = step.to.deployment_id, "RELEASING"
            self.write()
            world.current, world.candidate, world.promotion = step.to.deployment_id, None, None
        self.write()
        world.settings.update(
            {
                key.removeprefix("autoscaling."): value
                for key, value in (intent.settings_before or {}).items()
            }
        )
        event = Event.ROLLED_BACK
        self.append(event, step.to, step.bad, intent=step.intent, reason=step.reason)

    def start(self, found: str) -> None:
        status = self.world.deployments[found].status
        if status == "BUILDING" and self.digest(found) in self.luck.bad_builds:
            self.status(found, "BUILD_FAILED")
            failed = {**self.evidence.failed_to_start, found: "the build failed"}
            self.learn(failed_to_start=failed)
        elif status in {"BUILDING", "DEPLOYING"}:
            self.status(found, "ACTIVE")

    # What they are made of

    def write(self) -> None:
        self.world.writes += 1
        if self.luck.die_after is not None and self.luck.die_after == 0:
            raise Killed
        if self.luck.die_after is not None:
            self.luck.die_after -= 1

    def set(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            self.world.settings[change.path.removeprefix("autoscaling.")] = change.after

    def status(self, found: str, status: str) -> None:
        self.world.deployments[found] = replace(self.world.deployments[found], status=status)

    def digest(self, found: str) -> str | None:
        label = self.world.deployments[found].labels.get("gitops.digest")
        return label if isinstance(label, str) else None

    def learn(self, **learned: object) -> None:
        self.evidence = replace(self.evidence, **learned)  # type: ignore[arg-type]

    def append(
        self,
        event: Event,
        from_: Side | None,
        to: Side | None,
        *,
        intent: str | None = None,
        reason: str | None = None,
        before: dict[str, Json] | None = None,
    ) -> Entry:
        self.write()
        made = Entry(
            id=f"entry-{len(self.world.log)}",
            at=self.world.now,
            event=event,
            environment="production",
            intent=intent,
            from_=from_,
            to=to,
            model_id=MODEL_ID,
            applied_commit=self.commit,
            settings_before=before,
            settings_after=flatten(self.environment.settings),
            reason=reason,
        )
        self.world.log.append(made)
        self.learn(recorded=self.evidence.recorded | {made.id})
        return made


def _verdict(*, good: bool) -> Verdict:
    return Verdict(
        outcome=Outcome.PASS if good else Outcome.FAIL, reason="fine" if good else "it is bad"
    )
