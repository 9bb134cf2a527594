"""What was rolled back or rejected does not come back by itself, whoever applies, and how often."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gitops.decide.situation import Options
from gitops.plan.events import ApplyEvent, RollbackStarted
from tests.apply.stage import Stage, stage
from tests.apply.test_what_goes_wrong import ROLLING, SWITCHING
from tests.echo import STAGING, release, truss
from tests.repositories import Repository


def promotions(made: Stage) -> int:
    return len([each for each in made.writes() if each.endswith("/promote")])


def test_the_loop_of_release_and_rollback_never_begins(tmp_path: Path) -> None:
    with stage(tmp_path, truss(), release(ROLLING), traffic=60.0) as made:
        assert made.apply().exit_code == 0
        before = made.serving("production")
        made.commit(truss("two", "fails_after_requests: 12"), release(SWITCHING))
        assert made.apply().exit_code == 3
        writes, promoted = made.writes(), promotions(made)
        for number in range(3):
            # Other people's merges, while Git goes on asking for what was bad.
            made.commit({"notes.md": f"{number}\n"})
            later = made.apply()
            assert later.exit_code == 0, later.finished
            assert later.finished.held == ("triage/production",)
        made.work.git("clone", "-q", str(tmp_path / "remote.git"), str(tmp_path / "fresh"))
        fresh = replace(made, work=Repository(tmp_path / "fresh"), events=[])
        elsewhere = fresh.apply()
        assert elsewhere.exit_code == 0, elsewhere.finished
        assert elsewhere.finished.held == ("triage/production",)
        assert (made.writes(), promotions(made)) == (writes, promoted)
        assert made.serving("production") == before


def test_a_release_that_goes_back_gives_back_its_hardware(tmp_path: Path) -> None:
    not_watched = release(SWITCHING.replace("for: 10m", "for: 0s"))
    with stage(tmp_path, truss(), not_watched, traffic=60.0) as made:
        assert made.apply().exit_code == 0
        before = made.live("production")
        assert before.instance_type_id == "1x2"
        bigger = {
            path: text.replace('cpu: "1", memory: 2Gi', 'cpu: "4", memory: 16Gi')
            for path, text in truss("two", "fails_after_requests: 12").items()
        }
        made.commit(bigger, release(SWITCHING))
        blocked = made.apply()
        assert blocked.exit_code == 4, blocked.finished
        assert "1x2" in blocked.finished.failures[0].failure.happened
        made.commit(release(SWITCHING + "    instance_type: truss\n"))
        went: list[str | None] = []

        def look(event: ApplyEvent) -> None:
            if isinstance(event, RollbackStarted):
                went.append(made.live("production").instance_type_id)

        made.on = look
        outcome = made.apply()
        assert outcome.exit_code == 3, outcome.finished
        assert went == ["4x16"]
        after = made.live("production")
        assert after.instance_type_id == "1x2"
        assert after.current is not None
        assert before.current is not None
        assert after.current.name == before.current.name


def test_a_flaky_check_does_not_promote_itself_on_the_third_try(tmp_path: Path) -> None:
    with stage(tmp_path, truss(), release(STAGING)) as made:
        assert made.apply().exit_code == 0
        promoted = promotions(made)
        made.commit(truss("two"))
        made.emulator.fault(kind="status", method="POST", path="/predict$", status=500, times=1)
        assert made.apply().exit_code == 5
        assert made.told()[-1] == "staging rejected"
        # By now it would pass.
        asked = len(made.emulator.requests(writes=True))
        for _ in range(3):
            later = made.apply()
            assert later.exit_code == 0, later.finished
            assert later.finished.held == ("triage/staging",)
        assert len(made.emulator.requests(writes=True)) == asked
        assert promotions(made) == promoted
        lifted = made.apply(options=Options(retry=True))
        assert lifted.exit_code == 0, lifted.finished
        assert made.told()[-1] == "staging released"
