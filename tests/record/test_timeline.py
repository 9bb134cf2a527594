from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gitops.record.entry import Entry, Event, Side
from gitops.record.timeline import ModelLog, standings

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OLD, NEW = (Side(deployment_id=name, digest=name * 8) for name in ("11111111", "22222222"))


def entry(event: Event, minute: int, **more: Any) -> Entry:
    known: dict[str, Any] = {"environment": "production", "from_": OLD, "to": NEW}
    return Entry(
        id=f"{minute:040x}", event=event, at=START + timedelta(minutes=minute), **{**known, **more}
    )


ENTRIES = (
    entry(Event.ADOPTED, 0, from_=None, to=OLD),
    entry(Event.INTENT, 10),
    entry(Event.RELEASED, 20, intent=f"{10:040x}"),
    entry(Event.REJECTED, 25, environment="Staging"),
    entry(Event.INTENT, 30, from_=NEW, to=OLD),
    entry(Event.ROLLED_BACK, 40, from_=NEW, to=OLD, intent=f"{30:040x}"),
)
LOG = ModelLog(workspace="acme@host", team="ml", model="m", entries=ENTRIES)


def at(minute: int) -> ModelLog:
    return LOG.until(START + timedelta(minutes=minute))


def test_what_served_then() -> None:
    [first] = standings(at(5))
    assert (first.serving, first.since, first.announced) == (OLD, START, None)
    [during] = standings(at(15))
    assert during.serving == OLD
    assert during.announced == ENTRIES[1]
    [after] = standings(at(20))
    assert (after.serving, after.announced) == (NEW, None)
    assert after.since == START + timedelta(minutes=20)
    last = standings(LOG)
    assert [each.environment for each in last] == ["production", "staging"]
    assert last[0].serving == NEW
    assert last[0].held == (OLD,)
    assert last[1].held == (NEW,)


def test_before_any_result_an_intent_says_what_serves() -> None:
    [only] = standings(ModelLog(workspace="w", team="t", model="m", entries=(ENTRIES[1],)))
    assert only.serving == OLD
    assert only.since is None


def test_nothing_was_known_before_the_first_entry() -> None:
    assert standings(at(-1)) == ()


def test_one_environment_is_picked_as_baseten_compares_names() -> None:
    assert [each.event for each in LOG.only("STAGING").entries] == [Event.REJECTED]
    assert LOG.only("nope").entries == ()
