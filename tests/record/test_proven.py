from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.record.entry import Entry, Event, Side
from gitops.record.history import CANDIDATE
from gitops.record.proven import Proven, Version
from gitops.record.timeline import ModelLog

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OLD, NEW, BAD, FOREIGN = (
    Side(deployment_id="11111111", digest="1" * 64),
    Side(deployment_id="22222222", digest="2" * 64),
    Side(deployment_id="33333333", digest="3" * 64),
    Side(deployment_id="44444444", deployment_name="by-hand.1760000000"),
)
HOST = "api.baseten.co"


def entry(event: Event, minute: int, **more: Any) -> Entry:
    known: dict[str, Any] = {"environment": "production", "from_": OLD, "to": NEW}
    return Entry(
        id=f"{minute:040x}", event=event, at=START + timedelta(minutes=minute), **{**known, **more}
    )


def intent(minute: int) -> str:
    return f"{minute:040x}"


def log(*entries: Entry, workspace: str = f"acme@{HOST}") -> ModelLog:
    return ModelLog(workspace=workspace, team="default", model="m", entries=entries)


def proven(*entries: Entry) -> Proven:
    return Proven.of([log(*entries)], "production", HOST)


def version(side: Side) -> Version:
    return Version(digest=side.digest)


ROLLED_BACK = (
    entry(Event.ADOPTED, 0, from_=None, to=OLD),
    entry(Event.INTENT, 10, to=BAD),
    entry(Event.ROLLED_BACK, 12, to=BAD, intent=intent(10)),
)


@pytest.mark.parametrize(
    ("entries", "side", "against"),
    [
        ((), BAD, None),
        ((entry(Event.RELEASED, 0),), NEW, None),
        ((entry(Event.RELEASED, 0, environment="staging"),), BAD, None),
        ((entry(Event.RELEASED, 0),), BAD, "never served there"),
        ((entry(Event.INTENT, 0),), NEW, "never served there"),
        ((entry(Event.UNVERIFIED, 0),), NEW, "never passed its checks there"),
        (ROLLED_BACK, BAD, "was rolled back there at 2026-11-20 12:12 UTC"),
        (ROLLED_BACK, OLD, None),
        ((entry(Event.ROLLED_BACK, 2, to=BAD),), OLD, None),
        ((*ROLLED_BACK, entry(Event.RELEASED, 20, to=BAD)), BAD, None),
        ((*ROLLED_BACK, entry(Event.LIFTED, 20, to=BAD)), BAD, "never served there"),
        (
            (entry(Event.RELEASED, 0, to=BAD), entry(Event.REJECTED, 9, to=BAD)),
            BAD,
            "failed its checks there at 2026-11-20 12:09 UTC",
        ),
        (
            (entry(Event.RELEASED, 0), entry(Event.HELD, 9, from_=NEW, to=OLD, by="Ann <a@b.c>")),
            NEW,
            "was rolled back there by Ann at 2026-11-20 12:09 UTC",
        ),
        (
            (entry(Event.HELD, 9, from_=NEW, to=None, figures={CANDIDATE: True}),),
            NEW,
            "was ended there at 2026-11-20 12:09 UTC",
        ),
    ],
)
def test_what_speaks_against_a_version(
    entries: tuple[Entry, ...], side: Side, against: str | None
) -> None:
    assert proven(*entries).against(version(side)) == against


def test_a_deployment_is_known_by_its_id_and_by_its_name_and_copies() -> None:
    found = proven(entry(Event.ADOPTED, 0, from_=None, to=FOREIGN))
    for name in ("44444444", "by-hand", "by-hand.1760000000", "by-hand.1769999999"):
        assert found.against(Version(deployment=name)) is None
    assert found.against(Version(deployment="by-hand-2")) == "never served there"


def test_other_workspaces_count_where_this_one_knows_nothing() -> None:
    tried = log(entry(Event.ROLLED_BACK, 3, to=NEW), workspace="emulator@127.0.0.1:4000")
    real = log(entry(Event.RELEASED, 1))
    fine = version(NEW)
    assert Proven.of([tried, real], "production", HOST).against(fine) is None
    assert Proven.of([tried, real], "production", "127.0.0.1:4000").against(fine) is not None
    assert Proven.of([tried, real], "production", "elsewhere").against(fine) is not None
    assert Proven.of([tried], "production", HOST).against(fine) is not None


SIDES = st.sampled_from([OLD, NEW, BAD])


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Event)), st.none() | SIDES, st.none() | SIDES), max_size=12
    ),
    SIDES,
)
def test_nothing_that_is_held_or_never_succeeded_is_gone_back_to(
    rows: list[tuple[Event, Side | None, Side | None]], side: Side
) -> None:
    entries = tuple(
        entry(event, minute, from_=before, to=after)
        for minute, (event, before, after) in enumerate(rows)
    )
    found = proven(*entries)
    if found.hold(version(side)) is not None:
        assert found.against(version(side)) is not None
    named = {each for row in entries for each in (row.from_, row.to)}
    if entries and side not in named:
        assert found.against(version(side)) == "never served there"
    released = [at for at, row in enumerate(rows) if row[0] is Event.RELEASED and row[2] == side]
    bad = [
        at
        for at, (event, before, after) in enumerate(rows)
        if (event in {Event.ROLLED_BACK, Event.REJECTED} and after == side)
        or (event is Event.HELD and before == side)
    ]
    if released:
        assert (found.against(version(side)) is None) == (not bad or _ended(rows, bad[-1], side))


def _ended(rows: list[tuple[Event, Side | None, Side | None]], since: int, side: Side) -> bool:
    """Whether a hold was ended after it was made."""
    ends = {Event.RELEASED, Event.ADOPTED, Event.LIFTED}
    return any(event in ends and after == side for event, _, after in rows[since + 1 :])
