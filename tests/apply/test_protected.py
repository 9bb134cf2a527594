"""Capacity that somebody gives production while a release is under way."""

from __future__ import annotations

from pathlib import Path

from gitops.plan.events import ActionFinished
from gitops.record.entry import Entry, Event
from gitops.state.names import ModelKey
from tests.apply.stage import Stage, stage
from tests.apply.wrapped import WrappedLog, Write
from tests.echo import release, truss

PRODUCTION = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 4}
    watch: {for: 0s}
"""


def adds_capacity(made: Stage) -> None:
    with made.person() as person:
        person.writer.update_environment(
            made.model_id(), "production", {"autoscaling_settings": {"max_replica": 9}}
        )


def test_what_somebody_adds_in_mid_promotion_is_not_taken_away(tmp_path: Path) -> None:
    with stage(tmp_path, truss(), release(PRODUCTION)) as made:
        assert made.apply().exit_code == 0
        made.commit(truss("two"))
        writes = len(made.writes())
        made.once(
            lambda each: isinstance(each, ActionFinished) and each.kind == "promote",
            lambda: adds_capacity(made),
        )
        outcome = made.apply()
        assert outcome.exit_code == 0, outcome.finished
        assert made.live("production").settings.autoscaling["max_replica"] == 9
        # One such write is the person's.
        assert [each.split()[0] for each in made.writes()[writes:]].count("PATCH") == 1


def test_what_somebody_adds_before_baseten_promotes_by_itself_stays(tmp_path: Path) -> None:
    """Nobody has announced settings then, and no log says what Git asked for."""
    with stage(tmp_path, truss(), release(PRODUCTION)) as made:
        made.once(
            lambda each: isinstance(each, ActionFinished) and each.kind == "push",
            lambda: adds_capacity(made),
        )
        outcome = made.apply()
        assert made.live("production").settings.autoscaling["max_replica"] == 9
        assert outcome.exit_code == 4, outcome.finished


def test_what_somebody_adds_while_a_promotion_is_announced_stays(tmp_path: Path) -> None:
    class Slow(WrappedLog):
        def write(self, inner: Write, key: ModelKey, entry: Entry) -> Entry:
            if entry.event is Event.INTENT:
                adds_capacity(made)
            return inner(key, entry)

    with stage(tmp_path, truss(), release(PRODUCTION)) as made:
        assert made.apply().exit_code == 0
        made.commit(
            truss("two"), release(PRODUCTION.replace("1, max_replica: 4", "2, max_replica: 3"))
        )
        made.wrap_log = Slow
        outcome = made.apply()
        assert outcome.exit_code == 0, outcome.finished
        found = made.live("production").settings.autoscaling
        assert (found["min_replica"], found["max_replica"]) == (2, 9)
