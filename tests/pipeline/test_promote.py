"""What a promotion has to say of the version that it moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gitops.pipeline.promote import PinMove, held_there
from gitops.record.entry import Entry, Event, Side
from gitops.record.timeline import ModelLog
from gitops.state.commit import CommitInfo

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GOOD, BAD = (Side(deployment_id=each * 8, digest=each * 64) for each in "12")
HOST = "api.baseten.co"


def log(*events: Event) -> ModelLog:
    entries = tuple(
        Entry(
            id=f"{minute:040x}",
            event=event,
            environment="production",
            at=START + timedelta(minutes=minute),
            from_=GOOD,
            to=BAD,
        )
        for minute, event in enumerate(events)
    )
    return ModelLog(workspace=f"acme@{HOST}", team="default", model="m", entries=entries)


def move(side: Side, target: str = "production") -> PinMove:
    return PinMove(
        model="m",
        source="staging",
        target=target,
        file="releases/m.yaml",
        commit=CommitInfo(id="a" * 40, at=START, subject="Ship", author="Ann"),
        digest=side.digest or "",
        before=None,
        old=b"",
        new=b"",
    )


def test_what_was_rolled_back_where_it_is_to_go_is_told() -> None:
    logs = [log(Event.ROLLED_BACK)]
    told = held_there(move(BAD), logs, HOST)
    assert told == "was rolled back there at 2026-11-20 12:00 UTC"
    assert held_there(move(GOOD), logs, HOST) is None
    assert held_there(move(BAD, "staging"), logs, HOST) is None
    assert held_there(move(BAD), [log(Event.ROLLED_BACK, Event.RELEASED)], HOST) is None
    assert held_there(move(BAD), (), HOST) is None
