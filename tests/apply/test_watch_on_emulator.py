"""Releases under real traffic: judged while it moves, kept for a closer look, undone in seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.apply.clock import StopFlag
from gitops.plan.events import ActionProgress
from gitops.record.entry import Event
from gitops.state.live import Deployment
from tests.apply.stage import Stage, stage
from tests.echo import PRODUCTION, release, truss

ROLLING = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 2}
    promotion:
      rolling_deploy: true
      rolling_deploy_config: {max_surge_percent: 25, stabilization_time_seconds: 60}
    watch: {for: 10m, %s, min_requests: 5}
"""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Stage]:
    """Production serves the first version, under steady load."""
    with stage(tmp_path, truss(), release(PRODUCTION), traffic=40.0) as made:
        assert made.apply().exit_code == 0
        yield made


def sizes(made: Stage) -> set[tuple[int | None, int | None]]:
    """The replicas before and after, while the candidate had a share of the traffic."""
    return {
        (each.replicas_old, each.replicas_new)
        for each in made.events
        if isinstance(each, ActionProgress) and each.percent not in {None, 0, 100}
    }


def shares(made: Stage) -> set[int]:
    """The shares of traffic that the candidate was seen with."""
    return {
        each.percent
        for each in made.events
        if isinstance(each, ActionProgress) and each.percent is not None
    }


@pytest.mark.parametrize(
    ("bound", "behaviour", "said"),
    [
        ("error_rate: 0.02", "error_rate: 0.9", "requests failed, above 2.0%"),
        ("latency: {p90: 50ms}", "latency_ms: 120", "latency.p90 is "),
        ("latency: {first_token: 50ms}", "latency_ms: 120", "latency.first_token is "),
    ],
)
def test_what_is_bad_for_certain_is_cancelled_at_the_first_step(
    made: Stage, bound: str, behaviour: str, said: str
) -> None:
    before = made.serving("production")
    made.commit(truss("two", behaviour), release(ROLLING % bound))
    made.sticks()
    outcome = made.apply()
    assert outcome.exit_code == 3, outcome.finished
    assert max(shares(made)) == 25
    # While traffic moves, both sides have a replica that serves it.
    assert sizes(made)
    assert all(old and new for old, new in sizes(made))
    assert made.serving("production") == before
    entry = next(each for each in made.entries() if each.event is Event.ROLLED_BACK)
    assert said in (entry.reason or "")
    watch = entry.figures["watch"]
    assert isinstance(watch, dict)
    assert watch["outcome"] == "fail"
    assert watch["measurements"][0]["samples"] >= 5
    assert watch["percent"] == 25
    figures = entry.figures["rollback"]
    assert isinstance(figures, dict)
    # Fewer requests failed than had gone to the bad version by then: all of its share at the most.
    assert figures["failed_share"] <= 0.25
    failure = outcome.finished.failures[0].failure
    assert "failed with 25% of the traffic on it and was rolled back" in failure.happened
    _kept(made, entry.figures["kept"], behaviour)


def _kept(made: Stage, name: object, behaviour: str) -> None:
    """What is named in the log and in the output is there, and tells what happened."""
    assert name == "gitops/failures/triage/production/0001-release"
    folder = made.work.path / ".git" / str(name)
    details = [
        line
        for each in made.events[-1].failures  # type: ignore[union-attr]
        for line in each.failure.details
    ]
    assert f"kept for a closer look: .git/{name}" in details
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["deployment"]["name"].startswith("git-")
    assert summary["figures"]["watch"]["outcome"] == "fail"
    assert behaviour in (folder / "config.yaml").read_text()
    assert (folder / "log.txt").read_text()
    windows = json.loads((folder / "metrics.json").read_text())
    assert sum(each["requests"] or 0 for each in windows) > 0
    secret = made.endpoint.api_key.header().split()[-1].encode()
    for file in folder.iterdir():
        assert secret not in file.read_bytes()


def test_where_the_watch_only_alerts_the_promotion_goes_on(made: Stage) -> None:
    quick = ROLLING % "error_rate: 0.02, on_failure: alert"
    made.commit(truss("two", "error_rate: 0.9"), release(quick))
    made.sticks()
    before = made.serving("production")
    made.once(lambda event: isinstance(event, ActionProgress) and event.percent == 25, made.goes_on)
    outcome = made.apply()
    assert outcome.exit_code == 8, outcome.finished
    assert 25 in shares(made)
    assert made.serving("production") != before
    assert made.told()[-1] == "production released"
    assert made.entries()[-1].figures["kept"] == "gitops/failures/triage/production/0001-release"


KEEPING = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 2}
    promotion: {promotion_cleanup_strategy: %s}
    watch: {for: %s, error_rate: 0.02, min_requests: 5, keep_previous: true}
"""


def deployment(made: Stage, deployment_id: str) -> Deployment:
    with made.baseten() as baseten:
        found = baseten.reader.deployment(made.model_id(), deployment_id)
        assert found is not None
        return found


def previous(made: Stage) -> Deployment:
    current = made.live("production").current
    assert current is not None
    return current


@pytest.mark.parametrize(
    ("strategy", "written"),
    [
        ("SCALE_TO_ZERO", "PATCH /v1/models/MODEL/deployments/OLD/autoscaling_settings"),
        ("DEACTIVATE", "POST /v1/models/MODEL/deployments/OLD/deactivate"),
        ("KEEP", None),
    ],
)
def test_the_previous_deployment_stays_warm_until_the_watch_has_passed(
    made: Stage, strategy: str, written: str | None
) -> None:
    old = previous(made)
    made.commit(truss("two"), release(KEEPING % (strategy, "800ms")))
    seen: list[int] = []
    made.once(
        lambda event: isinstance(event, ActionProgress) and event.kind == "watch",
        lambda: seen.append(deployment(made, old.id).active_replicas),
    )
    outcome = made.apply()
    assert outcome.exit_code == 0, outcome.finished
    assert seen[0] >= 1
    writes = [
        each.replace(made.model_id(), "MODEL").replace(old.id, "OLD") for each in made.writes()
    ]
    promoted = next(place for place, each in enumerate(writes) if each.endswith("/promote"))
    after = [each for each in writes[promoted + 1 :] if "OLD" in each]
    assert after == ([written] if written else [])
    assert made.told()[-1] == "production released"
    assert made.apply().exit_code == 0
    assert len(made.writes()) == len(writes)


def test_a_rollback_to_what_stayed_warm_needs_no_start(made: Stage) -> None:
    old = previous(made)
    made.commit(truss("two", "error_rate: 0.9"), release(KEEPING % ("DEACTIVATE", "10m")))
    outcome = made.apply()
    assert outcome.exit_code == 3, outcome.finished
    assert previous(made).id == old.id
    writes = made.writes()
    assert not any(each.endswith(("/activate", "/deactivate")) for each in writes)
    assert sum(each.endswith("/promote") for each in writes) == 2


def test_a_run_that_dies_during_the_watch_leaves_it_to_the_next_to_let_go(made: Stage) -> None:
    old = previous(made)
    made.commit(truss("two"), release(KEEPING % ("DEACTIVATE", "1s")))
    made.once(
        lambda event: isinstance(event, ActionProgress) and event.kind == "watch",
        lambda: made.stop.set("a test"),
    )
    assert made.apply().exit_code == 130
    assert deployment(made, old.id).status == "ACTIVE"
    made.stop = StopFlag()
    assert made.apply().exit_code == 0
    assert any(each.endswith(f"/{old.id}/deactivate") for each in made.writes())


def test_where_the_watch_only_alerts_what_stayed_warm_stays(made: Stage) -> None:
    old = previous(made)
    watch = KEEPING % ("DEACTIVATE", "10m")
    alerting = watch.replace("keep_previous", "on_failure: alert, keep_previous")
    made.commit(truss("two", "error_rate: 0.9"), release(alerting))
    outcome = made.apply()
    assert outcome.exit_code == 8, outcome.finished
    assert deployment(made, old.id).status == "ACTIVE"
    (warning,) = outcome.results[0].warnings
    assert f"deployment {old.id}, which served before, is still warm" in warning


def test_an_older_api_that_keeps_nothing_is_read_back(tmp_path: Path) -> None:
    keeping = release(KEEPING % ("DEACTIVATE", "300ms"))
    with stage(tmp_path, truss(), keeping, mode="july", first_push="none") as made:
        assert made.apply().exit_code == 0
        old = previous(made)
        made.commit(truss("two"))
        outcome = made.apply()
        assert outcome.exit_code == 0, outcome.finished
        (warning,) = outcome.results[0].warnings
        assert f"did not keep deployment {old.id}, which served before, warm" in warning
