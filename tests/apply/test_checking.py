"""Running checks: in turns, within the ceiling, and until we are asked to stop."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.apply import checking
from gitops.apply.checking import Bench, run_checks
from gitops.apply.clock import StopFlag, SystemClock
from gitops.apply.pace import Pace
from gitops.errors import Interrupted, Unavailable
from gitops.state.desired import Check, Expect, Probe
from gitops.state.live import Deployment
from gitops.verify.observation import Answer
from gitops.verify.results import Results, Woken
from gitops.verify.verdict import Outcome
from tests.patience import HANGS

MADE = datetime(2026, 11, 1, tzinfo=UTC)


def deployment(name: str, status: str = "ACTIVE") -> Deployment:
    return Deployment(
        id=name, name=name, model_id="m", status=status, created_at=MADE, active_replicas=2
    )


class Fleet:
    """Deployments by id, and every request that was sent to them."""

    def __init__(self, **statuses: str) -> None:
        self.statuses = statuses
        self.sent: list[str] = []
        self.woken: list[str] = []
        self.hold: threading.Event | None = None
        self.reached = threading.Event()
        self._lock = threading.Lock()

    def deployment(self, model_id: str, deployment_id: str) -> Deployment | None:
        status = self.statuses.get(deployment_id)
        return deployment(deployment_id, status) if status is not None else None

    def wake(self, model_id: str, deployment_id: str) -> None:
        self.woken.append(deployment_id)
        if deployment_id == "dead":
            raise Unavailable("no wake today")
        self.statuses[deployment_id] = "ACTIVE"

    def send(
        self,
        model_id: str,
        deployment_id: str,
        path: str,
        body: Any,
        *,
        headers: Mapping[str, str],
        timeout: float,
        stream: bool = False,
    ) -> Answer:
        with self._lock:
            self.sent.append(f"{deployment_id} {body}")
        self.reached.set()
        if self.hold is not None:
            self.hold.wait()
        return Answer(status=200, seconds=0.1, body=b"{}")


def ran(
    fleet: Fleet, *checks: Check, serving: Deployment | None = None, stop: StopFlag | None = None
) -> tuple[Results, list[str]]:
    said: list[str] = []

    def say(message: str, *, status: str | None = None) -> None:
        said.append(f"{message} ({status})" if status else message)

    stop = stop or StopFlag()
    bench = Bench(
        reader=fleet,  # type: ignore[arg-type]
        prober=fleet,  # type: ignore[arg-type]
        clock=SystemClock(stop),
        pace=Pace(first=0.001),
        stop=stop,
        model_id="m",
        start=0.01,
        say=say,
    )
    return run_checks(bench, "new", checks, lambda: serving), said


def check(**more: Any) -> Check:
    return Check(name="c", **{"probes": (Probe(body=1), Probe(body=2)), **more})


COMPARED = Expect(than_current={"latency": {"p50": 2}})


def test_both_sides_are_asked_the_same_in_turns() -> None:
    fleet = Fleet(new="ACTIVE", old="ACTIVE")
    results, said = ran(fleet, check(runs=4, expect=COMPARED), serving=deployment("old"))
    assert fleet.sent == ["new 1", "old 1", "old 2", "new 2", "new 1", "old 1", "old 2", "new 2"]
    assert results.verdict.outcome is Outcome.PASS
    detail = results.verdict.measurements[-1].detail
    assert detail == (
        "0.1 here on 2 replicas of unknown hardware, "
        "0.1 where it serves now on 2 replicas of unknown hardware"
    )
    assert said[0].startswith("comparing deployment new (2 replicas")


def test_a_line_alone_may_ask_for_the_comparison() -> None:
    fleet = Fleet(new="ACTIVE", old="ACTIVE")
    probes = (Probe(body=1, line=1), Probe(body=2, line=2, expect=COMPARED))
    results, _ = ran(fleet, check(probes=probes), serving=deployment("old"))
    names = [each.what for each in results.verdict.measurements]
    assert names[-1] == "c.line 2.than_current.latency.p50"


@pytest.mark.parametrize(
    ("serving", "outcome", "why"),
    [
        (None, Outcome.PASS, "nothing serves yet"),
        (deployment("new"), Outcome.PASS, "it is what serves now"),
        (deployment("old", "INACTIVE"), Outcome.PASS, "what serves now is INACTIVE"),
        (deployment("gone"), Outcome.INCONCLUSIVE, "not ready to be asked"),
        (deployment("dead", "SCALED_TO_ZERO"), Outcome.INCONCLUSIVE, "no wake today"),
    ],
)
def test_there_may_be_nothing_to_compare_with(
    serving: Deployment | None, outcome: Outcome, why: str
) -> None:
    fleet = Fleet(new="ACTIVE", dead="SCALED_TO_ZERO")
    results, _ = ran(fleet, check(expect=COMPARED), serving=serving)
    assert results.verdict.outcome is outcome
    assert why in results.verdict.measurements[-1].detail
    assert fleet.sent == ["new 1", "new 2"]


def test_what_serves_is_woken_before_it_is_compared_with() -> None:
    fleet = Fleet(new="ACTIVE", old="SCALED_TO_ZERO")
    ran(fleet, check(runs=2, expect=COMPARED), serving=deployment("old", "SCALED_TO_ZERO"))
    assert fleet.woken == ["old"]
    assert len(fleet.sent) == 4


def test_what_goes_to_sleep_between_checks_is_woken_again() -> None:
    fleet = Fleet(new="SCALED_TO_ZERO")
    ran(fleet, check())
    fleet.statuses["new"] = "SCALED_TO_ZERO"
    results, _ = ran(fleet, check())
    assert fleet.woken == ["new", "new"]
    assert results.stopped is None


@pytest.mark.parametrize(
    ("status", "stopped"), [("FAILED", Woken.NOT_READY), ("INACTIVE", Woken.NOT_READY)]
)
def test_what_cannot_be_asked_is_not_judged(status: str, stopped: Woken) -> None:
    results, _ = ran(Fleet(new=status), check())
    assert (results.ran, results.stopped) == ((), stopped)


def test_a_definite_failure_spares_the_checks_behind_it() -> None:
    fleet = Fleet(new="ACTIVE")
    results, _ = ran(fleet, check(expect=Expect(status=(418,))), check())
    assert len(results.ran) == 1
    assert fleet.sent == ["new 1", "new 2"]
    assert [each["reason"] for each in results.pairs] == ["status 200, expected 418"] * 2


def test_who_is_asked_to_stop_does_not_wait_for_an_answer() -> None:
    fleet, stop = Fleet(new="ACTIVE"), StopFlag()
    fleet.hold = threading.Event()
    ended: list[BaseException] = []

    def run() -> None:
        try:
            ran(fleet, check(runs=50, concurrency=2), stop=stop)
        except Interrupted as interrupted:
            ended.append(interrupted)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert fleet.reached.wait(HANGS)
        stop.set("a test")
        thread.join(HANGS)
        assert ended
        assert len(fleet.sent) <= 2
    finally:
        fleet.hold.set()
        thread.join()


@given(
    runs=st.integers(1, 40),
    warmup=st.integers(0, 20),
    ceiling=st.integers(1, 60),
    compared=st.booleans(),
)
def test_no_check_sends_more_than_it_may(
    runs: int, warmup: int, ceiling: int, compared: bool
) -> None:
    fleet = Fleet(new="ACTIVE", old="ACTIVE")
    expect = COMPARED if compared else Expect()
    asked = check(runs=runs, warmup=warmup, max_requests=ceiling, expect=expect)
    ran(fleet, asked, serving=deployment("old"))
    assert len(fleet.sent) <= ceiling


def test_answers_that_are_too_long_together_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MOST_BYTES", 5)
    results, _ = ran(Fleet(new="ACTIVE"), check(runs=4, probes=(Probe(body=1),)))
    verdict = results.ran[0].verdict
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "2 of 4 requests say nothing about the deployment" in verdict.reason
    assert "the answers of this check are longer than" in verdict.measurements[0].detail


def test_answers_that_only_warm_up_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MOST_BYTES", 5)
    results, _ = ran(Fleet(new="ACTIVE"), check(runs=1, warmup=2, probes=(Probe(body=1),)))
    assert results.ran[0].verdict.outcome is Outcome.PASS
