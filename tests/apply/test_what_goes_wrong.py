"""People, failing promotions, a Git host that is down: what the executor makes of each."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from gitops.apply.clock import StopFlag, SystemClock
from gitops.apply.control import Control
from gitops.decide.situation import Options
from gitops.emulator import Durations
from gitops.errors import GitopsError
from gitops.git.repository import Repository
from gitops.plan.events import (
    ActionFinished,
    ActionProgress,
    ApplyEvent,
    LogEntry,
    RollbackStarted,
)
from gitops.record.entry import Event
from tests.apply.stage import KEY, Stage, stage
from tests.echo import PRODUCTION, STAGING, release, truss
from tests.pace import builds_take

ROLLING = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 4, max_replica: 4}
    promotion:
      rolling_deploy: true
      rolling_deploy_config: {max_surge_percent: 25, stabilization_time_seconds: 240}
    checks: [smoke]
    watch: {for: 200ms, error_rate: 0.05, min_requests: 5}
"""
SWITCHING = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 4, max_replica: 4}
    promotion: {rolling_deploy: false}
    checks: [smoke]
    watch: {for: 10m, error_rate: 0.05, min_requests: 5}
"""
"""For what is bad: it is watched until that is certain, however slow this machine is."""


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Stage]:
    """Production alone, rolling, its first version released."""
    with stage(tmp_path, truss(), release(ROLLING), traffic=60.0) as made:
        assert made.apply().exit_code == 0
        yield made


def moving(event: ApplyEvent) -> bool:
    """A promotion that has some of the traffic."""
    return isinstance(event, ActionProgress) and bool(event.percent) and event.percent != 100


def building(event: ApplyEvent) -> bool:
    """A build was seen."""
    return isinstance(event, ActionProgress) and event.status == "BUILDING"


def promoted(event: ApplyEvent) -> bool:
    """A promotion was just requested, and has no traffic yet."""
    return isinstance(event, ActionFinished) and event.kind == "promote"


@contextmanager
def control(made: Stage, environment: str = "production") -> Iterator[Control]:
    """Somebody at another keyboard, with the same key."""
    with Repository.discover(made.work.path) as repository, made.baseten() as baseten:
        yield Control(
            reader=baseten.reader,
            writer=baseten.writer,
            log=made.log(repository, baseten),
            clock=SystemClock(),
            by="Ada <ada@example.invalid>",
            key=KEY,
            environment=environment,
            pace=made.pace,
        )


def test_a_pause_blocks_and_resuming_lets_it_go_on(alone: Stage) -> None:
    def pause() -> None:
        with alone.person() as person:
            person.writer._signal("pause_promotion", alone.model_id(), "production")

    alone.commit(truss("two"))
    alone.sticks()
    alone.once(moving, pause)
    outcome = alone.apply()
    assert outcome.exit_code == 4, outcome.finished
    assert outcome.finished.blocked == ("triage/production",)
    failure = outcome.finished.failures[0].failure
    assert "paused" in failure.happened
    assert "% of its traffic goes to commit" in failure.serves_now
    assert "gitops resume triage production" in failure.next
    alone.goes_on()
    with control(alone) as hand:
        assert "goes on" in hand.resume()
    alone.on = None
    assert alone.apply().exit_code == 0
    assert alone.told()[-1] == "production released"


@dataclass
class Silent(httpx.BaseTransport):
    """Baseten answers no more; a minute later somebody presses Ctrl-C."""

    clock: Late
    gone: bool = False
    inner: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self.gone or not request.url.path.endswith("/environments/production"):
            return self.inner.handle_request(request)
        self.clock.ahead = 60.0
        self.clock.stop.set("SIGINT")
        return httpx.Response(503, json={"message": "unavailable"})

    def close(self) -> None:
        self.inner.close()


class Late(SystemClock):
    """So many seconds have passed that nobody waited for."""

    def __init__(self, stop: StopFlag) -> None:
        super().__init__(stop)
        self.stop = stop
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


def test_what_baseten_answered_last_is_told_with_its_time(alone: Stage) -> None:
    silent = Silent(Late(alone.stop))

    def fall_silent() -> None:
        silent.gone = True

    alone.commit(truss("two"))
    alone.sticks()
    alone.once(moving, fall_silent)
    outcome = alone.apply(transport=silent, clock=silent.clock)
    assert outcome.exit_code == 130, outcome.finished
    told = outcome.finished.failures[0].failure.serves_now
    assert re.match(r"When Baseten last answered, at \d\d:\d\d:\d\d UTC, triage/production ", told)
    assert "production served commit" in told
    assert "% of its traffic went to commit" in told


@pytest.mark.parametrize("stopped", [False, True])
def test_what_was_read_long_ago_is_read_again_or_told_with_its_time(
    alone: Stage, *, stopped: bool
) -> None:
    clock = Late(alone.stop)
    current = alone.live("production").current
    assert current is not None
    serving = current.id

    def a_minute_later() -> None:
        alone.emulator.set_status(serving, "UNHEALTHY")
        clock.ahead = 60.0
        if stopped:
            alone.stop.set("SIGINT")
        else:
            alone.emulator.set_status(alone.newest(), "BUILD_FAILED")

    alone.commit(truss("two"))
    builds_take(alone.emulator, 360_000)
    alone.once(building, a_minute_later)
    outcome = alone.apply(clock=clock)
    assert outcome.exit_code == (130 if stopped else 5), outcome.finished
    told = outcome.finished.failures[0].failure.serves_now
    if stopped:
        when = r"When it was last read, at \d\d:\d\d:\d\d UTC, triage/production served commit"
        assert re.match(when, told)
        assert told.endswith(", ACTIVE.")
    else:
        assert re.match(r"triage/production serves commit .*, UNHEALTHY, as before", told), told


def test_asked_to_stop_on_the_way_back_it_says_so_and_the_next_apply_goes_on(alone: Stage) -> None:
    before = alone.serving("production")
    alone.commit(truss("two", "fails_after_requests: 3"))
    alone.sticks()
    alone.once(lambda event: isinstance(event, RollbackStarted), lambda: alone.stop.set("SIGTERM"))
    outcome = alone.apply()
    assert outcome.exit_code == 130, outcome.finished
    [failed] = outcome.finished.failures
    assert "interrupted during the rollback" in failed.failure.happened
    assert failed.failure.next.startswith("Run `gitops apply triage` now: ")
    alone.stop = StopFlag()
    assert alone.apply().exit_code in {3, 5}
    assert alone.serving("production") == before
    assert alone.told()[-1] == "production rolled_back"


def test_a_person_ends_a_release_and_it_is_held(alone: Stage) -> None:
    before = alone.serving("production")

    def cancel() -> None:
        with alone.person() as person:
            person.writer.cancel_promotion(alone.model_id(), "production", force=True)

    alone.commit(truss("two"))
    alone.sticks()
    alone.once(moving, cancel)
    outcome = alone.apply()
    assert outcome.exit_code == 3, outcome.finished.failures
    assert alone.serving("production") == before
    entry = alone.entries()[-1]
    assert entry.event is Event.ROLLED_BACK
    assert entry.ended_by is not None
    assert "somebody" in entry.ended_by
    assert "ended the release" in outcome.finished.failures[0].failure.happened
    alone.on = None
    again = alone.apply()
    assert again.exit_code == 0
    assert again.finished.held == ("triage/production",)


def test_a_candidate_that_fails_before_any_traffic_is_held_and_ends_in_5(alone: Stage) -> None:
    before = alone.serving("production")

    def fail() -> None:
        candidate = alone.live("production").candidate
        assert candidate is not None
        alone.emulator.set_status(candidate.id, "FAILED")

    alone.commit(truss("two"))
    alone.sticks(0)
    alone.once(promoted, fail)
    outcome = alone.apply()
    assert outcome.exit_code == 5, outcome.finished
    assert alone.serving("production") == before
    assert alone.live("production").candidate is None
    assert alone.told()[-1] == "production rolled_back"
    assert "before it got any traffic" in outcome.finished.failures[-1].failure.happened


def test_errors_while_traffic_moves_end_the_promotion(alone: Stage) -> None:
    before = alone.serving("production")
    alone.commit(truss("two", "fails_after_requests: 3"))
    alone.sticks()
    outcome = alone.apply()
    assert outcome.exit_code == 3, outcome.finished
    assert alone.serving("production") == before
    assert any(isinstance(each, RollbackStarted) for each in alone.events)
    live = alone.live("production")
    assert live.settings.promotion["rolling_deploy"] is True


def test_a_first_release_that_is_bad_stays_and_calls_a_person(tmp_path: Path) -> None:
    patient = PRODUCTION.replace("600ms", "10m")
    files = truss("one", "fails_after_requests: 12"), release(patient)
    with stage(tmp_path, *files, traffic=60.0, first_push="none") as made:
        outcome = made.apply()
        assert outcome.exit_code == 8, outcome.finished
        assert made.live("production").current is not None
        assert made.told() == ["production intent", "production held"]
        assert "nothing served there before" in outcome.finished.failures[0].failure.happened
        again = made.apply()
        assert again.exit_code == 0
        assert again.finished.held == ("triage/production",)


def test_without_the_git_host_nothing_is_promoted(alone: Stage, tmp_path: Path) -> None:
    before = alone.serving("production")
    remote = tmp_path / "remote.git"
    alone.commit(truss("two"))

    def lose(event: ApplyEvent) -> bool:
        return isinstance(event, ActionFinished) and event.kind == "check"

    alone.once(lose, lambda: shutil.move(remote, tmp_path / "away.git"))
    outcome = alone.apply()
    assert outcome.exit_code == 1, outcome.finished
    assert alone.serving("production") == before
    assert not any(each.endswith("/promote") for each in alone.writes())
    failure = outcome.finished.failures[0].failure
    assert "could not be written" in failure.happened
    alone.on = None
    shutil.move(tmp_path / "away.git", remote)
    assert alone.apply().exit_code == 0


def test_a_rollback_needs_no_git_host_and_its_result_is_pushed_later(
    alone: Stage, tmp_path: Path
) -> None:
    before = alone.serving("production")
    remote = tmp_path / "remote.git"
    alone.commit(truss("two", "fails_after_requests: 12"), release(SWITCHING))
    alone.once(promoted, lambda: shutil.move(remote, tmp_path / "away.git"))
    outcome = alone.apply()
    assert outcome.exit_code == 3, outcome.finished
    assert alone.serving("production") == before
    assert any("kept in this clone" in each for each in outcome.notices)
    assert [(each.event, each.kept) for each in alone.events if isinstance(each, LogEntry)] == [
        ("intent", False),
        ("rolled_back", True),
    ]
    alone.on = None
    shutil.move(tmp_path / "away.git", remote)
    again = alone.apply()
    assert again.exit_code == 0
    assert again.finished.held == ("triage/production",)
    assert alone.told()[-1] == "production rolled_back"


def test_what_the_platform_stopped_is_started_again(alone: Stage) -> None:
    current = alone.live("production").current
    assert current is not None
    alone.emulator.set_status(current.id, "INACTIVE")
    outcome = alone.apply()
    assert outcome.exit_code == 0, outcome.finished
    assert alone.live("production").current == alone.live("production").current
    now = alone.live("production").current
    assert now is not None
    assert (now.id, now.status) == (current.id, "ACTIVE")


def test_what_serves_and_failed_is_retried_once(alone: Stage) -> None:
    current = alone.live("production").current
    assert current is not None
    alone.emulator.set_status(current.id, "FAILED")
    outcome = alone.apply()
    assert outcome.exit_code == 0, outcome.finished
    now = alone.live("production").current
    assert now is not None
    assert now.status == "ACTIVE"


def test_what_somebody_promoted_is_never_taken_back_silently(alone: Stage) -> None:
    first = alone.live("production").current
    assert first is not None
    alone.commit(truss("two"))
    assert alone.apply().exit_code == 0
    second = alone.serving("production")
    with alone.person() as person:
        person.writer.promote(alone.model_id(), "production", first.id)
    alone.commit(truss("three"))
    while alone.live("production").candidate is not None or alone.serving("production") == second:
        SystemClock().sleep(0.02)
    outcome = alone.apply()
    assert outcome.exit_code == 4, outcome.finished
    assert alone.serving("production") == first.name
    undone = alone.apply(options=Options(undo_drift=True))
    assert undone.exit_code == 0, undone.finished
    assert alone.serving("production") not in {first.name, second}


def test_after_so_many_rollbacks_nothing_more_is_promoted(alone: Stage) -> None:
    alone.commit(truss("two"))
    outcome = alone.apply(max_rollbacks=0)
    assert outcome.exit_code == 4
    assert "limits.max_rollbacks" in outcome.finished.failures[0].failure.happened


def test_there_is_nothing_to_cancel_or_resume(alone: Stage) -> None:
    with control(alone) as hand:
        with pytest.raises(GitopsError, match="no promotion runs in triage/production"):
            hand.cancel()
        with pytest.raises(GitopsError, match="no promotion runs in triage/production"):
            hand.resume()


def test_cancelling_by_hand_gives_all_traffic_back(alone: Stage) -> None:
    before = alone.serving("production")
    said: list[str] = []

    def cancel() -> None:
        with control(alone) as hand:
            said.append(hand.cancel())

    alone.commit(truss("two"))
    alone.sticks()
    alone.once(moving, cancel)
    outcome = alone.apply()
    assert outcome.exit_code == 3, outcome.finished
    assert outcome.finished.rolled_back == ("triage/production",)
    (told,) = outcome.finished.failures
    assert "Ada <ada@example.invalid> ended the release of commit" in told.failure.happened
    assert alone.told()[-2:] == ["production intent", "production rolled_back"]
    end = alone.entries()[-1]
    assert end.ended_by == end.by == "Ada <ada@example.invalid>"
    assert not any("may still appear" in getattr(each, "message", "") for each in alone.events)
    last = [each for each in alone.events if isinstance(each, ActionFinished)][-1]
    assert (last.kind, last.result) == ("watch", "failed")
    alone.on = None
    later = alone.apply()
    assert later.exit_code == 0
    assert later.finished.held == ("triage/production",)
    assert later.results[0].decision is not None
    assert "Ada <ada@example.invalid> ended its release" in later.results[0].decision.reason
    assert "cancelled the promotion" in said[0]
    assert re.search(r"at \d+% of the traffic; deployment \w+ serves, ACTIVE", said[0])
    assert alone.serving("production") == before


def test_an_end_that_nobody_signs_for_is_told_by_its_key(alone: Stage) -> None:
    def cancel() -> None:
        with alone.baseten() as baseten:
            baseten.writer.cancel_promotion(alone.model_id(), "production")

    alone.commit(truss("two"))
    alone.sticks()
    alone.once(moving, cancel)
    outcome = alone.apply()
    assert outcome.exit_code == 3, outcome.finished
    (told,) = outcome.finished.failures
    assert told.failure.happened.startswith("somebody with API key "), told
    end = alone.entries()[-1]
    assert end.event is Event.ROLLED_BACK
    assert (end.ended_by or "").startswith("somebody with API key ")


def test_a_cancelled_release_that_nobody_follows_is_closed_at_once(alone: Stage) -> None:
    alone.commit(truss("two"))
    alone.sticks()
    alone.once(moving, lambda: alone.stop.set("test"))
    assert alone.apply().exit_code == 130
    with control(alone) as hand:
        assert "cancelled the promotion" in hand.cancel()
    assert alone.told()[-1] == "production rolled_back"
    alone.stop = StopFlag()
    alone.on = None
    later = alone.apply()
    assert later.exit_code == 0
    assert later.finished.held == ("triage/production",)


def test_settings_that_baseten_left_out_are_written_after_the_promotion(tmp_path: Path) -> None:
    with stage(tmp_path, truss(), release(STAGING, PRODUCTION), mode="july") as made:
        made.pace = made.pace.__class__(
            first=0.02, growth=1.3, longest=0.1, metrics_lag=0.2, visible=2.0, afterwards=0.1
        )
        assert made.apply().exit_code == 0
        wider = PRODUCTION.replace("max_replica: 2", "max_replica: 6")
        made.commit(truss("two"), release(STAGING, wider))
        outcome = made.apply()
        assert outcome.exit_code == 0, outcome.finished
        # Whether they get an entry of their own depends on when the promotion is seen to end.
        assert made.live("production").settings.autoscaling["max_replica"] == 6


def test_what_stays_in_transition_is_waited_for_and_then_left_to_the_next_apply(
    tmp_path: Path,
) -> None:
    slow = Durations(update=360_000.0)
    with stage(tmp_path, truss(), release(ROLLING), durations=slow) as alone:
        assert alone.apply().exit_code == 0
        current = alone.live("production").current
        assert current is not None
        text = release(ROLLING)["releases/triage.yaml"]
        alone.commit({"releases/triage.yaml": text + "timeouts: {start: 300ms}\n"})
        alone.emulator.set_status(current.id, "UPDATING")
        outcome = alone.apply()
    assert outcome.exit_code == 7, outcome.finished
    assert outcome.finished.running == ("triage/production",)
    assert "stopped waiting" in outcome.finished.failures[0].failure.happened
