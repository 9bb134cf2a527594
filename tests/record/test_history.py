"""What the deploy log remembers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.record.entry import CLOSING, Entry, Event, Side
from gitops.record.history import EnvironmentHistory, ModelHistory, consents

START = datetime(2026, 11, 20, tzinfo=UTC)


def side(letter: str, deployment: str | None = None) -> Side:
    return Side(
        deployment_id=deployment or f"dep-{letter}",
        deployment_name=f"name-{letter}",
        digest=letter.lower() * 64,
        commit=letter.lower() * 40,
    )


def entry(event: Event, minute: int, from_: str = "", to: str = "", **given: object) -> Entry:
    made = Entry(
        id=f"e{minute}",
        at=START + timedelta(minutes=minute),
        event=event,
        environment="production",
        from_=side(from_) if from_ else None,
        to=side(to) if to else None,
        model_id="m1",
        release_file="releases/m.yaml",
        applied_commit=f"{minute:040d}",
    )
    return replace(made, **given)  # type: ignore[arg-type]


def production(*entries: Entry) -> EnvironmentHistory:
    return ModelHistory.of(entries).environment("Production")


INTENT = entry(Event.INTENT, 1, "P", "D")


def test_an_environment_without_entries_is_empty_and_not_missing() -> None:
    history = ModelHistory.of([INTENT]).environment("staging")
    assert (history.entries, history.last, history.open_intent) == ((), None, None)
    assert (history.last_served, history.last_number, history.asked_since) == (None, 0, None)


def test_an_intent_is_open_until_a_closing_entry_names_it() -> None:
    assert production(INTENT).open_intent is not None
    for event in sorted(CLOSING):
        closed = production(INTENT, entry(event, 2, "D", intent="e1"))
        assert closed.open_intent is None, event
        other = production(INTENT, entry(event, 2, "D", intent="e0"))
        assert other.open_intent is not None, event


@pytest.mark.parametrize("event", [Event.SETTINGS, Event.REJECTED, Event.UNVERIFIED, Event.ADOPTED])
def test_other_entries_close_nothing(event: Event) -> None:
    assert production(INTENT, entry(event, 2, "P", "D", intent="e1")).open_intent is not None


def test_a_newer_intent_takes_the_place_of_an_open_one() -> None:
    newer = entry(Event.INTENT, 2, "D", "X")
    assert production(INTENT, newer).open_intent is not None
    done = production(INTENT, newer, entry(Event.RELEASED, 3, "D", "X", intent="e2"))
    assert done.open_intent is None


def test_a_rollback_by_hand_is_its_own_intent_with_the_bad_one_under_judgement() -> None:
    held = entry(Event.HELD, 2, "D", "P")
    opened = production(entry(Event.RELEASED, 1, "P", "D"), held)
    assert opened.open_intent is not None
    assert opened.open_intent.condemned
    assert (opened.open_intent.artifact, opened.open_intent.origin) == (side("D"), side("P"))
    assert opened.last_served == side("D")
    closed = production(held, entry(Event.HELD, 3, "D", "P", intent="e2"))
    assert closed.open_intent is None
    assert closed.last_served == side("P")


def test_a_hold_with_nothing_to_go_back_to_opens_nothing() -> None:
    history = production(INTENT, entry(Event.HELD, 2, "D", intent="e1"))
    assert history.open_intent is None
    assert history.last_served == side("D")


@pytest.mark.parametrize(
    ("event", "serves"),
    [
        (Event.RELEASED, "D"),
        (Event.ADOPTED, "D"),
        (Event.UNVERIFIED, "D"),
        (Event.ROLLED_BACK, "P"),
        (Event.NOT_STARTED, "P"),
        (Event.REJECTED, "P"),
    ],
)
def test_what_served_last_is_what_the_newest_result_says(event: Event, serves: str) -> None:
    first = entry(Event.RELEASED, 0, "", "X")
    assert production(first, INTENT, entry(event, 2, "P", "D")).last_served == side(serves)
    quiet = [entry(Event.SETTINGS, 3), entry(Event.LIFTED, 4, to="D"), entry(Event.INTENT, 5)]
    assert production(first, entry(event, 2, "P", "D"), *quiet).last_served == side(serves)


def lasted(history: EnvironmentHistory, letter: str, until: int) -> list[int]:
    now = START + timedelta(minutes=until)
    return [
        int(span.lasted(now).total_seconds() // 60)
        for span in history.served
        if span.side == side(letter)
    ]


def test_an_artifact_has_served_until_the_next_one_may_have() -> None:
    history = production(
        entry(Event.RELEASED, 0, "", "P"),
        entry(Event.INTENT, 30, "P", "D"),
        entry(Event.RELEASED, 40, "P", "D", intent="e30"),
    )
    assert lasted(history, "P", 100) == [30]
    assert lasted(history, "D", 100) == [60]


def test_a_promotion_that_never_began_ends_no_span() -> None:
    history = production(
        entry(Event.RELEASED, 0, "", "P"),
        entry(Event.INTENT, 30, "P", "D"),
        entry(Event.NOT_STARTED, 31, "P", "D", intent="e30"),
    )
    assert lasted(history, "P", 100) == [100]


def test_after_a_rollback_the_clock_starts_anew_and_the_bad_one_never_served() -> None:
    history = production(
        entry(Event.RELEASED, 0, "", "P"),
        entry(Event.INTENT, 30, "P", "D"),
        entry(Event.ROLLED_BACK, 40, "P", "D", intent="e30"),
    )
    assert lasted(history, "P", 100) == [30, 60]
    assert lasted(history, "D", 100) == []


def test_releasing_the_same_artifact_again_goes_on_counting() -> None:
    history = production(
        entry(Event.RELEASED, 0, "", "P"),
        entry(Event.INTENT, 30, "P", "P"),
        entry(Event.RELEASED, 40, "P", "P", intent="e30"),
    )
    assert lasted(history, "P", 100) == [100]


@pytest.mark.parametrize(
    ("made", "held"),
    [
        (entry(Event.ROLLED_BACK, 2, "P", "D", intent="e1"), "D"),
        (entry(Event.REJECTED, 2, "P", "D"), "D"),
        (entry(Event.HELD, 2, "D", "P"), "D"),
        (entry(Event.NOT_STARTED, 2, "P", "D", intent="e1"), None),
        (entry(Event.UNVERIFIED, 2, "P", "D"), None),
    ],
)
def test_what_makes_a_hold(made: Entry, held: str | None) -> None:
    expected = [] if held is None else [side(held)]
    assert [hold.side for hold in production(INTENT, made).holds] == expected


@pytest.mark.parametrize("event", [Event.LIFTED, Event.RELEASED, Event.ADOPTED])
def test_what_ends_a_hold(event: Event) -> None:
    rejected = entry(Event.REJECTED, 2, "P", "D")
    assert production(rejected, entry(event, 3, "P", "D")).holds == ()
    assert len(production(rejected, entry(event, 3, "P", "X")).holds) == 1


def test_a_person_who_went_back_to_what_was_held_ends_its_hold() -> None:
    rejected = entry(Event.REJECTED, 2, "P", "D")
    begun = entry(Event.HELD, 3, "P", "D")
    assert [hold.side for hold in production(rejected, begun).holds] == [side("D"), side("P")]
    ended = production(rejected, begun, entry(Event.HELD, 4, "P", "D", intent="e3"))
    assert [hold.side for hold in ended.holds] == [side("P")]


def test_a_hold_knows_the_settings_of_the_release_that_was_held() -> None:
    intent = replace(INTENT, settings_before={"a": 1}, settings_after={"a": 2})
    (hold,) = production(intent, entry(Event.ROLLED_BACK, 2, "P", "D", intent="e1")).holds
    assert (hold.settings_before, hold.settings_after) == ({"a": 1}, {"a": 2})


def test_what_git_asked_for_is_needed_since_the_oldest_mark() -> None:
    history = production(
        entry(Event.REJECTED, 2, "P", "D"),
        entry(Event.REJECTED, 3, "P", "X"),
        entry(Event.UNVERIFIED, 4, to="P"),
    )
    assert history.asked_since == f"{2:040d}"
    assert production(entry(Event.UNVERIFIED, 4, to="P")).asked_since == f"{4:040d}"


def test_unverified_stands_until_something_else_happens() -> None:
    unverified = entry(Event.UNVERIFIED, 4, to="P")
    assert production(unverified, entry(Event.SETTINGS, 5)).unverified == unverified
    assert production(unverified, entry(Event.INTENT, 5, "P", "D")).unverified is None


def test_what_an_intent_announced_is_asked_only_once_it_succeeded() -> None:
    before = entry(Event.RELEASED, 1, "F", "P", settings_after={"a": 10})
    intent = entry(Event.INTENT, 2, "P", "D", settings_after={"a": 20})
    undone = entry(Event.ROLLED_BACK, 3, "P", "D", intent="e2")
    done = entry(Event.RELEASED, 3, "P", "D", intent="e2", settings_after={"a": 20})
    assert production(before, intent).asked_settings == {"a": 10}
    assert production(before, intent, undone).asked_settings == {"a": 10}
    assert production(before, intent, done).asked_settings == {"a": 20}


def test_what_was_asked_and_consented_to_last() -> None:
    history = production(
        entry(Event.SETTINGS, 1, settings_after={"a": 1}, figures={"allow": ["scale_to_zero"]}),
        entry(Event.REJECTED, 2),
        entry(Event.RELEASED, 3, to="D", number=4),
    )
    assert history.asked_settings == {"a": 1}
    assert history.last_number == 4
    assert consents(history.consented_before("x")) == frozenset()
    first = production(history.entries[0])
    assert consents(first.consented_before("x")) == {"scale_to_zero"}
    assert first.consented_before(f"{1:040d}") is None
    assert first.asked_since == f"{1:040d}"


def test_the_model_is_known_by_its_newest_id_and_its_deployments_by_theirs() -> None:
    history = ModelHistory.of([INTENT, entry(Event.SETTINGS, 2, model_id="m2")])
    assert (history.model_id, history.model_ids) == ("m2", ("m1", "m2"))
    assert history.release_files == ("releases/m.yaml",)
    assert history.known["dep-D"].digest == side("D").digest
    assert history.names["dep-P"] == "name-P"


entries = st.lists(
    st.tuples(
        st.sampled_from(list(Event)),
        st.sampled_from(["", "P", "D"]),
        st.sampled_from(["", "P", "D"]),
    ),
    max_size=8,
).map(
    lambda rows: [
        entry(event, place, from_, to, intent=f"e{place - 1}")
        for place, (event, from_, to) in enumerate(rows)
    ]
)


@given(entries)
def test_any_log_is_read(found: list[Entry]) -> None:
    history = production(*found)
    if history.open_intent is not None:
        assert history.open_intent.entry in found
    assert all(span.end is None or span.end >= span.start for span in history.served)
    starts = [span.start for span in history.served]
    assert starts == sorted(starts)
    assert len({hold.side.digest for hold in history.holds}) == len(history.holds)


def test_what_was_held_on_its_way_never_served() -> None:
    released, held = entry(Event.RELEASED, 1, "P", "D"), entry(Event.HELD, 2, "X")
    assert production(released, held).last_served == side("X")
    history = production(released, replace(held, figures={"candidate": True}))
    assert history.last_served == side("D")
    assert [hold.side for hold in history.holds] == [side("X")]
