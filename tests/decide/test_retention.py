"""Retention: what may go, and everything that may never."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.decide.retention import fates
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import ModelHistory
from gitops.state.artifact import LABEL_COMMIT, LABEL_DIGEST, Artifact
from gitops.state.desired import DesiredEnvironment, DesiredModel, Retention
from gitops.state.live import Deployment, LiveEnvironment, LiveModel, Promotion
from gitops.state.names import ModelKey

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = ModelKey("ml", "triage")
ALL = Retention(keep=0, older_than=0.0, action="delete")
COMMITS = tuple(f"{number:040x}" for number in range(12))


def digest(number: int) -> str:
    return f"{number:x}" * 64


def artifact(number: int) -> Artifact:
    return Artifact(digest=digest(number), commit=COMMITS[number], truss="t", entries=())


def deployment(number: int, *, status: str = "ACTIVE", **more: Any) -> Deployment:
    """Our deployment of an artifact, made that many days before day 100."""
    given = {
        "id": f"d{number}",
        "name": f"git-{digest(number)[:40]}",
        "labels": {LABEL_DIGEST: digest(number), LABEL_COMMIT: COMMITS[number]},
        "created_at": NOW - timedelta(days=100 - number),
    }
    return Deployment(model_id="m", status=status, **{**given, **more})


def side(number: int) -> Side:
    return Side(deployment_id=f"d{number}", digest=digest(number), commit=COMMITS[number])


def entry(event: Event, number: int, before: int | None = None, **more: Any) -> Entry:
    given: dict[str, Any] = {
        "environment": "production",
        "model_id": "m",
        "at": NOW - timedelta(days=40),
    }
    return Entry(
        event=event,
        to=side(number),
        from_=side(before) if before is not None else None,
        **{**given, **more},
    )


def served(*numbers: int) -> ModelHistory:
    """A log in which these served production, one after the other."""
    first = NOW - timedelta(days=60)
    return ModelHistory.of(
        [
            entry(Event.RELEASED, number, id=f"e{place}", at=first + timedelta(days=place))
            for place, number in enumerate(numbers)
        ]
    )


def environment(name: str = "production", current: int | None = 1, **more: Any) -> LiveEnvironment:
    return LiveEnvironment(
        name=name, current=deployment(current) if current is not None else None, **more
    )


def model(retention: Retention | None = ALL, asked: int | None = 1, **more: Any) -> DesiredModel:
    wanted = artifact(asked) if asked is not None else None
    return DesiredModel(
        key=KEY,
        release_file="releases/triage.yaml",
        truss="t",
        environments=(DesiredEnvironment(name="production", artifact=wanted, **more),),
        retention=retention,
    )


def kept(
    *there: Deployment,
    environments: Sequence[LiveEnvironment] = (),
    desired: DesiredModel | None = None,
    history: ModelHistory | None = None,
    commits: Sequence[str] = COMMITS,
) -> dict[str, str | None]:
    """What is said of each deployment that stays; None of one that goes."""
    live = LiveModel(
        id="m",
        name="triage",
        team="ml",
        created_at=NOW - timedelta(days=200),
        environments=tuple(environments) or (environment(),),
        deployments=tuple(there),
    )
    found = fates(
        desired or model(), live, history or ModelHistory.of(()), now=NOW, commits=commits
    )
    return {each.deployment.id: None if each.action else each.reason for each in found}


def test_what_nothing_needs_goes_and_what_serves_stays() -> None:
    assert kept(deployment(1), deployment(2)) == {"d1": "serves production", "d2": None}


def test_without_retention_everything_stays() -> None:
    told = kept(deployment(1), deployment(2), desired=model(None))
    assert told["d2"] == "no retention asks for it to go"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"is_development": True}, "the development deployment"),
        ({"is_production": True}, "serves production"),
        ({"environment": "Production"}, "attached to production"),
        ({"status": "DEPLOYING"}, "DEPLOYING: what is on its way somewhere is left alone"),
        ({"status": "NEWLY_INVENTED"}, "NEWLY_INVENTED: what is on its way somewhere"),
        ({"labels": {}, "name": "by-hand"}, "not pushed from this repository"),
        ({"labels": {}}, "is called like one of this tool's, but has no labels"),
        (
            {"labels": {LABEL_DIGEST: digest(2), LABEL_COMMIT: "f" * 40}},
            "which is not in this clone",
        ),
        ({"labels": {LABEL_DIGEST: digest(3)}}, "is labelled 333333333333, but named"),
        ({"created_at": datetime(1970, 1, 1, tzinfo=UTC)}, "of an age that Baseten does not say"),
        ({"created_at": NOW + timedelta(hours=1)}, "used just now"),
    ],
)
def test_a_deployment_alone_may_say_that_it_stays(changed: dict[str, Any], reason: str) -> None:
    told = kept(deployment(1), deployment(2, **changed))["d2"]
    assert told is not None
    assert reason in told


def test_an_environment_that_is_gone_keeps_nothing() -> None:
    assert kept(deployment(1), deployment(2, environment="gone"))["d2"] is None


def test_a_promotion_keeps_its_candidate_and_what_it_is_a_copy_of() -> None:
    copy = replace(deployment(3), id="copy", name=f"{deployment(3).name}.1768269232", labels={})
    moving = environment(candidate=copy, promotion=Promotion(status="RAMPING_UP", percent=10))
    told = kept(deployment(1), deployment(3), copy, environments=[moving], desired=model(asked=1))
    assert told["copy"] == "is the candidate of production"
    assert told["d3"] == "the same files are on their way to production"


def test_a_shadow_rule_keeps_its_target() -> None:
    told = kept(deployment(1), deployment(2), environments=[environment(shadows=("d2",))])
    assert told["d2"] == "a shadow rule of production sends requests there"


def test_what_git_asks_for_stays_though_it_does_not_serve_yet() -> None:
    there = (deployment(1), deployment(2))
    assert kept(*there, desired=model(asked=2))["d2"] == "asked for by Git in production"
    held = ModelHistory.of([entry(Event.ROLLED_BACK, 2, 1)])
    assert kept(*there, desired=model(asked=2), history=held)["d2"] == "held in production"
    newer = replace(there[1], id="newer", name=f"{there[1].name}-2", created_at=NOW)
    both = kept(*there, newer, desired=model(asked=2), history=held)
    assert both["d2"] == both["newer"] == "held in production", "the one that was bad stays too"
    assert kept(*there, desired=model(asked=1), history=held)["d2"] is None, "the hold is over"


def test_a_release_that_has_not_ended_keeps_both_of_its_sides() -> None:
    opened = ModelHistory.of([entry(Event.INTENT, 2, 3, id="e1")])
    told = kept(deployment(1), deployment(2), deployment(3), history=opened)
    assert told["d2"] == "the deploy log has a release to production that has not ended"
    assert told["d3"] == "a release to production that has not ended goes back to it"


def test_the_last_ways_back_stay_by_the_deploy_log() -> None:
    there = [deployment(number) for number in range(1, 7)]
    history = served(6, 5, 4, 5, 2, 1)
    back = "a rollback of production may go there"
    one = kept(*there, history=history)
    assert [name for name, why in one.items() if why == back] == ["d2"], "never none at all"
    two = kept(*there, history=history, desired=model(replace(ALL, keep=2)))
    assert [name for name, why in two.items() if why == back] == ["d2", "d5"]


def test_what_was_rolled_back_counts_as_no_way_back() -> None:
    later = [
        entry(Event.RELEASED, 3, id="bad", at=NOW - timedelta(days=50)),
        entry(Event.HELD, 2, before=3, id="held", at=NOW - timedelta(days=49)),
    ]
    history = ModelHistory.of([*served(1, 2).entries, *later])
    told = kept(
        *map(deployment, range(1, 4)),
        environments=(environment(current=2),),
        desired=model(replace(ALL, keep=1, older_than=None), asked=2),
        history=history,
    )
    assert told["d1"] == "a rollback of production may go there", (
        "the bad one does not take its place"
    )


def test_a_way_back_whose_deployment_is_gone_is_taken_by_another_of_its_artifact() -> None:
    other = replace(deployment(2), id="other", name=f"{deployment(2).name}-2")
    older = replace(other, id="older", created_at=other.created_at - timedelta(days=3))
    told = kept(deployment(1), other, older, history=served(2, 1))
    assert told == {"d1": "serves production", "other": told["other"], "older": None}
    assert told["other"] == "a rollback of production may go there"


def test_what_the_log_says_serves_stays_also_where_somebody_promoted_another() -> None:
    told = kept(deployment(1), deployment(3), history=served(4, 3))
    assert told["d3"] == "the deploy log says that it serves production"


def test_the_newest_and_the_young_stay() -> None:
    there = [deployment(number) for number in range(1, 5)]
    told = kept(*there, desired=model(replace(ALL, keep=2)))
    assert told == {
        "d1": "serves production",
        "d2": None,
        "d3": "among the newest 2",
        "d4": "among the newest 2",
    }
    young = kept(*there, desired=model(Retention(older_than=97.5 * 86400)))
    assert (young["d2"], young["d3"]) == (None, "used 97d ago")


def test_what_served_until_yesterday_is_not_old() -> None:
    history = ModelHistory.of(
        [entry(Event.ROLLED_BACK, 3, 2, at=NOW - timedelta(days=1), environment="staging")]
    )
    month = model(Retention(older_than=30 * 86400.0, action="delete"))
    assert kept(deployment(1), deployment(3), history=history, desired=month)["d3"] == "used 1d ago"


def test_only_what_runs_is_deactivated_and_what_failed_may_be_deleted() -> None:
    there = [deployment(1), deployment(2, status="INACTIVE"), deployment(3, status="BUILD_FAILED")]
    stop = kept(*there, desired=model(replace(ALL, action="deactivate")))
    assert stop["d2"] == "INACTIVE, so nothing runs"
    assert stop["d3"] == "BUILD_FAILED, so nothing runs"
    gone = kept(*there)
    assert (gone["d2"], gone["d3"]) == (None, None)


def test_the_log_proves_ours_where_the_commit_is_not_in_this_clone() -> None:
    there = (deployment(1), deployment(2), deployment(3))
    told = kept(*there, history=served(2, 3, 1), commits=())
    assert told == {
        "d1": "serves production",
        "d2": None,
        "d3": "a rollback of production may go there",
    }


@dataclass(frozen=True)
class World:
    model: DesiredModel
    live: LiveModel
    history: ModelHistory
    commits: tuple[str, ...]


STATUSES = ("ACTIVE", "SCALED_TO_ZERO", "INACTIVE", "FAILED", "BUILDING", "UNHEALTHY", "STRANGE")
EVENTS = (Event.INTENT, Event.RELEASED, Event.ROLLED_BACK, Event.HELD, Event.ADOPTED)
NUMBERS = st.integers(1, 8)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Anything: copies, foreigners, conflicts, candidates, shadows, logs that fit or do not."""
    there: dict[str, Deployment] = {}
    for number in draw(st.sets(NUMBERS, max_size=8)):
        one = deployment(number, status=draw(st.sampled_from(STATUSES)))
        one = draw(
            st.sampled_from(
                [
                    one,
                    replace(one, labels={}),
                    replace(one, labels={}, name=f"mine-{number}"),
                    replace(one, name=f"{one.name}.1768269232"),
                    replace(one, is_development=number == 3),
                    replace(one, is_production=number == 4),
                    replace(one, environment=draw(st.sampled_from(["staging", "gone"]))),
                ]
            )
        )
        there[one.id] = one
    every = [None, *there.values()]
    environments = [
        LiveEnvironment(
            name=name,
            current=draw(st.sampled_from(every)),
            candidate=draw(st.sampled_from(every)),
            shadows=tuple(draw(st.lists(st.sampled_from([*there, "nobody"]), max_size=2))),
        )
        for name in draw(st.sets(st.sampled_from(["production", "staging", "Canary"])))
    ]
    moments = draw(st.lists(st.integers(0, 90), max_size=10).map(sorted))
    entries = [
        entry(
            draw(st.sampled_from(EVENTS)),
            draw(NUMBERS),
            draw(st.none() | NUMBERS),
            id=f"e{place}",
            intent=f"e{place - 1}" if draw(st.booleans()) else None,
            at=NOW - timedelta(days=90 - day),
            environment=draw(st.sampled_from(["production", "staging", "canary"])),
        )
        for place, day in enumerate(moments)
    ]
    retention = Retention(
        keep=draw(st.none() | st.integers(0, 4)),
        older_than=draw(st.none() | st.sampled_from([0.0, 30 * 86400.0, 98 * 86400.0])),
        action=draw(st.sampled_from(["deactivate", "delete"])),
    )
    wanted = [
        DesiredEnvironment(name=name, artifact=artifact(draw(NUMBERS)))
        for name in draw(st.sets(st.sampled_from(["production", "staging"])))
    ]
    return World(
        model=replace(model(retention), environments=tuple(wanted)),
        live=LiveModel(
            id="m",
            name="triage",
            team="ml",
            created_at=NOW,
            environments=tuple(environments),
            deployments=tuple(draw(st.permutations(list(there.values())))),
        ),
        history=ModelHistory.of(entries),
        commits=tuple(draw(st.sets(st.sampled_from(COMMITS)))),
    )


@settings(max_examples=70)
@given(worlds())
def test_nothing_that_is_needed_ever_goes(world: World) -> None:
    """Written without the code that decides: from ids and digests of the world alone."""
    found = fates(world.model, world.live, world.history, now=NOW, commits=world.commits)
    assert {it.deployment.id for it in found} == {it.id for it in world.live.deployments or ()}
    going = {it.deployment.id: it.deployment for it in found if it.action is not None}
    retention = world.model.retention
    assert retention is not None
    assert all(it.action in {None, retention.action} for it in found)

    for environment in world.model.environments:
        assert environment.artifact is not None
        alike = {
            it.deployment.id
            for it in found
            if it.digest == environment.artifact.digest and not it.deployment.is_development
        }
        assert not alike or not alike <= going.keys(), "what Git asks for would be built again"
    assert not going.keys() & _attached(world)
    assert not going.keys() & _ways_back(world)
    for each in going.values():
        assert not each.is_development
        assert not each.is_production
        assert (each.environment or "") not in {it.name for it in world.live.environments}
        assert each.status not in {"BUILDING", "STRANGE"}
        assert each.labels.get(LABEL_COMMIT) in world.commits or any(
            each.id == side.deployment_id or f"git-{side.digest}".startswith(_root(each.name))
            for it in world.history.entries
            for side in (it.from_, it.to)
            if side is not None
        )
    if retention.keep:
        stay = [it.deployment.created_at for it in found if it.deployment.id not in going]
        for one in going.values():
            assert sum(made > one.created_at for made in stay) >= retention.keep


def _root(name: str) -> str:
    """A name without what a promotion's copy adds to it."""
    return name.partition(".")[0]


def _attached(world: World) -> set[str]:
    """What serves, is on its way, or is sent a share of the requests."""
    return {
        needed
        for each in world.live.environments
        for needed in (
            each.current.id if each.current else "",
            each.candidate.id if each.candidate else "",
            *each.shadows,
        )
    }


def _ways_back(world: World) -> set[str]:
    """What the log says serves or is about to, and what a rollback would take."""
    found: set[str] = set()
    serving = {it.name.lower(): it.current for it in world.live.environments}
    for name in serving.keys() | {each.name for each in world.model.environments}:
        log, now = world.history.environment(name), serving.get(name)
        sides = [log.last_served]
        if log.open_intent is not None:
            sides += [log.open_intent.artifact, log.open_intent.origin]
        others = [
            it.side
            for it in log.served
            if now is None or f"d{int((it.side.digest or '0')[0], 16)}" != now.id
        ]
        sides += others[-1:]
        found |= {side.deployment_id for side in sides if side is not None}
    return found


@settings(max_examples=25)
@given(worlds())
def test_what_is_left_is_left_again(world: World) -> None:
    """Once what may go has gone, nothing more does: two prunes end where one does."""
    found = fates(world.model, world.live, world.history, now=NOW, commits=world.commits)
    going = {it.deployment.id for it in found if it.action is not None}
    assert world.model.retention is not None
    if world.model.retention.action == "delete":
        after = tuple(it for it in world.live.deployments or () if it.id not in going)
    else:
        after = tuple(
            replace(it, status="INACTIVE") if it.id in going else it
            for it in world.live.deployments or ()
        )
    live = replace(world.live, deployments=after)
    again = fates(world.model, live, world.history, now=NOW, commits=world.commits)
    assert not [it for it in again if it.action is not None]
