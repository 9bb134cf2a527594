"""``gitops apply``, ``cancel`` and ``resume`` as programs: streams, exit codes, real signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apply.stage import Stage, stage
from tests.echo import PRODUCTION, STAGING, release, truss
from tests.patience import HANGS


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, truss(), release(STAGING, PRODUCTION), traffic=30.0, speed=300.0) as made:
        yield made


def start(made: Stage, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gitops", *arguments],
        cwd=made.work.path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), **made.emulator.environ(), **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(made: Stage, *arguments: str, **environ: str) -> tuple[int, str, str]:
    process = start(made, *arguments, **environ)
    out, err = process.communicate(timeout=HANGS)
    return process.returncode, out, err


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_results_on_stdout_and_everything_else_on_stderr(two: Stage) -> None:
    code, out, err = run(two, "apply", "--yes")
    assert code == 0, err
    assert "converged: triage/staging, triage/production" in out
    assert "pushes" not in out
    assert "1 environment to create" in err
    assert two.emulator.api_key not in out + err
    code, out, err = run(two, "apply", "--yes", "--format", "json")
    assert code == 0
    assert [each["type"] for each in events(out)] == ["apply_started", "apply_finished"]


def test_nobody_can_be_asked(two: Stage) -> None:
    code, out, err = run(two, "apply", "--format", "json")
    assert code == 4
    assert [(each["type"], each["exit_code"]) for each in events(out)] == [("apply_finished", 4)]
    assert "--yes" in err
    assert not two.writes()


def test_wrong_usage_is_1_and_sends_nothing(two: Stage) -> None:
    code, _, err = run(two, "apply", "--yes", "--retry", "triage/nowhere")
    assert code == 1
    assert "triage/nowhere" in err
    code, _, err = run(two, "apply", "--plan", "plan.json", "--env", "staging")
    assert code == 1
    assert "--env" in err
    code, _, err = run(two, "apply", "--plan", "none.json")
    assert code == 1
    assert "none.json" in err
    assert not two.writes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_in_order_and_the_next_apply_continues(
    two: Stage, number: signal.Signals
) -> None:
    # It is not ready before the test says so.
    two.emulator.fault(kind="no_capacity")
    process = start(two, "apply", "--yes", "--format", "json")
    assert process.stdout is not None
    heard: list[str] = []
    for line in process.stdout:
        heard.append(line)
        if json.loads(line).get("kind") == "ready":
            process.send_signal(number)
            process.send_signal(number)
            break
    out, err = process.communicate(timeout=HANGS)
    told = events("".join(heard) + out)
    assert process.returncode == 130, err
    assert told[-1]["type"] == "apply_finished"
    assert told[-1]["exit_code"] == 130
    assert told[-1]["running"] == ["triage/staging"]
    assert number.name in err
    assert "Traceback" not in err
    two.emulator.call(two.emulator.world.faults.lift)
    assert run(two, "apply", "--yes")[0] == 0
    assert len(two.pushes()) == 1


def test_whoever_is_killed_seconds_after_a_signal_has_said_what_matters(two: Stage) -> None:
    two.emulator.fault(kind="no_capacity")
    process = start(two, "apply", "--yes", "--format", "json")
    assert process.stdout is not None
    assert process.stderr is not None
    for line in process.stdout:
        if json.loads(line).get("kind") == "ready":
            break
    process.send_signal(signal.SIGINT)
    err = ""
    for line in process.stderr:
        err += line
        if "SIGINT" in line:
            break
    # As CI runners do it; it may have ended by itself before.
    process.send_signal(signal.SIGTERM)
    process.kill()
    _, more = process.communicate(timeout=HANGS)
    assert process.returncode in {-signal.SIGKILL, 130}
    assert "gitops: SIGINT, stopping: nothing new is started" in err
    assert "the next apply continues from there, also if this one is killed now" in err
    assert "Traceback" not in err + more
    two.emulator.call(two.emulator.world.faults.lift)
    code, _, err = run(two, "apply", "--yes")
    assert code == 0, err
    assert len(two.pushes()) == 1


def test_a_reader_that_goes_away_does_not_stop_an_apply(two: Stage) -> None:
    process = start(two, "apply", "--yes", "--format", "json")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        err = process.stderr.read()
    assert process.wait(timeout=HANGS) == 0, err
    assert two.told()[-1] == "production settings"


def test_there_is_nothing_to_steer(two: Stage) -> None:
    assert run(two, "apply", "--yes")[0] == 0
    for verb in ("cancel", "resume"):
        code, out, err = run(two, verb, "triage", "production")
        assert (code, out) == (1, "")
        assert "no promotion runs in triage/production" in err
    code, _, err = run(two, "cancel", "triage", "nowhere")
    assert code == 1


def test_a_release_file_with_a_problem_does_not_stand_in_the_way_of_steering(two: Stage) -> None:
    assert run(two, "apply", "--yes")[0] == 0
    [path] = release(STAGING)
    two.commit({path: "version: 1\nmodel: triage\nenviroments: {}\n"})
    for verb in ("cancel", "resume"):
        code, out, err = run(two, verb, "triage", "production")
        assert (code, out) == (1, "")
        assert "no promotion runs in triage/production" in err
        assert "Warning: releases/triage.yaml:" in err
        assert "`gitops validate`" in err
    two.commit({"gitops.yaml": "version: [\n"})
    code, _, err = run(two, "cancel", "triage", "production")
    assert (code, "no promotion runs in triage/production" in err) == (1, True), err


def test_a_file_that_named_another_model_before_is_blocked(two: Stage) -> None:
    assert run(two, "apply", "--yes", "--env", "staging")[0] == 0
    renamed = {
        path: text.replace("model: triage", "model: sorter")
        for path, text in release(STAGING, PRODUCTION).items()
    }
    two.commit(renamed)
    code, out, err = run(two, "plan", "--detailed-exitcode")
    assert code == 4, err
    assert "named the model triage before, and now names sorter" in " ".join(out.split())
    assert "write `model: triage`" in " ".join(out.split())
    writes = two.writes()
    assert run(two, "apply", "--yes")[0] == 4
    assert two.writes() == writes


def test_without_the_log_a_release_is_still_watched_and_taken_back(
    two: Stage, tmp_path: Path
) -> None:
    assert run(two, "apply", "--yes")[0] == 0
    before = two.serving("production")
    patient = PRODUCTION.replace("600ms", "10m")
    two.commit(truss("two", "fails_after_requests: 12"), release(STAGING, patient))
    remote, away = tmp_path / "remote.git", tmp_path / "away.git"
    shutil.move(remote, away)
    code, out, err = run(two, "apply", "--yes", "--no-log", "--format", "json")
    assert code == 3, (out, err)
    assert two.serving("production") == before
    shutil.move(away, remote)
    code, out, err = run(two, "apply", "--yes")
    assert code == 0, err
    assert "held" in out
    told = [each for each in two.told() if each.startswith("production")]
    assert told[-2:] == ["production intent", "production rolled_back"]
