"""Drift as a real workspace shows it: clicks of a person, found, named and accepted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops.pipeline.accept import accept_drift
from gitops.pipeline.drift import FoundDrift, drift
from gitops.pipeline.plan import PlanRequest, plan
from gitops.pipeline.selection import Selection
from gitops.plan.drift import Drifted
from gitops.state.health import Health, health_of
from gitops.wiring import open_project
from tests.apply.stage import Stage, stage
from tests.echo import release, truss
from tests.patience import HANGS

STAGING = """\
  staging:
    commit: HEAD          # follows the branch
    autoscaling: {min_replica: 1, max_replica: 2}
"""
PRODUCTION = """\
  # what customers get
  production:
    commit: "{pin}"
    autoscaling:
      min_replica: 1
      max_replica: 2   # two will do
    backpressure: {{policy: QUEUE_ON_FULL}}
    schedules: {{}}
    watch: {{for: 0s}}
"""
NIGHT = {
    "name": "night",
    "enabled": True,
    "cadence": "DAILY",
    "weekdays": ["MONDAY", "SUNDAY"],
    "start_hour": 22,
    "start_minute": 0,
    "end_hour": 6,
    "end_minute": 0,
    "autoscaling_settings": {
        **dict.fromkeys(["autoscaling_window", "scale_down_delay", "concurrency_target"]),
        **dict.fromkeys(["target_utilization_percentage", "target_in_flight_tokens"]),
        "max_scale_down_rate": None,
        "min_replica": 1,
        "max_replica": 3,
    },
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Production is pinned to the first version, staging serves the second; all as Git says."""
    folder = tmp_path_factory.mktemp("drift")
    with stage(folder, truss(), release(STAGING), first_push="none") as found:
        found.commit(release(STAGING, PRODUCTION.format(pin=found.work.head)), message="Pin")
        assert found.apply().exit_code == 0
        found.commit(truss("two"), message="Two")
        assert found.apply().exit_code == 0
        yield found


class Person:
    """Somebody with a key of their own and no tool."""

    def __init__(self, made: Stage) -> None:
        self.made = made
        self.model = f"{made.emulator.api_url}/v1/models/{made.model_id()}"

    def does(self, method: str, path: str, body: object = None) -> None:
        headers = {"Authorization": "Bearer somebody.else-entirely"}
        answer = httpx.request(method, self.model + path, headers=headers, json=body, timeout=HANGS)
        assert answer.is_success, answer.text

    def sees(self, holds: Callable[[], bool]) -> None:
        """Wait until what was asked for is there."""
        pause = threading.Event()
        while not holds():
            pause.wait(0.01)

    def autoscaling(self) -> Any:
        return self.made.live("production").settings.autoscaling


def look(made: Stage, *models: str) -> FoundDrift:
    project = open_project(made.work.path, made.emulator.environ())
    return drift(project, Selection(models=models))


def status(made: Stage) -> str:
    current = made.live("staging").current
    assert current is not None
    return current.status


def items(found: FoundDrift) -> dict[str, list[Drifted]]:
    return {
        each.environment: list(each.drift)
        for model in found.drift.models
        for each in model.environments
        if each.drift
    }


def test_nothing_that_our_own_applies_did_is_drift(made: Stage) -> None:
    found = look(made)
    assert items(found) == {}
    assert found.drift.summary.unjudged == 0
    assert found.drift.models[0].model_id == made.model_id()


def test_what_a_person_did_is_found_and_can_be_accepted(made: Stage) -> None:
    person = Person(made)
    person.does(
        "PATCH",
        "/environments/production",
        {
            "autoscaling_settings": {"min_replica": 3, "max_replica": 7},
            "request_backpressure_settings": {"policy": None},
        },
    )
    second = made.live("staging").current
    assert second is not None
    person.does("POST", "/environments/production/promote", {"deployment_id": second.id})
    person.sees(lambda: made.serving("production").startswith(second.name.partition(".")[0]))
    person.sees(lambda: made.live("production").promotion is None)
    person.sees(lambda: person.autoscaling()["max_replica"] == 7)

    found = look(made)
    assert set(items(found)) == {"production"}
    by_kind = {each.path or each.kind: each for each in items(found)["production"]}
    assert set(by_kind) == {
        "artifact",
        "autoscaling.max_replica",
        "autoscaling.min_replica",
        "backpressure.policy",
    }
    assert {each.by for each in by_kind.values()} == {"API key somebody"}
    assert all(each.at is not None for each in by_kind.values())
    changed = by_kind["autoscaling.max_replica"]
    assert (changed.git, changed.live) == (2, 7)

    project = open_project(made.work.path, made.emulator.environ())
    before = (made.work.path / "releases/triage.yaml").read_text()
    accepting = accept_drift(project, found)
    after = accepting.files["releases/triage.yaml"].decode()
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    assert [new.strip() for old, new in pairs if old != new] == [
        f'commit: "{made.work.head}"   # 2026-01-01 "Two"',
        "min_replica: 3",
        "max_replica: 7   # two will do",
        "backpressure: {policy: null}",
    ]
    made.commit({"releases/triage.yaml": after}, message=accepting.message)
    planned = plan(project, PlanRequest())
    assert planned.plan.summary.changed == planned.plan.summary.drift == 0
    assert items(look(made)) == {}
    writes = made.writes()
    assert made.apply().exit_code == 0
    assert made.writes() == writes
    assert made.told()[-1] == "production adopted"
    assert items(look(made)) == {}


def test_a_schedule_that_somebody_made_is_accepted_whole(made: Stage) -> None:
    person = Person(made)
    body = {"autoscaling_schedule_settings": {"timezone": "UTC", "schedules": [NIGHT]}}
    person.does("PATCH", "/environments/production", body)
    found = look(made)
    [item] = items(found)["production"]
    assert (item.path, item.git, item.by) == ("schedules.night", None, "API key somebody")
    project = open_project(made.work.path, made.emulator.environ())
    accepting = accept_drift(project, found)
    assert accepting.drift.accepted is not None
    assert accepting.drift.accepted.not_written == ()
    made.commit({path: data.decode() for path, data in accepting.files.items()}, message="Accept")
    assert items(look(made)) == {}
    assert plan(project, PlanRequest()).plan.summary.changed == 0


def test_a_deployment_that_somebody_stopped_is_not_one_that_idled(made: Stage) -> None:
    person = Person(made)
    current = made.live("staging").current
    assert current is not None
    person.does("POST", f"/deployments/{current.id}/deactivate")
    person.sees(lambda: look(made).drift.summary.other == 1)
    [item] = items(look(made))["staging"]
    assert (item.kind, item.by) == ("deactivated", "API key somebody")
    person.does("POST", f"/deployments/{current.id}/activate")
    assert items(look(made)) == {}
    person.sees(lambda: health_of(status(made)) is Health.READY)


def test_a_model_that_was_renamed_is_looked_at_under_its_new_name(made: Stage) -> None:
    person = Person(made)
    person.does("PATCH", "", {"name": "triage-2"})
    person.does(
        "PATCH", "/environments/production", {"autoscaling_settings": {"concurrency_target": 9}}
    )
    person.does("PATCH", "/environments/staging", {"autoscaling_settings": {"max_replica": 5}})
    person.sees(lambda: "staging" in items(look(made)))
    found = look(made)
    moved = found.drift.models[0].drift
    assert moved is not None
    assert (moved.kind, moved.git, moved.live) == ("model_renamed", "triage", "triage-2")
    assert moved.by == "API key somebody"
    # What no release file names is nobody's drift.
    assert set(items(found)) == {"staging"}
    person.does("PATCH", "", {"name": "triage"})
    assert look(made).drift.models[0].drift is None
    person.does("PATCH", "/environments/staging", {"autoscaling_settings": {"max_replica": 2}})
    person.sees(lambda: items(look(made)) == {})


def test_what_was_never_released_from_here_is_not_judged(tmp_path: Path) -> None:
    with stage(tmp_path, truss(), release(STAGING)) as new:
        found = look(new)
        [environment] = found.drift.models[0].environments
        assert environment.unjudged is not None
        assert environment.drift == ()
