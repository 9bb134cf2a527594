"""`kill -9` at every request of an apply in turn, then the same apply again: the same end.

A first apply is run to its end, to learn what it sends and where it ends. Then every case starts
from the same state with a model of its own: its apply is killed for good, with the signal that
nobody can catch, and run again. Meanwhile somebody uses the environments that served before.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.gate import Kill, When
from tests.e2e.stage import Done, LogKill, Stage, stage
from tests.e2e.told import Told
from tests.echo import STAGING, release, truss
from tests.invariants import broken
from tests.repositories import Repository

SPEED = "300"
SIDE_BY_SIDE = 4
# Read once, before the environment is cleaned.
EVERY_REQUEST = os.environ.get("GITOPS_TEST_EVERY_REQUEST", "") not in {"", "0"}
MOST_RUNS = 4

PRODUCTION = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 2}
    promotion: {rolling_deploy: false}
    checks: [smoke]
    watch: {for: 800ms, error_rate: 0.1, min_requests: 3}
"""
AFTER_STAGING = "    requires: staging\n"
IN_STEPS = PRODUCTION.replace(
    "{rolling_deploy: false}",
    "{rolling_deploy: true, rolling_deploy_config:"
    " {max_surge_percent: 25, max_unavailable_percent: 0, stabilization_time_seconds: 150}}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What Git asks for before and after, and how an apply of the latter ends, left alone.

    `before` None: the model is new. `answers` are the statuses that people may get meanwhile from
    what served before. `whens` and `every` choose the kills: how at each write, and at every
    how-manyth read (0: none), none before a write to `since`. `models` is at least one more than
    there are kills.
    """

    before: tuple[str, ...] | None
    after: tuple[str, ...]
    new: str = ""
    options: tuple[str, ...] = ()
    ends: int = 0
    answers: tuple[int, ...] = (200,)
    whens: tuple[When, ...] = ("before", "after")
    every: int = 0
    since: str = ""
    least_writes: int
    models: int

    def releases(self, environments: Sequence[str], models: Sequence[str]) -> dict[str, str]:
        """A release file for each model."""
        return {
            path: text
            for model in models
            for path, text in release(*environments, model=model, truss="triage").items()
        }

    @property
    def served(self) -> tuple[str, ...]:
        """Names of the environments that serve before."""
        return tuple(text.split(":")[0].strip() for text in self.before or ())


GREW = PRODUCTION.replace("max_replica: 2", "max_replica: 3, concurrency_target: 4")


def patient(environment: str) -> str:
    """Watched until the verdict is certain, however slowly people ask on a busy machine.

    In a watch that is over after a second there may be too few requests to tell, which passes.
    """
    return environment.replace("for: 800ms", "for: 10m")


SCENARIOS = {
    "new version": Scenario(
        before=(STAGING, PRODUCTION + AFTER_STAGING),
        after=(STAGING.replace("max_replica: 2", "max_replica: 3"), GREW + AFTER_STAGING),
        whens=("before", "after", "answered"),
        every=20,
        least_writes=7,
        models=26,
    ),
    "first release": Scenario(
        before=None,
        after=(STAGING, PRODUCTION + AFTER_STAGING),
        least_writes=8,
        models=20,
    ),
    "first release, promoted by us": Scenario(
        before=None,
        after=(PRODUCTION,),
        options=("--first-push", "none"),
        whens=("after",),
        least_writes=5,
        models=8,
    ),
    "bad after the promotion": Scenario(
        before=(PRODUCTION,),
        after=(patient(GREW),),
        new="fails_after_requests: 2",
        ends=3,
        answers=(200, 500),
        every=12,
        since="/promote",
        least_writes=6,
        models=10,
    ),
    "bad during the promotion": Scenario(
        before=(IN_STEPS,),
        after=(patient(IN_STEPS.replace("max_replica: 2", "max_replica: 3")),),
        new="fails_after_requests: 2",
        ends=3,
        answers=(200, 500),
        since="/promote",
        least_writes=6,
        models=6,
    ),
}


# What the end is compared by


def state(made: Stage, model_id: str) -> dict[str, Any]:
    """The end state: what serves, how it is, what is on its way, and every setting."""
    return {
        name: {
            "serving": each["current_deployment"]["name"].partition(".")[0],
            "status": each["current_deployment"]["status"],
            "candidate": each["candidate_deployment"],
            "promotion": each["in_progress_promotion"],
            "autoscaling": each["autoscaling_settings"],
            "in force": each["current_deployment"]["autoscaling_settings"],
            "settings": each["promotion_settings"],
        }
        for name, each in made.environments(model_id).items()
        if each["current_deployment"] is not None
    }


def conclusion(log: Sequence[Told]) -> dict[str, tuple[Any, ...]]:
    """What the log says last of each environment."""
    last = {
        each.environment: each for each in log if each.event not in {"intent", "settings", "lifted"}
    }
    return {
        name: (
            each.event,
            each.body["number"],
            (each.body["from"] or {}).get("digest"),
            (each.body["to"] or {}).get("digest"),
            each.body["applied_commit"],
        )
        for name, each in last.items()
    }


def unwatched(log: Sequence[Told], model_id: str, journal: list[dict[str, Any]]) -> list[str]:
    """Promotions without an intent, an intent without its end, an end without a watch."""
    problems = []
    closed: dict[str, Told] = {}
    for each in log:
        if each.event in {"released", "rolled_back", "not_started", "held"}:
            intent = each.body["intent"]
            if intent in closed:
                problems.append(f"intent {intent[:7]} was closed twice")
            closed[intent] = each
    intents = {each.id: each for each in log if each.event == "intent"}
    problems += [f"{each} was never closed" for each in intents.values() if each.id not in closed]
    problems += [f"{each} closes nothing" for key, each in closed.items() if key not in intents]
    announced: Counter[tuple[str, str]] = Counter()
    back: set[tuple[str, str]] = set()
    for key, end in closed.items():
        if end.event == "released" and end.body["figures"].get("watch", "skipped") == "skipped":
            problems.append(f"{end} was not watched")
        if end.event != "not_started" and key in intents:
            announced[end.environment, intents[key].body["to"]["deployment_id"]] += 1
        if end.event == "rolled_back" and end.body["from"]:
            back.add((end.environment, end.body["from"]["deployment_id"]))
    prefix, suffix = f"/v1/models/{model_id}/environments/", "/promote"
    promoted = Counter(
        (
            each["path"].removeprefix(prefix).removesuffix(suffix),
            each["fields"]["deployment_id"],
        )
        for each in journal
        if each["path"].startswith(prefix)
        and each["path"].endswith(suffix)
        and each["status"] == 200
    )
    problems += [
        f"{place} was promoted {count} times, recorded {announced[place]}"
        for place, count in promoted.items()
        if count != announced[place] and place not in back
    ]
    problems += [
        f"recorded, and never promoted: {each}" for each in announced if each not in promoted
    ]
    return problems


# The cases


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The apply that nobody disturbed."""

    done: Done
    state: dict[str, Any]
    conclusion: dict[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kill of one model's apply."""

    kill: Kill | LogKill
    model: str
    hurried: bool = True

    def __str__(self) -> str:
        return f"{self.model}, killed {self.kill}"


Choice = Callable[["Reference", Sequence[str]], list[Case]]
"""Cases for a reference, each with one of these models."""


class Play:
    """One scenario on one stage: the reference, then the cases side by side."""

    def __init__(self, made: Stage, scenario: Scenario) -> None:
        self.made = made
        self.scenario = scenario
        self.earlier: list[dict[str, Any]] = []

    def prepare(self, models: Sequence[str]) -> None:
        """Bring every model to the state before, and commit the state after."""
        made, scenario = self.made, self.scenario
        if scenario.before is not None:
            made.commit(scenario.releases(scenario.before, models))
            first = made.run("apply", "--yes", "--allow-many", lane="first", hurried=True)
            assert first.code == 0, first.told
        after = scenario.releases(scenario.after, models)
        if scenario.before is not None:
            after |= truss("two", scenario.new)
        made.commit(after)
        self.earlier = made.journal()
        made.forget_journal()

    @contextmanager
    def used(self, model: str) -> Iterator[list[str]]:
        """People use what served before; yields what they met that they must not meet."""
        found: list[str] = []
        model_id = self.made.model_ids().get(model)
        if model_id is None:
            yield found
            return
        with self.made.used(model_id, *self.scenario.served) as users:
            yield found
        bad = Counter(users.other_than(*self.scenario.answers))
        found += [f"{name} answered {status} ({n} times)" for (name, status), n in bad.items()]
        assert users.answers

    def reference(self, model: str) -> Reference:
        """Apply it once, to its end."""
        with self.used(model) as troubles:
            done = self.made.run("apply", "--yes", model, lane=model, hurried=True)
        assert done.code == self.scenario.ends, done.told
        assert not troubles
        model_id = self.made.model_ids()[model]
        log = self.made.log(model)
        assert not unwatched(log, model_id, self.earlier + self.made.journal())
        return Reference(done=done, state=state(self.made, model_id), conclusion=conclusion(log))

    def case(self, case: Case, reference: Reference) -> list[str]:
        """Kill it, run it again to its end; what is wrong then."""
        here = self.made.clone(case.model)
        with self.used(case.model) as troubles:
            killed = self._run(case, here, kill=case.kill)
            problems = [] if self._was_killed(killed, case) else [f"ended with {killed.code}"]
            problems += self._empty(case.model)
            # What a killed run leaves in its clone may help the next one, and must not be needed.
            if case.kill.when == "after":
                here = self.made.clone(f"{case.model}-again")
            codes: list[int] = []
            told = ""
            while len(codes) < MOST_RUNS and (not codes or codes[-1] != 0):
                done = self._run(case, here)
                codes.append(done.code)
                told += done.told
                problems += self._empty(case.model)
        problems += troubles
        if self.scenario.ends == 3 and "before it got any traffic" in told:
            problems.append(f"claims that no traffic was moved:\n{told}")
        if codes[-1] != 0 or not set(codes) <= {0, self.scenario.ends}:
            problems.append(f"ended with {codes}:\n{told}")
        problems += self._differences(case.model, reference)
        return [f"{case} ({killed.killed_at}): {each}" for each in problems]

    def _run(self, case: Case, at: Repository, *, kill: Kill | LogKill | None = None) -> Done:
        return self.made.run(
            *("apply", "--yes", case.model),
            lane=case.model,
            at=at,
            kill=kill,
            hurried=case.hurried,
        )

    def _was_killed(self, done: Done, case: Case) -> bool:
        if done.code == -9:
            return True
        # After the last write, or so late that a run with fewer looks is over, there is no request.
        if isinstance(case.kill, LogKill):
            return False
        return (case.kill.read or case.kill.when == "answered") and done.killed_at is None

    def _empty(self, model: str) -> list[str]:
        model_id = self.made.model_ids().get(model)
        if model_id is None:
            return []
        environments = self.made.environments(model_id)
        return [
            f"{name} serves nothing"
            for name in self.scenario.served
            if environments[name]["current_deployment"] is None
        ]

    def _differences(self, model: str, reference: Reference) -> list[str]:
        model_id = self.made.model_ids().get(model)
        if model_id is None:
            return ["the model is not there"]
        log, journal = self.made.log(model), self.made.journal()
        problems = unwatched(log, model_id, self.earlier + journal)
        for found in broken(self.made.traces(model, model_id)).values():
            problems += found
        here, told = state(self.made, model_id), conclusion(log)
        if here != reference.state:
            problems.append(f"another end: {here}, expected {reference.state}")
        if told != reference.conclusion:
            problems.append(f"another record: {told}, expected {reference.conclusion}")
        told_so = "".join(f"\n  log: {each}: {each.why}" for each in log)
        return [f"{each}{told_so}" for each in problems]

    def nothing_left(self, models: Sequence[str]) -> None:
        """A plan is empty; another apply of these sends no write and records nothing."""
        before = self.made.remote.refs("refs/gitops/log/")
        plan = self.made.run("plan", "--detailed-exitcode", *models, lane="first")
        assert plan.code == 0, plan.told
        again = self.made.run("apply", "--yes", *models, lane="first")
        assert again.code == 0, again.told
        assert not again.writes
        assert self.made.remote.refs("refs/gitops/log/") == before


def kills(scenario: Scenario, done: Done) -> Iterator[Kill]:
    """Every write in each way, with its answer where it changed something; every so-manyth read."""
    begin = next(at for at, each in enumerate(done.writes) if each.path.endswith(scenario.since))
    for at, write in enumerate(done.writes[begin:], begin):
        for when in scenario.whens:
            if when != "answered" or write.path.startswith("/v1/models/"):
                yield Kill(at=at, when=when)
    if scenario.every:
        reads = [each for each in done.sent if not each.is_write]
        earlier = done.sent[: done.sent.index(done.writes[begin])]
        first = sum(not each.is_write for each in earlier) if scenario.since else 0
        for at in range(first + scenario.every // 2, len(reads), scenario.every):
            yield Kill(at=at, when="before", read=True)


def play(made: Stage, scenario: Scenario, chosen: Choice) -> None:
    """The reference, then every case that is chosen by it; nothing may be wrong in the end."""
    first, *others = [f"triage-{number:02}" for number in range(scenario.models)]
    acts = Play(made, scenario)
    acts.prepare([first, *others])
    reference = acts.reference(first)
    writes = [str(each) for each in reference.done.writes]
    assert len(writes) >= scenario.least_writes, writes
    cases = chosen(reference, others)
    assert len(cases) <= len(others), writes
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = list(pool.map(lambda case: acts.case(case, reference), cases))
    problems = [problem for each in found for problem in each]
    assert not problems, "\n".join(problems)
    acts.nothing_left([case.model for case in cases])
    assert not made.leaks()


def as_asked(scenario: Scenario) -> Scenario:
    """The scenario, killed at every single read too where ``GITOPS_TEST_EVERY_REQUEST`` is set.

    That takes some minutes a scenario; without it, reads are sampled.
    """
    return replace(scenario, every=1, models=150) if EVERY_REQUEST else scenario


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_any_request_it_continues(name: str, tmp_path: Path) -> None:
    scenario = as_asked(SCENARIOS[name])

    def chosen(reference: Reference, models: Sequence[str]) -> list[Case]:
        wanted = list(kills(scenario, reference.done))
        assert len(wanted) <= len(models)
        return [Case(kill=kill, model=model) for kill, model in zip(wanted, models, strict=False)]

    with stage(tmp_path, truss("one"), options=("--speed", SPEED, *scenario.options)) as made:
        play(made, scenario, chosen)


def test_killed_at_any_push_of_the_log_it_continues(tmp_path: Path) -> None:
    scenario = replace(SCENARIOS["new version"], models=9)

    def chosen(reference: Reference, models: Sequence[str]) -> list[Case]:
        assert reference.done.code == 0
        told = [each.event for each in made.log("triage-00")]
        assert told[-4:] == ["intent", "released", "intent", "released"]
        moments: tuple[tuple[int, When], ...] = tuple(
            (at, when) for at in range(4) for when in ("before", "after")
        )
        return [
            Case(
                kill=LogKill(model=model, at=at, when=when),
                model=model,
                # One case has all the patience of the command: a promotion was announced and never
                # requested, and is looked for a whole minute.
                hurried=(at, when) != (2, "after"),
            )
            for (at, when), model in zip(moments, models, strict=True)
        ]

    with stage(tmp_path, truss("one"), options=("--speed", SPEED)) as made:
        play(made, scenario, chosen)
