"""Whole applies: a real repository and remote, real HTTP to the emulator, real uploads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from gitops.apply.ports import DeployLog
from gitops.decide.situation import Options
from gitops.git.repository import Repository
from gitops.plan.events import ActionFinished, ApplyFinished, ApplyStarted, RollbackFinished
from gitops.record.entry import Entry, Event
from gitops.state.names import ModelKey
from tests.apply.stage import Stage, stage
from tests.echo import PRODUCTION, STAGING, release, truss
from tests.pace import build_ends, builds_take


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Stage]:
    """Staging and production, before any apply."""
    with stage(tmp_path, truss(), release(STAGING, PRODUCTION), traffic=60.0) as made:
        yield made


@pytest.fixture
def released(two: Stage) -> Stage:
    """Both serve the first version."""
    assert two.apply().exit_code == 0
    return two


def test_a_first_release_serves_everywhere_and_is_pushed_once(two: Stage) -> None:
    outcome = two.apply()
    assert outcome.exit_code == 0
    assert outcome.finished.converged == ("triage/staging", "triage/production")
    assert len(two.pushes()) == 1
    assert two.told() == [
        "staging intent",
        "staging released",
        # A new model's first deployment becomes production by itself.
        "production adopted",
        "production settings",
    ]
    assert isinstance(two.events[0], ApplyStarted)
    assert isinstance(two.events[-1], ApplyFinished)


def test_a_second_apply_sends_no_write_and_no_entry(released: Stage) -> None:
    before = released.writes(), released.told()
    again = released.apply()
    assert again.exit_code == 0
    assert (released.writes(), released.told()) == before


def test_a_new_version_is_pushed_once_and_promoted_everywhere(released: Stage) -> None:
    busier = PRODUCTION.replace("min_requests: 5", "min_requests: 50000")
    released.commit(truss("two"), release(STAGING, busier))
    outcome = released.apply()
    assert outcome.exit_code == 0, outcome.finished
    assert len(released.pushes()) == 2
    assert [each for each in released.told()[4:] if "intent" not in each] == [
        "staging released",
        "production released",
    ]
    last = released.entries()[-1]
    assert last.number == 1
    watch = last.figures["watch"]
    assert isinstance(watch, dict)
    assert watch["outcome"] == "inconclusive"
    watched = [
        each.message
        for each in released.events
        if isinstance(each, ActionFinished) and each.action == "triage/production/watch"
    ]
    assert "fewer than 50000; that counts as passed, as on_inconclusive is pass" in watched[-1]
    assert last.settings_after is not None
    assert last.settings_after["autoscaling.max_replica"] == 2


def test_what_does_not_become_ready_is_never_promoted(released: Stage) -> None:
    text = release(STAGING, PRODUCTION)["releases/triage.yaml"]
    unchecked = text.partition("checks:\n  smoke")[0].replace("checks: [smoke]", "")
    limits = "timeouts: {start: 300ms, promotion: 300ms}\n"
    before = released.told()
    released.commit(
        truss("two", "load_seconds: 36000"), {"releases/triage.yaml": unchecked + limits}
    )
    assert released.apply().exit_code == 7
    assert released.told() == before
    assert len(released.pushes()) == 2


def test_a_bad_build_ends_in_5_and_changes_nothing_that_serves(released: Stage) -> None:
    before = released.serving("production")
    broken = {"trusses/triage/config.yaml": "model_name: triage\n"}
    released.commit(broken)
    released.builds_until_seen()
    outcome = released.apply()
    assert outcome.exit_code == 5
    assert outcome.finished.failed == ("triage/staging", "triage/production")
    assert released.serving("production") == before
    failure = outcome.finished.failures[0].failure
    assert "model.py is missing" in " ".join(failure.details)
    assert "no traffic was moved" in failure.serves_now
    # Not held: the next apply tries it again, once.
    assert released.apply().exit_code == 5
    assert len([each for each in released.writes() if each.endswith("/retry")]) == 1


def test_failing_checks_are_recorded_and_held(released: Stage) -> None:
    before = released.serving("production")
    released.commit(truss("two", "reply: {text: goodbye}"))
    outcome = released.apply()
    assert outcome.exit_code == 5
    assert outcome.finished.rejected == ("triage/staging", "triage/production")
    assert released.serving("production") == before
    assert released.told()[-2:] == ["staging rejected", "production rejected"]
    writes = released.writes()
    again = released.apply()
    assert again.exit_code == 0
    assert again.finished.held == ("triage/staging", "triage/production")
    assert released.apply(strict=True).exit_code == 4
    assert released.writes() == writes


def test_a_hold_is_lifted_by_retry_and_by_asking_anew(released: Stage) -> None:
    released.commit(truss("two", "reply: {text: goodbye}"))
    assert released.apply().exit_code == 5
    retried = released.apply(options=Options(retry=True))
    assert retried.exit_code == 5
    assert "staging lifted" in released.told()
    released.commit(truss("one"))
    assert released.apply().exit_code == 0
    released.commit(truss("two", "reply: {text: goodbye}"))
    assert released.apply().exit_code == 5


def test_what_is_bad_under_traffic_is_rolled_back_with_figures(released: Stage) -> None:
    before = released.serving("production")
    patient = PRODUCTION.replace("600ms", "10m")
    released.commit(truss("two", "fails_after_requests: 12"), release(STAGING, patient))
    outcome = released.apply()
    assert outcome.exit_code == 3, outcome.finished
    assert outcome.finished.rolled_back == ("triage/production",)
    live = released.live("production")
    assert live.current is not None
    assert live.current.name == before
    assert live.candidate is None
    entry = next(each for each in released.entries() if each.event is Event.ROLLED_BACK)
    assert entry.from_ is not None
    assert entry.from_.deployment_name == before
    figures = entry.figures["rollback"]
    assert isinstance(figures, dict)
    rates = figures["error_rate"]
    assert isinstance(rates, dict)
    assert isinstance(rates["during"], float)
    assert rates["during"] > 0.05
    assert figures["replicas"] >= figures["minimum"]
    told = [each for each in released.events if isinstance(each, RollbackFinished)]
    assert len(told) == 1
    assert told[0].confirmed
    again = released.apply()
    assert again.exit_code == 0
    assert again.finished.held == ("triage/production",)


def test_settings_alone_are_written_read_back_and_logged(released: Stage) -> None:
    wider = PRODUCTION.replace("max_replica: 2", "max_replica: 5")
    released.commit(release(STAGING, wider))
    outcome = released.apply()
    assert outcome.exit_code == 0
    assert released.live("production").settings.autoscaling["max_replica"] == 5
    assert released.told()[-1] == "production settings"
    entry = released.entries()[-1]
    assert entry.settings_before is not None
    assert entry.settings_before["autoscaling.max_replica"] == 2
    assert len(released.pushes()) == 1


def test_settings_travel_with_a_promotion_and_go_back_with_it(released: Stage) -> None:
    wider = PRODUCTION.replace("max_replica: 2", "max_replica: 5").replace("600ms", "10m")
    released.commit(truss("two", "fails_after_requests: 12"), release(STAGING, wider))
    outcome = released.apply()
    assert outcome.exit_code == 3
    assert released.live("production").settings.autoscaling["max_replica"] == 2


def test_alerting_only_leaves_it_serving(released: Stage) -> None:
    before = released.serving("production")
    alerting = PRODUCTION.replace("600ms", "10m").replace(
        "min_requests: 5", "min_requests: 5, on_failure: alert"
    )
    released.commit(truss("two", "fails_after_requests: 12"), release(STAGING, alerting))
    outcome = released.apply()
    assert outcome.exit_code == 8
    assert released.serving("production") != before
    assert released.told()[-1] == "production released"
    assert released.apply().exit_code == 0


def test_events_name_what_the_plan_names(two: Stage) -> None:
    two.builds_until_seen()
    outcome = two.apply()
    assert outcome.exit_code == 0
    finished = [each for each in two.events if isinstance(each, ActionFinished)]
    assert {each.result for each in finished} == {"ok"}
    kinds = [each.kind for each in finished if each.environment in {None, "staging"}]
    assert kinds == ["push", "create_environment", "ready", "check", "promote", "watch"]
    assert finished[0].action.endswith("/push")
    assert finished[0].environment is None
    assert finished[1].action == "triage/staging/create_environment"


def test_a_build_outlasting_its_limit_goes_on_and_the_next_apply_continues(tmp_path: Path) -> None:
    with stage(tmp_path, truss(), release(STAGING)) as made:
        builds_take(made.emulator, 360_000)
        text = release(STAGING)["releases/triage.yaml"]
        made.commit({"releases/triage.yaml": text + "timeouts: {build: 10ms}\n"})
        outcome = made.apply()
        assert outcome.exit_code == 7
        assert outcome.finished.running == ("triage/staging",)
        builds_take(made.emulator, 90)
        build_ends(made.emulator)
        made.commit({"releases/triage.yaml": text})
        assert made.apply().exit_code == 0
        assert len(made.pushes()) == 1


def test_a_failed_build_is_told_to_every_environment_that_shares_it(tmp_path: Path) -> None:
    with stage(tmp_path, truss("one", "nobody_knows: 1"), release(STAGING, PRODUCTION)) as made:
        made.builds_until_seen()
        outcome = made.apply()
    assert outcome.exit_code == 5, outcome.finished
    assert outcome.finished.failed == ("triage/staging", "triage/production")
    first, second = (each.failure.happened for each in outcome.finished.failures)
    assert first.startswith("The build of ")
    assert "shares" not in first
    assert second.startswith("The build of ")
    assert "which triage/production shares, failed: " in second
    assert "did not become ready" not in first + second


def test_what_waits_for_a_failed_environment_is_told_in_one_calm_line(tmp_path: Path) -> None:
    behind = PRODUCTION + "    requires: {environment: staging}\n"
    with stage(tmp_path, truss("one", "nobody_knows: 1"), release(STAGING, behind)) as made:
        outcome = made.apply()
        events = [each for each in made.events if isinstance(each, ActionFinished)]
    assert outcome.exit_code == 5, outcome.finished
    assert outcome.finished.failed == ("triage/staging",)
    assert outcome.finished.blocked == ("triage/production",)
    assert [each.environment for each in outcome.finished.failures] == ["staging"]
    (last,) = [each for each in events if each.environment == "production"]
    assert (last.result, last.action) == ("skipped", "triage/production/promote")
    assert last.message == "it waits for triage/staging"
    assert last.failure is None


def test_what_waits_for_a_hold_is_calm_and_what_serves_meanwhile_is_kept_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = PRODUCTION + "    requires: {environment: staging}\n"
    with stage(tmp_path, truss(), release(STAGING, behind)) as made:
        assert made.apply().exit_code == 0
        made.commit(truss("two", "reply: {text: goodbye}"))
        red = made.apply()
        assert red.exit_code == 5, red.finished
        assert red.finished.rejected == ("triage/staging",)
        assert red.finished.held == ("triage/production",)
        assert [each.environment for each in red.finished.failures] == ["staging"]
        later = made.apply()
        assert later.exit_code == 0, later.finished
        assert later.finished.held == ("triage/staging", "triage/production")
        [told] = [each for each in made.events if isinstance(each, ActionFinished)]
        assert told.message.startswith("it is held in staging, which production requires")
        strict = made.apply(strict=True)
        assert strict.exit_code == 4
        assert [each.failure.next.split()[0] for each in strict.finished.failures] == [
            "Release",
            "See",
        ]
        serving = made.live("staging").current
        assert serving is not None
        made.emulator.set_status(serving.id, "FAILED")
        assert made.apply().exit_code == 0
        assert any(each.endswith(f"/{serving.id}/retry") for each in made.writes())
        mended = made.live("staging").current
        assert mended is not None
        assert (mended.id, mended.status) == (serving.id, "ACTIVE")
        made.emulator.set_status(serving.id, "FAILED")
        made.emulator.fault(kind="status", status=400, method="POST", path="/retry$")
        # What the platform let fail, and will not try again, is left as it is by no fault of ours.
        monkeypatch.setattr(made, "hold", lambda *_: None)
        needed = made.apply()
        assert needed.exit_code == 8, needed.finished
        told = needed.finished.failures[0].failure
        assert "What serves triage/staging has failed" in told.happened
        assert "what Git asks for is held" in told.next


def test_what_a_rival_adopted_first_is_not_adopted_again(two: Stage) -> None:
    rivals: list[Entry] = []

    class Raced:
        """A rival of the same mind writes just before us, once."""

        def __init__(self, log: DeployLog) -> None:
            self._log = log

        def __getattr__(self, name: str) -> object:
            return getattr(self._log, name)

        def keep(self, key: ModelKey, entry: Entry) -> Entry:
            if entry.event is Event.ADOPTED and not rivals:
                with Repository.discover(two.work.path) as repository, two.baseten() as baseten:
                    rival = two.log(repository, baseten)
                    rival.fetch()
                    rivals.append(rival.append(key, replace(entry, run="rival")))
            return self._log.keep(key, entry)

    two.wrap_log = cast("Callable[[DeployLog], DeployLog]", Raced)
    outcome = two.apply()
    assert outcome.exit_code == 0, outcome.finished
    assert len(rivals) == 1
    assert two.told().count("production adopted") == 1
