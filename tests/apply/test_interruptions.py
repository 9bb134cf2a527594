"""What dies on the way is continued: kills, lost answers and signals at every write in turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from gitops.apply.clock import SystemClock
from gitops.apply.ports import DeployLog
from gitops.plan.events import ActionStarted, ApplyEvent, ApplyFinished
from gitops.record.entry import Entry
from gitops.record.history import ModelHistory
from gitops.state.names import ModelKey
from tests.apply.stage import Stage, stage
from tests.apply.wrapped import WrappedLog, Write
from tests.echo import PRODUCTION, STAGING, release, truss

When = Literal["before", "after"]
MOST_WRITES = 12


class Killed(BaseException):
    """The process died here: nothing catches it."""


@dataclass
class Deadly(httpx.BaseTransport):
    """Dies at one write: before it is sent, or after it took effect."""

    at: int
    when: When
    seen: int = 0
    inner: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" or not request.url.path.startswith("/v1/"):
            return self.inner.handle_request(request)
        self.seen += 1
        if self.seen - 1 != self.at:
            return self.inner.handle_request(request)
        if self.when == "after":
            self.inner.handle_request(request).read()
        raise Killed(f"{request.method} {request.url.path}")

    def close(self) -> None:
        self.inner.close()


@dataclass
class DeadlyLog(WrappedLog):
    """Dies at one entry: before it is written, or after."""

    at: int
    when: When
    seen: int = 0

    def write(self, inner: Write, key: ModelKey, entry: Entry) -> Entry:
        self.seen += 1
        if self.seen - 1 != self.at:
            return inner(key, entry)
        if self.when == "after":
            inner(key, entry)
        raise Killed(entry.event)


@pytest.fixture
def released(tmp_path: Path) -> Iterator[Stage]:
    """Staging and production serve the first version; nobody sends traffic."""
    quick = PRODUCTION.replace("600ms", "50ms")
    with stage(tmp_path, truss(), release(STAGING, quick)) as made:
        made.pace = _quick(made)
        assert made.apply().exit_code == 0
        yield made


def _quick(made: Stage) -> Any:
    from dataclasses import replace

    return replace(made.pace, visible=0.6)


def _settled(made: Stage, note: str, pushed: int) -> None:
    """Both environments serve the last commit, it was pushed once, and no intent is open."""
    outcome = made.apply()
    assert outcome.exit_code == 0, (note, outcome.finished)
    assert len(made.pushes()) == pushed + 1, note
    commit = made.work.git("rev-parse", "HEAD").strip()
    log = ModelHistory.of(made.entries())
    for name in ("staging", "production"):
        current = made.live(name).current
        assert current is not None
        history = log.environment(name)
        assert history.open_intent is None, note
        assert history.last_served is not None
        assert history.last_served.commit == commit, note
        assert history.last_served.deployment_id == current.id, note
    before = made.writes(), made.log_tips()
    assert made.apply().exit_code == 0
    assert (made.writes(), made.log_tips()) == before, note


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_write_it_continues(released: Stage, when: When) -> None:
    for at in range(MOST_WRITES):
        note = f"killed {when} write {at}"
        pushed = len(released.pushes())
        released.commit(truss(f"{when}-{at}"))
        deadly = Deadly(at, when)
        try:
            released.apply(transport=deadly)
        except Killed:
            _settled(released, note, pushed)
        else:
            assert deadly.seen == at
            assert at >= 4
            return
    pytest.fail("an apply has more writes than were tried")


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_log_entry_it_continues(released: Stage, when: When) -> None:
    for at in range(MOST_WRITES):
        pushed = len(released.pushes())
        released.commit(truss(f"{when}-{at}"))
        made: list[DeadlyLog] = []

        def wrap(log: DeployLog, at: int = at, made: list[DeadlyLog] = made) -> DeployLog:
            made.append(DeadlyLog(log, at, when))
            return made[0]

        released.wrap_log = wrap
        try:
            released.apply()
        except Killed:
            released.wrap_log = None
            _settled(released, f"killed {when} entry {at}", pushed)
        else:
            assert made[0].seen == at
            assert at >= 4
            return
    pytest.fail("an apply has more entries than were tried")


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_lost_answer_is_looked_up(released: Stage, kind: str) -> None:
    for path in (r"/deployments$", r"/staging/promote$", r"/production/promote$"):
        pushed = len(released.pushes())
        released.commit(truss(f"{kind}-{len(path)}"))
        released.emulator.fault(kind=kind, method="POST", path=path)
        first = released.apply()
        if kind == "drop_after":
            assert first.exit_code == 0, (path, first.finished)
        # A push that never arrived is one request more in the journal, and no deployment.
        lost = kind == "drop_before" and path == r"/deployments$"
        _settled(released, f"{kind} at {path}", pushed + (1 if lost else 0))


def test_a_refused_promotion_that_is_our_own_is_adopted(released: Stage) -> None:
    released.commit(truss("two"))
    released.emulator.fault(kind="drop_after", method="POST", path=r"/staging/promote$")
    assert released.apply().exit_code == 0
    assert released.told().count("staging released") == 2


def test_asked_to_stop_it_starts_nothing_new_and_the_next_apply_continues(
    released: Stage,
) -> None:
    released.commit(truss("two"))
    stop = released.stop

    class Listening(list[ApplyEvent]):
        def append(self, event: ApplyEvent) -> None:
            super().append(event)
            if isinstance(event, ActionStarted) and event.kind == "ready":
                threading.Timer(0.0, stop.set, ["SIGTERM"]).run()

    released.events = Listening()
    outcome = released.apply(clock=SystemClock(stop))
    assert outcome.exit_code == 130
    last = released.events[-1]
    assert isinstance(last, ApplyFinished)
    assert last.exit_code == 130
    assert last.running == ("triage/staging",)
    assert "still" in last.failures[0].failure.happened or "goes on" in (
        last.failures[0].failure.happened
    )
    assert not any(each.endswith("/promote") for each in released.writes()[4:])
    released.events = []
    released.stop = type(stop)()
    _settled(released, "stopped", 1)
