"""What goes where: results on stdout, all else on stderr, whatever terminal, locale and reader."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from tests.e2e.trouble import ROOT, Trouble, trouble
from tests.echo import STAGING, release, truss
from tests.patience import HANGS

ESCAPE = "\x1b"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    """A model that Git asks for and Baseten does not have; nobody applies it for good."""
    folder = tmp_path_factory.mktemp("streams")
    with trouble(folder, truss(), release(STAGING, model="triage")) as made:
        made.commit({"releases/triage.yaml": release(STAGING)["releases/triage.yaml"] + "# → ✓\n"})
        yield made


def test_events_are_one_object_a_line_and_fit_their_schema(tmp_path: Path) -> None:
    schema = json.loads((ROOT / "schemas" / "event.schema.json").read_text())
    planned = []
    with trouble(tmp_path, truss(), release(STAGING)) as made:
        for _ in range(2):
            ended = made.apply("--format", "json")
            assert ended.code == 0, ended.err
            assert ended.out.endswith("}\n")
            for event in ended.events:
                jsonschema.validate(event, schema)
            kinds = [each["type"] for each in ended.events]
            assert (kinds[0], kinds[-1]) == ("apply_started", "apply_finished")
            planned.append(ended.events[0]["environments"])
        assert planned == [["triage/staging"], []]
        assert ended.writes == []
        assert len(kinds) == 2


def test_the_plan_is_a_result_of_plan_and_no_result_of_apply(made: Trouble) -> None:
    planned = made.gitops("plan")
    assert (planned.code, planned.err) == (0, "")
    asked = made.gitops("apply")
    assert (asked.code, asked.out) == (4, "")
    assert asked.err.startswith(planned.out)
    document = made.gitops("plan", "--format", "json")
    schema = json.loads((ROOT / "schemas" / "plan.schema.json").read_text())
    jsonschema.validate(document.document, schema)


def test_in_ci_every_line_of_progress_has_its_time(tmp_path: Path) -> None:
    with trouble(tmp_path, truss(), release(STAGING)) as made:
        ended = made.apply(CI="1")
        assert ended.code == 0, ended.err
        progress = ended.err.partition("Plan: ")[2].splitlines()[1:]
        assert len(progress) > 10
        timed = re.compile(r"^\d\d:\d\d:\d\dZ? |^\d{4}-\d\d-\d\dT")
        lacking = [line for line in progress if not timed.match(line) and line[:1] != " "]
        assert lacking == []
        assert ESCAPE not in ended.out + ended.err


@pytest.mark.parametrize(
    "environ",
    [
        {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=["LC_ALL=C", "ascii", "latin-1"],
)
def test_a_locale_without_these_letters_loses_letters_and_nothing_else(
    made: Trouble, environ: dict[str, str]
) -> None:
    for arguments in (
        ("plan",),
        ("plan", "--format", "markdown"),
        ("status",),
        ("--help",),
        ("apply", "--help"),
        ("demo", "--help"),
        ("compile",),
    ):
        ended = made.gitops(*arguments, **environ)
        assert ended.code == 0, ended.err
        assert ended.out


def test_a_reader_that_has_enough_gets_no_traceback(made: Trouble) -> None:
    for command in ("plan", "plan --format json", "compile", "schema release", "--help"):
        done = subprocess.run(
            ["bash", "-c", f'set -o pipefail; "$0" -m gitops {command} | head -1', sys.executable],
            cwd=made.work.path,
            env=made.variables(),
            capture_output=True,
            text=True,
            timeout=HANGS,
            check=False,
        )
        assert done.stdout.count("\n") == 1
        assert done.stderr == "", done.stderr
        assert done.returncode in {0, 1}


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "</dev/null >/dev/full"])
def test_streams_that_are_closed_or_full_are_no_bug(made: Trouble, closed: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"$0" -m gitops plan {closed}', sys.executable],
        cwd=made.work.path,
        env=made.variables(),
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode in {0, 1}


CTRL_C = b"\x03"


def reads_stdin(pid: int) -> bool:
    """Whether a process waits in a system call for what comes on its stdin.

    True also where the system does not say: on macOS, and in some containers.
    """
    try:
        call = Path(f"/proc/{pid}/syscall").read_text()
    except OSError:
        return True
    # The number of the call, and what it is given: first the descriptor.
    return call.split()[1:2] == ["0x0"]


def on_terminal(made: Trouble, answer: bytes | signal.Signals, **environ: str) -> tuple[int, str]:
    """Run ``gitops apply`` on a terminal of its own, and answer once it asks."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(made.work.path)
        variables = {**made.variables(), "TERM": "xterm", **environ}
        arguments = [sys.executable, "-m", "gitops", "apply"]
        os.execve(sys.executable, arguments, variables)  # noqa: S606 - the child of a fork
    heard = b""
    answered = False
    deadline = time.monotonic() + HANGS
    try:
        while time.monotonic() < deadline:
            readable, _, _ = select.select([terminal], [], [], 0.01)
            if not readable:
                # Python sees a signal between the prompt and the read that waits for an answer only
                # when that read returns: where nobody presses Ctrl-C again, it has to be there.
                if b"Apply this?" in heard and not answered and reads_stdin(pid):
                    answered = True
                    if isinstance(answer, bytes):
                        os.write(terminal, answer)
                    else:
                        os.kill(pid, answer)
                continue
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            heard += piece
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    assert answered, heard
    return os.waitstatus_to_exitcode(status), heard.decode()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"n\r", 4),
        (b"\r", 4),
        (CTRL_C, 130),
        (b"\x04", 130),
        (signal.SIGINT, 130),
        (signal.SIGTERM, 130),
    ],
    ids=["no", "nothing", "ctrl-c", "ctrl-d", "SIGINT", "SIGTERM"],
)
def test_whoever_does_not_say_yes_changes_nothing(
    made: Trouble, answer: bytes | signal.Signals, code: int
) -> None:
    before = len(made.emulator.requests(writes=True))
    ended, heard = on_terminal(made, answer)
    assert ended == code, heard
    assert "Traceback" not in heard
    assert "internal error" not in heard
    assert "Nothing on Baseten was changed." in heard
    assert made.emulator.api_key not in heard
    assert len(made.emulator.requests(writes=True)) == before


def test_yes_applies_and_colour_is_for_terminals(tmp_path: Path) -> None:
    with trouble(tmp_path, truss(), release(STAGING)) as made:
        ended, heard = on_terminal(made, b"n\r", NO_COLOR="1")
        assert (ended, "\x1b[3" in heard) == (4, False)
        ended, heard = on_terminal(made, b"y\r")
        assert ended == 0, heard
        assert "\x1b[3" in heard
        assert made.serving("staging")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_plan_that_is_interrupted_is_130(made: Trouble, number: signal.Signals) -> None:
    made.emulator.fault(kind="latency", seconds=60, path="/v1/users/me")
    heard = len(made.emulator.requests())
    process = made.start("plan", "--format", "json")
    made.until(lambda: len(made.emulator.requests()) > heard, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=HANGS)
    made.lift()
    assert (process.returncode, out) == (130, "")
    assert err.strip() == "gitops: interrupted"
