"""Autoscaling schedules from the release file to the emulator, and back where a release fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops.plan.events import ApplyFinished
from gitops.record.entry import Event
from tests.apply.stage import Stage, stage
from tests.echo import PRODUCTION, release, truss
from tests.patience import HANGS

DAY = """\
      day:
        cadence: DAILY
        weekdays: [MONDAY, SUNDAY]
        start_hour: 8
        end_hour: 18
        timezone: Europe/Berlin
        autoscaling: {min_replica: 2, max_replica: 4}
"""
HOURS = """\
      half past:
        cadence: HOURLY
        weekdays: [FRIDAY]
        start_minute: 30
        end_minute: 35
        enabled: false
        timezone: Europe/Berlin
        autoscaling: {min_replica: 1, max_replica: 2, concurrency_target: 4}
"""
PAST = """\
      last year:
        cadence: ONE_TIME
        start_at: 2024-12-24T18:00:00+01:00
        end_at: 2024-12-25T18:00:00+01:00
        timezone: Europe/Berlin
        autoscaling: {min_replica: 3, max_replica: 4}
"""
SALE = PAST.replace("2024", "2124").replace("last year", "a sale")
MORNING = """\
      morning:
        cadence: DAILY
        weekdays: [MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY]
        start_hour: 0
        end_hour: 12
        timezone: Europe/Berlin
        autoscaling: {min_replica: 2, max_replica: 4}
"""
ALWAYS = MORNING + MORNING.replace("morning", "afternoon").replace(
    "start_hour: 0\n        end_hour: 12", "start_hour: 12\n        end_hour: 0"
)


def scheduled(*schedules: str) -> str:
    return PRODUCTION + ("    schedules:\n" + "".join(schedules) if schedules else "")


def api(made: Stage, method: str, path: str, **sent: Any) -> Any:
    headers = {"Authorization": f"Bearer {made.emulator.api_key}"}
    with httpx.Client(base_url=made.emulator.api_url, headers=headers, timeout=HANGS) as http:
        return http.request(method, path, **sent).raise_for_status().json()


def shown(made: Stage) -> dict[str, dict[str, Any]]:
    """What the API says of the schedules of production, by name."""
    answer = api(made, "GET", f"/v1/models/{made.model_id()}/environments/production")
    found = answer["autoscaling_schedules"]
    return {each["name"]: {**each, "timezone": found["timezone"]} for each in found["schedules"]}


def by_hand(made: Stage, **block: Any) -> None:
    path = f"/v1/models/{made.model_id()}/environments/production"
    api(made, "PATCH", path, json={"autoscaling_schedule_settings": block})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Stage]:
    """Production serves a first version with three schedules and one that is past."""
    files = release(scheduled(DAY, HOURS, SALE, PAST))
    with stage(tmp_path, truss(), files, traffic=60.0) as made:
        assert made.apply().exit_code == 0
        yield made


def test_the_whole_set_is_what_git_says(served: Stage) -> None:
    there = shown(served)
    assert set(there) == {"day", "half past", "a sale"}
    assert {each["timezone"] for each in there.values()} == {"Europe/Berlin"}
    assert there["half past"]["enabled"] is False
    assert there["half past"]["autoscaling_settings"]["concurrency_target"] == 4
    assert there["day"]["autoscaling_settings"]["concurrency_target"] is None
    before = served.writes(), served.told()
    assert served.apply().exit_code == 0
    assert (served.writes(), served.told()) == before

    # Somebody changes one, takes one away and adds another.
    names = ("id", "name", "enabled", "cadence", "weekdays", "start_minute", "end_minute")
    day = {name: there["day"][name] for name in (*names, "autoscaling_settings")}
    few = {**day["autoscaling_settings"], "min_replica": 1, "max_replica": 2}
    extra = {**day, "name": "by hand", "start_hour": 1, "end_hour": 2, "autoscaling_settings": few}
    del extra["id"]
    edits = [{**day, "start_hour": 9, "end_hour": 12}, extra]
    by_hand(served, schedules=edits, delete_schedules=[there["a sale"]["id"]])
    assert set(shown(served)) == {"day", "half past", "by hand"}
    assert served.apply().exit_code == 0
    again = shown(served)
    assert set(again) == set(there)
    assert again["day"] == there["day"]
    assert again["a sale"]["id"] != there["a sale"]["id"]
    entry = served.entries()[-1]
    assert entry.reason == "schedules.a sale, schedules.by hand, schedules.day"
    assert entry.settings_after is not None
    assert entry.settings_after["schedules.by hand"] is None

    served.commit(release(PRODUCTION + "    schedules: {}\n"))
    # Half the replicas would go in a protected environment.
    assert served.apply().exit_code == 4
    consents = "    schedules: {}\n    allow: [fewer_replicas]\n"
    served.commit(release(PRODUCTION + consents))
    assert served.apply().exit_code == 0
    assert served.live("production").settings.schedules == {}
    before = served.writes(), served.told()
    assert served.apply().exit_code == 0
    assert (served.writes(), served.told()) == before


def test_schedules_travel_with_a_promotion_and_go_back_with_it(served: Stage) -> None:
    there = shown(served)
    longer = DAY.replace("start_hour: 8", "start_hour: 7")
    patient = scheduled(longer, SALE, ALWAYS).replace("600ms", "10m")
    served.commit(truss("two", "fails_after_requests: 12"), release(patient))
    outcome = served.apply()
    assert outcome.exit_code == 3, outcome.finished
    patched = [each for each in served.writes() if each.startswith("PATCH")]
    # The first set of the first release, and what puts it back.
    assert len(patched) == 2
    now = shown(served)
    assert set(now) == set(there)
    for name, schedule in there.items():
        assert {**now[name], "id": ""} == {**schedule, "id": ""}
    # Held: Git still asks for the schedules of the release that failed.
    before = served.writes()
    held = served.apply()
    assert held.exit_code == 0
    assert held.finished.held == ("triage/production",)
    assert served.writes() == before


def test_a_baseten_that_knows_no_schedules_is_sent_none(tmp_path: Path) -> None:
    with stage(tmp_path, truss(), release(PRODUCTION), mode="july", first_push="none") as made:
        assert made.apply().exit_code == 0
        before = made.writes()
        made.commit(truss("two"), release(scheduled(ALWAYS)))
        assert made.apply().exit_code == 4
        finished = made.events[-1]
        assert isinstance(finished, ApplyFinished)
        assert "this Baseten does not know schedules" in finished.failures[0].failure.happened
        assert made.writes() == before


def test_replicas_are_confirmed_against_the_schedule_in_force(tmp_path: Path) -> None:
    with stage(tmp_path, truss(), release(scheduled(ALWAYS)), traffic=60.0) as made:
        assert made.apply().exit_code == 0
        patient = scheduled(ALWAYS).replace("600ms", "10m")
        made.commit(truss("two", "fails_after_requests: 12"), release(patient))
        assert made.apply().exit_code == 3
        undone = next(each for each in made.entries() if each.event is Event.ROLLED_BACK)
        figures = undone.figures["rollback"]
        assert isinstance(figures, dict)
        assert figures["minimum"] == 2
        assert isinstance(figures["replicas"], int)
        assert figures["replicas"] >= 2
