"""The pure parts of the executor: exit codes, request blocks, what to put back, pace."""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.apply.blocks import of_changes, of_settings
from gitops.apply.budget import Budget
from gitops.apply.clock import StopFlag, SystemClock
from gitops.apply.exits import ORDER, combined
from gitops.apply.pace import Pace
from gitops.apply.settled import pending
from gitops.baseten import bodies
from gitops.errors import Interrupted
from gitops.state.back import put_back
from gitops.state.differences import flatten
from gitops.state.json import Json
from gitops.state.settings import Change, Settings
from tests.patience import HANGS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@given(st.lists(st.sampled_from([0, *ORDER])))
def test_the_first_of_the_order_wins(codes: list[int]) -> None:
    assert combined(codes) == next((code for code in (8, 3, 1, 5, 7, 4, 6) if code in codes), 0)
    assert combined(codes, interrupted=True) == 130


def test_an_unknown_code_is_a_failure() -> None:
    assert combined([9, 4]) == 1


def change(path: str, before: Json, after: Json) -> Change:
    return Change(path=path, before=before, after=after)


def test_changes_become_the_blocks_of_a_request() -> None:
    body = of_changes(
        [
            change("autoscaling.max_replica", 2, 5),
            change("promotion.rolling_deploy", False, True),
            change("promotion.rolling_deploy_config.stabilization_time_seconds", 0, 60),
            change("backpressure.policy", "QUEUE_ON_FULL", None),
        ]
    )
    assert body == {
        "autoscaling_settings": {"max_replica": 5},
        "promotion_settings": {
            "rolling_deploy": True,
            "rolling_deploy_config": {"stabilization_time_seconds": 60},
        },
        "request_backpressure_settings": {"policy": None},
    }


def test_surge_and_unavailable_are_sent_as_a_pair() -> None:
    live = Settings(promotion={"rolling_deploy_config": {"max_surge_percent": 10}})
    path = "promotion.rolling_deploy_config.max_unavailable_percent"
    body = bodies.blocks(of_changes([change(path, 0, 20)], live))
    assert body["promotion_settings"] == {
        "rolling_deploy_config": {"max_unavailable_percent": 20, "max_surge_percent": 0}
    }
    zero = bodies.blocks(of_changes([change(path, 20, 0)], live))
    assert zero["promotion_settings"] == {
        "rolling_deploy_config": {"max_unavailable_percent": 0, "max_surge_percent": 10}
    }


def test_a_new_environment_always_says_whether_it_rolls() -> None:
    assert bodies.new_environment("New", of_settings(Settings())) == {
        "name": "new",
        "promotion_settings": {"rolling_deploy": False},
    }
    asked = Settings(promotion={"rolling_deploy": True}, autoscaling={"min_replica": 1})
    assert of_settings(asked) == {
        "promotion_settings": {"rolling_deploy": True},
        "autoscaling_settings": {"min_replica": 1},
    }


def test_what_cannot_be_written_is_no_setting() -> None:
    with pytest.raises(ValueError, match="instance_type is not a setting"):
        of_changes([change("instance_type", "a", "b")])


def test_a_change_is_pending_until_it_reads_back() -> None:
    wanted = [change("autoscaling.max_replica", 2, 5), change("backpressure.policy", None, "X")]
    assert pending(wanted, Settings(autoscaling={"max_replica": 5.0})) == (wanted[1],)
    shown = Settings(autoscaling={"max_replica": 5}, backpressure={"policy": "X"})
    assert pending(wanted, shown) == ()


def test_only_what_the_release_changed_and_is_still_so_goes_back() -> None:
    before = {"autoscaling.a": 1, "autoscaling.b": 1, "autoscaling.c": 1, "autoscaling.d": None}
    after = {"autoscaling.a": 2, "autoscaling.b": 2, "autoscaling.c": 1, "autoscaling.d": 2}
    live = Settings(autoscaling={"a": 2, "b": 3, "c": 1, "d": 2})
    assert put_back(before, after, live, NOW) == (change("autoscaling.a", 2, 1),)


values = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3))


@given(values, values, values)
def test_putting_back_is_done_once_and_touches_nothing_else(
    before: dict[str, int], after: dict[str, int], now: dict[str, int]
) -> None:
    old, new = (
        flatten(Settings(autoscaling=dict(before))),
        flatten(Settings(autoscaling=dict(after))),
    )
    changes = put_back(old, new, Settings(autoscaling=dict(now)), NOW)
    result = dict(now)
    for each in changes:
        name = each.path.removeprefix("autoscaling.")
        assert now[name] == after[name]
        assert isinstance(each.after, int)
        result[name] = each.after
    assert put_back(old, new, Settings(autoscaling=dict(result)), NOW) == ()
    assert all(result[name] == now[name] or now[name] == after.get(name) for name in now)


def test_pauses_grow_to_a_limit() -> None:
    pauses = list(islice(Pace(first=0.2, growth=2.0, longest=5.0).pauses(), 10))
    assert pauses[:3] == [0.2, 0.4, 0.8]
    assert pauses[-1] == 5.0
    assert all(one <= other for one, other in pairwise(pauses))


def test_a_sleeping_clock_wakes_to_stop() -> None:
    stop = StopFlag()
    stop.set("SIGTERM")
    stop.set("SIGINT")
    with pytest.raises(Interrupted, match="SIGTERM"):
        SystemClock(stop).sleep(3600)


def test_a_signal_while_another_one_is_handled_does_not_wait_for_it() -> None:
    stop = StopFlag()

    def handler(*_: object) -> Any:
        """Python calls handlers between any two steps, also those of a handler."""
        stop.set("SIGTERM")
        return handler

    def run() -> None:
        sys.settrace(handler)
        stop.set("SIGINT")
        stop.wait(3600)
        sys.settrace(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HANGS)
    assert not thread.is_alive()
    assert stop.is_set


def test_everybody_who_waits_for_a_stop_goes_on() -> None:
    stop = StopFlag()
    threads = [threading.Thread(target=stop.wait, args=(3600,), daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    stop.set("SIGTERM")
    for thread in threads:
        thread.join(HANGS)
    assert not any(thread.is_alive() for thread in threads)
    stop.wait(3600)


def test_the_budget_of_rollbacks_is_for_the_whole_run() -> None:
    budget = Budget(2)
    budget.count_rollback()
    assert budget.allows_promotions
    budget.count_rollback()
    assert not budget.allows_promotions
