"""What happens around a release that nobody asked for: an API, a clock, a disk, a person."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from gitops.apply.clock import Jumps, SystemClock
from gitops.apply.outage import Outage
from gitops.apply.pace import Pace
from gitops.errors import Unavailable
from gitops.plan.events import (
    ActionFinished,
    ActionProgress,
    ActionStarted,
    ApplyEvent,
    RollbackStarted,
)
from gitops.record.entry import Entry, Event
from gitops.state.names import ModelKey
from tests.apply.stage import Stage, stage
from tests.apply.test_what_goes_wrong import ROLLING, SWITCHING, moving, promoted
from tests.apply.wrapped import WrappedLog, Write
from tests.echo import STAGING, release, truss
from tests.patience import HANGS

BAD = "fails_after_requests: 12"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Stage]:
    """Production alone, its first version released, with traffic."""
    with stage(tmp_path, truss(), release(ROLLING), traffic=60.0) as made:
        assert made.apply().exit_code == 0
        yield made


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Stage]:
    """The same, switched at once, watched shortly and without traffic."""
    shortly = SWITCHING.replace("for: 10m", "for: 100ms")
    with stage(tmp_path, truss(), release(shortly)) as made:
        assert made.apply().exit_code == 0
        yield made


def said(made: Stage) -> list[str]:
    return [each.message for each in made.events if isinstance(each, ActionProgress)]


# The API is gone for a while


@dataclass
class Hand:
    """A clock that moves when somebody sleeps on it, or sets it."""

    seconds: float = 0.0
    set_by: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=SystemClock().now().tzinfo) + self.set_by

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.set_by += timedelta(seconds=seconds)


def away(clock: Hand, until: float) -> Callable[[], str]:
    def read() -> str:
        if clock.seconds < until:
            raise Unavailable("cannot reach Baseten")
        return "here"

    return read


@pytest.mark.parametrize("seconds", [1.0, 60.0, 299.0])
def test_an_outage_is_waited_out_and_told_once(seconds: float) -> None:
    clock, told = Hand(), list[str]()
    outage = Outage(clock, Pace())
    outage.tell = told.append
    assert outage.waited_out(away(clock, seconds)) == "here"
    assert told == ["looking again for up to 5m: cannot reach Baseten", "Baseten answers again"]


def test_an_outage_without_end_is_given_up() -> None:
    clock = Hand()
    with pytest.raises(Unavailable):
        Outage(clock, Pace()).waited_out(away(clock, 1e9))
    assert 300.0 <= clock.seconds < 310.0


class Impatient(SystemClock):
    """Real time, in which nobody waits for long between two attempts."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.02))


@dataclass
class Wire(httpx.BaseTransport):
    """The network; while it is cut, so many requests come to nothing."""

    cut: int = 0
    inner: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.cut > 0 and request.url.path.startswith("/v1/"):
            self.cut -= 1
            raise httpx.ConnectError("connection refused", request=request)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()

    def cuts(self, requests: int) -> Callable[[], None]:
        def cut() -> None:
            self.cut = requests

        return cut


def cut_meanwhile(made: Stage, wire: Wire, requests: int) -> Callable[[], None]:
    """Cut the network; the promotion that was held until now goes on meanwhile."""

    def cut() -> None:
        made.goes_on()
        wire.cut = requests

    return cut


def test_baseten_is_gone_for_a_while_in_the_middle_of_a_promotion(alone: Stage) -> None:
    wire = Wire()
    alone.commit(truss("two"))
    alone.sticks()
    alone.once(moving, cut_meanwhile(alone, wire, 30))
    outcome = alone.apply(transport=wire, clock=Impatient(alone.stop))
    assert outcome.exit_code == 0, outcome.finished
    assert alone.told()[-1] == "production released"
    assert any("looking again" in each for each in said(alone))
    assert "Baseten answers again" in said(alone)


def test_baseten_is_gone_for_a_while_in_the_middle_of_a_rollback(alone: Stage) -> None:
    before, wire = alone.serving("production"), Wire()
    alone.commit(truss("two", BAD), release(SWITCHING))
    alone.once(lambda event: isinstance(event, RollbackStarted), wire.cuts(30))
    outcome = alone.apply(transport=wire, clock=Impatient(alone.stop))
    assert outcome.exit_code == 3, outcome.finished
    assert alone.serving("production") == before
    assert "Baseten answers again" in said(alone)


def test_baseten_stays_away_and_the_next_apply_continues(alone: Stage) -> None:
    wire = Wire()
    alone.commit(truss("two"))
    alone.sticks()
    alone.once(moving, cut_meanwhile(alone, wire, 10**6))
    outcome = alone.apply(transport=wire, clock=Impatient(alone.stop), pace=Pace(outage=0.3))
    assert outcome.exit_code == 1, outcome.finished
    told = outcome.finished.failures[0].failure
    assert "gave no usable answer" in told.happened
    assert "looks at what took effect and continues" in told.next
    alone.on = None
    assert alone.apply().exit_code == 0
    assert alone.told().count("production intent") == 1
    assert alone.told()[-1] == "production released"


# An answer is lost after the write took effect


def loses(made: Stage, method: str, path: str, *, skip: int = 0, kind: str = "drop_after") -> None:
    made.emulator.fault(kind=kind, method=method, path=path, skip=skip)


def sent(made: Stage, ending: str) -> int:
    return len([each for each in made.writes() if each.endswith(ending)])


def test_lost_answers_to_settings_activations_and_retries(quick: Stage) -> None:
    # The first request never arrives.
    quick.pace = replace(quick.pace, visible=0.3)
    loses(quick, "PATCH", "/environments/production$", kind="drop_before")
    loses(quick, "PATCH", "/environments/production$")
    quick.commit(release(SWITCHING.replace("max_replica: 4", "max_replica: 5")))
    assert quick.apply().exit_code == 0
    assert quick.live("production").settings.autoscaling["max_replica"] == 5
    current = quick.live("production").current
    assert current is not None
    for status, ending in (("INACTIVE", "/activate"), ("FAILED", "/retry")):
        quick.emulator.set_status(current.id, status)
        loses(quick, "POST", f"{ending}$")
        assert quick.apply().exit_code == 0, status
        now = quick.live("production").current
        assert now is not None
        assert (now.id, now.status) == (current.id, "ACTIVE")
        assert sent(quick, ending) == 1


def loses_twice(made: Stage, path: str, *, skip: int = 0) -> None:
    """One request never arrives, and of the next one the answer is lost."""
    made.pace = replace(made.pace, visible=0.3)
    for kind in ("drop_before", "drop_after"):
        loses(made, "POST", path, skip=skip, kind=kind)


def test_a_lost_answer_to_the_way_back(alone: Stage) -> None:
    before, promotions = alone.live("production").current, sent(alone, "/production/promote")
    assert before is not None
    alone.commit(truss("two", BAD), release(SWITCHING))
    loses_twice(alone, "/production/promote$", skip=1)
    loses_twice(alone, "/activate$")
    alone.once(
        lambda event: isinstance(event, RollbackStarted),
        lambda: alone.emulator.set_status(before.id, "INACTIVE"),
    )
    outcome = alone.apply()
    assert outcome.exit_code == 3, outcome.finished
    assert alone.serving("production") == before.name
    assert sent(alone, "/production/promote") == promotions + 3
    assert sent(alone, "/activate") == 2


def test_a_way_back_that_never_arrived_overrules_nobody_who_was_faster(alone: Stage) -> None:
    alone.pace = replace(alone.pace, visible=0.3)
    promotions = sent(alone, "/production/promote")

    def by_hand() -> None:
        [model] = alone.emulator.world.models.values()
        place = model.environments["production"]
        bad = model.deployments[place.current_id or ""]
        other = replace(bad, id="other001", name="by-hand", labels={})
        model.deployments[other.id] = alone.emulator.world.deployments[other.id] = other
        place.current_id = other.id

    alone.commit(truss("two", BAD), release(SWITCHING))
    loses(alone, "POST", "/production/promote$", skip=1, kind="drop_before")
    alone.once(
        lambda event: isinstance(event, ActionProgress) and "answer was lost" in event.message,
        lambda: alone.emulator.call(by_hand),
    )
    outcome = alone.apply()
    assert outcome.exit_code == 8, outcome.finished
    assert alone.serving("production") == "by-hand"
    assert sent(alone, "/production/promote") == promotions + 2


def test_a_lost_answer_to_a_cancellation(alone: Stage) -> None:
    before = alone.serving("production")
    alone.commit(truss("two", BAD))
    alone.sticks()
    loses_twice(alone, "cancel_promotion$")
    outcome = alone.apply()
    assert outcome.exit_code == 3, outcome.finished
    assert alone.serving("production") == before
    assert sent(alone, "cancel_promotion") == 2


# A clock that jumps


def test_a_jump_is_noticed_and_time_that_passes_is_none() -> None:
    clock = Hand()
    jumps = Jumps(clock)
    clock.sleep(3600)
    assert jumps.taken() == timedelta(0)
    for by in (timedelta(days=1), timedelta(hours=-3)):
        clock.sleep(5)
        clock.set_by += by
        assert jumps.taken() == by
        assert jumps.taken() == timedelta(0)


class SetLater(SystemClock):
    """A clock that is wrong until somebody sets it."""

    wrong = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.wrong


@pytest.mark.parametrize("wrong", [timedelta(minutes=-5), timedelta(minutes=5)])
def test_a_clock_that_is_set_in_the_middle_of_a_watch_ends_it_neither_early_nor_late(
    alone: Stage, wrong: timedelta
) -> None:
    before = alone.serving("production")
    clock = SetLater(alone.stop)
    shorter = SWITCHING.replace("for: 10m", "for: 4m")
    alone.commit(truss("two", BAD), release(shorter))

    def hear(event: ApplyEvent) -> None:
        if promoted(event):
            clock.wrong = wrong
        elif isinstance(event, ActionProgress) and "watching" in event.message:
            clock.wrong = timedelta(0)

    alone.on = hear
    outcome = alone.apply(clock=clock)
    assert outcome.exit_code == 3, outcome.finished
    assert alone.serving("production") == before
    assert alone.entries()[-1].event is Event.ROLLED_BACK
    ahead = "ahead" if wrong < timedelta(0) else "back"
    assert f"this machine's clock was set {ahead} by 300 s meanwhile" in said(alone)


# A full disk


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process, and of what it starts, may grow by a byte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@dataclass
class OnFullDisk(WrappedLog):
    """The deploy log of a clone whose disk is full for entries of one kind."""

    full_for: Event

    def write(self, inner: Write, key: ModelKey, entry: Entry) -> Entry:
        if entry.event is not self.full_for:
            return inner(key, entry)
        with full_disk():
            return inner(key, entry)


def on_full_disk(made: Stage, event: Event) -> None:
    made.wrap_log = lambda log: OnFullDisk(log, event)


def test_a_full_disk_keeps_a_promotion_from_starting(quick: Stage) -> None:
    before = quick.serving("production")
    quick.commit(truss("two"))
    on_full_disk(quick, Event.INTENT)
    outcome = quick.apply()
    assert outcome.exit_code == 1, outcome.finished
    assert not any(each.endswith("/promote") for each in quick.writes()[3:])
    assert quick.serving("production") == before
    told = outcome.finished.failures[0].failure
    assert "The Git repository on this machine failed during" in told.happened
    assert "such as a full disk" in told.next
    quick.wrap_log = None
    assert quick.apply().exit_code == 0


def test_a_full_disk_after_a_release_leaves_it_to_the_next_apply(quick: Stage) -> None:
    quick.commit(truss("two"))
    on_full_disk(quick, Event.RELEASED)
    outcome = quick.apply()
    assert outcome.exit_code == 1, outcome.finished
    assert "such as a full disk" in outcome.finished.failures[0].failure.next
    quick.wrap_log = None
    assert quick.apply().exit_code == 0
    assert quick.told()[-1] == "production released"


def test_a_full_disk_does_not_stop_a_rollback(alone: Stage) -> None:
    before = alone.serving("production")
    alone.commit(truss("two", BAD), release(SWITCHING))
    on_full_disk(alone, Event.ROLLED_BACK)
    outcome = alone.apply()
    assert outcome.exit_code == 3, outcome.finished
    assert alone.serving("production") == before
    first = outcome.finished.failures[0].failure
    assert "was bad under real traffic" in first.happened
    assert "read back and confirmed" in first.serves_now
    assert any("the deploy log could not be written" in each for each in first.details)
    alone.wrap_log = None
    # The run that makes the hold is red.
    assert alone.apply().exit_code == 3
    assert alone.told()[-1] == "production rolled_back"
    again = alone.apply()
    assert again.exit_code == 0, again.finished
    assert again.finished.held == ("triage/production",)


# Clicks between two steps


def test_a_promotion_that_somebody_else_starts_meanwhile_is_left_alone(alone: Stage) -> None:
    first = alone.live("production").current
    assert first is not None
    alone.commit(truss("two"))
    assert alone.apply().exit_code == 0
    alone.commit(truss("three"))

    def click() -> None:
        with alone.person() as person:
            person.writer.promote(alone.model_id(), "production", first.id)

    alone.once(lambda each: isinstance(each, ActionFinished) and each.kind == "check", click)
    outcome = alone.apply()
    assert outcome.exit_code == 4, outcome.finished
    told = outcome.finished.failures[0].failure
    assert "is being promoted to production by" in told.happened
    assert f"deployment {first.id}" in told.happened
    assert "gitops cancel triage production" in told.next
    assert not any("cancel" in each for each in alone.writes())


def test_a_setting_that_somebody_changes_meanwhile_is_put_right(quick: Stage) -> None:
    quick.commit(truss("two"))

    def click() -> None:
        with quick.person() as person:
            person.writer.update_environment(
                quick.model_id(), "production", {"autoscaling_settings": {"max_replica": 6}}
            )

    quick.once(lambda each: isinstance(each, ActionStarted) and each.kind == "check", click)
    outcome = quick.apply()
    assert outcome.exit_code == 0, outcome.finished
    assert quick.live("production").settings.autoscaling["max_replica"] == 4


# Names


def test_a_model_that_was_renamed_on_baseten_is_blocked_and_never_pushed_again(
    quick: Stage,
) -> None:
    def rename(name: str) -> None:
        headers = {"Authorization": f"Bearer {quick.emulator.api_key}"}
        with httpx.Client(base_url=quick.emulator.api_url, headers=headers, timeout=HANGS) as http:
            http.patch(f"/v1/models/{renamed}", json={"name": name}).raise_for_status()

    renamed, pushed = quick.model_id(), len(quick.pushes())
    quick.commit(truss("two"))
    rename("triage-legacy")
    outcome = quick.apply()
    assert outcome.exit_code == 4, outcome.finished
    told = outcome.finished.failures[0].failure
    assert "the model that the deploy log knows as triage is called triage-legacy now" in (
        told.happened
    )
    assert told.next == "Write `model: triage-legacy` in releases/triage.yaml."
    assert len(quick.pushes()) == pushed
    rename("triage")
    assert quick.apply().exit_code == 0


# The way back is limited


def test_after_as_many_rollbacks_as_allowed_nothing_further_is_promoted(tmp_path: Path) -> None:
    with stage(tmp_path, truss(), release(STAGING, ROLLING), traffic=60.0) as made:
        assert made.apply().exit_code == 0
        before = made.serving("production")
        made.commit(truss("two"))

        def fail() -> None:
            live = made.live("staging")
            bad = live.candidate or live.current
            assert bad is not None
            made.emulator.set_status(bad.id, "FAILED")

        made.once(promoted, fail)
        outcome = made.apply(max_rollbacks=1)
        assert outcome.exit_code in {3, 5}, outcome.finished
        assert made.serving("production") == before
        assert outcome.finished.blocked == ("triage/production",)
        told = outcome.finished.failures[-1].failure
        assert "1 release of this run went back, and limits.max_rollbacks" in told.happened
