"""Every invariant can be broken, and is not broken by what an apply rightly does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.invariants import Broken, Deed, Noted, Traces, broken, hold

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def deed(minute: int, kind: str, deployment: str | None, environment: str | None = None) -> Deed:
    return Deed(at=at(minute), kind=kind, deployment=deployment, environment=environment)


def noted(minute: int, event: str, to: str = "b", origin: str = "a") -> Noted:
    return Noted(at=at(minute), event=event, environment="production", to=to, origin=origin)


PROMOTED = "MODEL_DEPLOYMENT_PROMOTED"
GOOD = Traces(
    deeds=(
        deed(0, "MODEL_DEPLOYED", "a", "production"),
        deed(10, "MODEL_DEPLOYED", "b"),
        deed(15, PROMOTED, "b", "production"),
        deed(20, PROMOTED, "a", "production"),
    ),
    digests={"a": "1", "b": "2"},
    ready={"a": at(3), "b": at(13)},
    statuses={"production": "ACTIVE"},
    log=(noted(14, "intent"), noted(21, "rolled_back")),
)


STOPPED = deed(16, "MODEL_DEPLOYMENT_DEACTIVATED", "a")


def test_a_release_and_its_rollback_break_nothing() -> None:
    hold(GOOD)
    hold(Traces())
    hold(replace(GOOD, deeds=(*GOOD.deeds, STOPPED)))


def test_a_first_release_that_is_taken_back_leaves_nothing_as_there_was_before() -> None:
    first = tuple(replace(each, origin=None) for each in GOOD.log)
    hold(replace(GOOD, deeds=GOOD.deeds[:3], log=first, statuses={"production": None}))


@pytest.mark.parametrize(
    ("bad", "invariant"),
    [
        (replace(GOOD, ready={"a": at(3), "b": at(16)}), "promoted_before_ready"),
        (replace(GOOD, ready={"a": at(3), "b": None}), "promoted_before_ready"),
        (
            replace(GOOD, deeds=(*GOOD.deeds, deed(30, "MODEL_DEPLOYED", "c", "production"))),
            "promoted_before_ready",
        ),
        (replace(GOOD, digests={"a": "1", "b": "1"}), "pushed_twice"),
        (
            replace(GOOD, deeds=(*GOOD.deeds, deed(30, "MODEL_DEPLOYMENT_DELETED", "b"))),
            "deleted_something",
        ),
        (
            replace(GOOD, deeds=(*GOOD.deeds, deed(30, "ENVIRONMENT_DELETED", None, "staging"))),
            "deleted_something",
        ),
        (replace(GOOD, log=(noted(16, "intent"), GOOD.log[1])), "promoted_unrecorded"),
        (replace(GOOD, log=(noted(14, "intent", "c"), GOOD.log[1])), "promoted_unrecorded"),
        (replace(GOOD, statuses={"production": None}), "left_without_deployment"),
        (replace(GOOD, statuses={"production": "FAILED"}), "left_without_deployment"),
        (
            replace(GOOD, deeds=(*GOOD.deeds, deed(30, "MODEL_DEPLOYMENT_DEACTIVATED", "a"))),
            "left_without_deployment",
        ),
    ],
)
def test_each_invariant_can_be_broken(bad: Traces, invariant: str) -> None:
    assert set(broken(bad)) == {invariant}
    with pytest.raises(Broken) as caught:
        hold(bad)
    assert caught.value.invariant == invariant
