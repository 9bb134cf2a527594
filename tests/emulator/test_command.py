"""`gitops emulator`: as a server, and around a command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.patience import HANGS

COMMAND = [sys.executable, "-m", "gitops.emulator"]
VARIABLES = {
    "BASETEN_API_KEY",
    "BASETEN_API_URL",
    "BASETEN_INFERENCE_URL",
    "AWS_ENDPOINT_URL_S3",
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=HANGS, check=False
    )


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in VARIABLES]
        exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        try:
            yield process, {name: value.strip("'") for name, value in exported.items()}
        finally:
            if process.poll() is None:
                process.kill()


def test_it_prints_what_to_export_and_ends_with_0_on_sigterm() -> None:
    with serving("--seed", "2") as (process, variables):
        assert set(variables) == VARIABLES
        assert variables["BASETEN_INFERENCE_URL"].endswith("/inference/{model_id}")
        headers = {"Authorization": f"Bearer {variables['BASETEN_API_KEY']}"}
        reply = httpx.get(
            f"{variables['BASETEN_API_URL']}/v1/models", headers=headers, timeout=HANGS
        )
        assert len(reply.json()["models"]) == 2
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=HANGS)
        assert process.returncode == 0
        assert rest == ""
        assert errors.startswith("gitops emulator: listening on http://127.0.0.1:")


def test_exec_gives_the_command_its_streams_and_takes_its_exit_code() -> None:
    script = (
        f"import os, sys; print(sorted(n for n in os.environ if n in {VARIABLES})); "
        "print('own', file=sys.stderr); sys.exit(7)"
    )
    done = run("--speed", "60", "--exec", sys.executable, "-c", script, "--port", "--help")
    assert done.returncode == 7
    assert done.stdout == f"{sorted(VARIABLES)}\n"
    assert done.stderr == "own\n"


def test_exec_forwards_signals_and_reports_the_one_that_ended_the_command() -> None:
    script = "import os, signal; os.kill(os.getppid(), signal.SIGTERM); signal.pause()"
    assert run("--exec", sys.executable, "-c", script).returncode == 128 + signal.SIGTERM


def test_exec_of_what_is_not_there_is_127() -> None:
    done = run("--exec", "no-such-program")
    assert done.returncode == 127
    assert done.stderr == "gitops emulator: no-such-program: command not found\n"


def test_exec_needs_a_command() -> None:
    assert "--exec needs a command" in run("--exec").stderr


def test_a_port_that_is_taken_is_said() -> None:
    with serving() as (_, variables):
        port = variables["BASETEN_API_URL"].rpartition(":")[2]
        done = run("--port", port)
        assert done.returncode != 0
        assert "cannot listen" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_truss_survives_the_emulator(how: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "push.py"
    script.write_text(PUSH)
    with serving("--speed", "1000", "--no-rate-limits") as (process, variables):
        pid = int(
            subprocess.run(
                [sys.executable, script],
                env={**os.environ, **variables},
                capture_output=True,
                text=True,
                check=True,
                timeout=HANGS,
            ).stdout
        )
        assert Path(f"/proc/{pid}").exists()
        process.send_signal(how)
        process.wait(HANGS)
        until = time.monotonic() + HANGS
        while Path(f"/proc/{pid}").exists() and "Z" not in _state(pid):
            assert time.monotonic() < until


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


PUSH = """
import io, os, tarfile, boto3, httpx
http = httpx.Client(
    base_url=os.environ["BASETEN_API_URL"],
    headers={"Authorization": "Bearer " + os.environ["BASETEN_API_KEY"]},
    timeout=180,
)
config = {"model_name": "m"}
files = {
    "config.yaml": "model_name: m",
    "model/model.py": "import os\\nclass Model:\\n    def predict(self, x): return os.getpid()",
}
prepared = http.post(
    "/v1/prepare_model_upload", json={"name": "m", "deployment": {"config": config}}
).json()
buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w") as tar:
    for name, text in files.items():
        info = tarfile.TarInfo(name)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
boto3.client(
    "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"],
    region_name=prepared["s3_region"], **prepared["creds"],
).put_object(Bucket=prepared["s3_bucket"], Key=prepared["s3_key"], Body=buffer.getvalue())
payload = {"config": config, "autoscaling_settings": {"min_replica": 1}}
source = {"name": "m", "s3_key": prepared["s3_key"], "deployment": payload}
made = http.post("/v1/models", json={"source": source}).json()
model_id = made["model"]["id"]
url = os.environ["BASETEN_INFERENCE_URL"].format(model_id=model_id) + "/production/predict"
while (reply := http.post(url, json=0)).status_code != 200:
    continue
print(reply.json())
"""


COUNT = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
os.write(1, b"ready;")
signal.sigwait([signal.SIGINT])
# Signals are passed on in their order: behind this one no other interrupt is on its way.
os.kill(os.getppid(), signal.SIGTERM)
signal.sigwait([signal.SIGTERM])
os.write(1, b"twice;" if signal.SIGINT in signal.sigpending() else b"once;")
"""
IN_A_TERMINAL = """
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""


def test_a_terminals_ctrl_c_reaches_the_command_once() -> None:
    command = [*COMMAND, "--exec", sys.executable, "-c", COUNT]
    with subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.read(6) == b"ready;"
        process.stdin.write(b"\x03")
        process.stdin.flush()
        shown = process.stdout.read(7)
        assert b"once;" in shown + process.stdout.read()
    assert process.returncode == 0


def test_an_interrupt_that_is_sent_is_passed_on() -> None:
    with subprocess.Popen(
        [*COMMAND, "--exec", sys.executable, "-c", COUNT],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(6) == b"ready;"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b"once;"
    assert process.returncode == 0


def test_a_key_of_an_unknown_type_is_refused_in_words() -> None:
    done = run("--key", "a.b:ODD")
    assert done.returncode != 0
    assert "unknown type 'ODD'; expected one of PERSONAL" in done.stderr
    assert "Traceback" not in done.stderr


ASK = """
import os, httpx
http = httpx.Client(
    base_url=os.environ["BASETEN_API_URL"],
    headers={"Authorization": "Bearer " + os.environ["BASETEN_API_KEY"]},
    timeout=180,
)
seen = [http.get("/v1/teams").status_code for _ in range(12)]
print(http.get("/v1/users/me").json()["workspace_name"], seen)
"""


def test_faults_from_the_command_line_strike_the_same_requests_with_the_same_seed() -> None:
    arguments = ("--random-seed", "5", "--fault", "503:/v1/teams:probability=0.5")
    first, second = (run(*arguments, "--exec", sys.executable, "-c", ASK) for _ in range(2))
    assert first.stdout == second.stdout
    assert "503" in first.stdout
    assert "200" in first.stdout


def test_a_fault_that_cannot_be_read_is_refused_in_words() -> None:
    done = run("--fault", "explode")
    assert done.returncode != 0
    assert "the kind is none of a status code, drop_before" in done.stderr
    assert "Traceback" not in done.stderr


REFUSED = """
import os, httpx
headers = {"Authorization": "Bearer " + os.environ["BASETEN_API_KEY"]}
url = os.environ["BASETEN_API_URL"] + "/v1/secrets"
print(httpx.post(url, headers=headers, timeout=180).status_code)
"""


def test_a_switch_is_set_by_name() -> None:
    switches = ("--switch", "invalid_status=422", "--switch", "environment_case=exact")
    done = run(*switches, "--exec", sys.executable, "-c", REFUSED)
    assert done.stdout.strip() == "422"


@pytest.mark.parametrize("text", ["speed=2", "invalid_status=500", "shuffle_lists=maybe"])
def test_a_switch_that_is_none_is_refused_in_words(text: str) -> None:
    done = run("--switch", text)
    assert done.returncode == 2
    assert text.partition("=")[0] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_state_is_seeded_served_killed_and_served_again(tmp_path: Path) -> None:
    state = str(tmp_path / "fleet.state")
    done = run("seed", "--models", "3", "--state", state)
    assert done.stdout == "Seeded 3 models in production, staging.\n"
    with serving("--state", state, "--seed", "9", "--control") as (process, variables):
        headers = {"Authorization": "Bearer a.b"}
        with httpx.Client(
            base_url=variables["BASETEN_API_URL"], headers=headers, timeout=HANGS
        ) as http:
            held = http.get("/v1/models").json()["models"]
            http.post("/v1/secrets", json={"name": "token", "value": "hush"}).raise_for_status()
        more = run("seed", "--models", "1", "--url", variables["BASETEN_API_URL"])
        assert more.returncode == 0, more.stderr
        busy = run("seed", "--models", "1", "--state", state)
        assert busy.returncode == 1
        assert "is in use by another emulator" in busy.stderr
        process.kill()
        _, errors = process.communicate(timeout=HANGS)
        assert "holds a workspace already; --seed adds nothing to it" in errors
    assert [each["name"] for each in held] == ["model-001", "model-002", "model-003"]
    with serving("--state", state) as (_, variables):
        url = variables["BASETEN_API_URL"]
        models = httpx.get(f"{url}/v1/models", headers=headers, timeout=HANGS).json()["models"]
        assert models[:3] == held
        assert len(models) == 4
        secrets = httpx.get(f"{url}/v1/secrets", headers=headers, timeout=HANGS).json()["secrets"]
        assert [each["name"] for each in secrets] == ["token"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--state", "{file}"], "is not a state of `gitops emulator`"),
        (["seed", "--models", "2", "--state", "{file}"], "is not a state of `gitops emulator`"),
        (["seed", "--models", "2"], "Say where"),
        (["seed", "--models", "2", "--url", "http://127.0.0.1:1"], "No emulator answers"),
    ],
)
def test_a_state_that_cannot_be_is_refused_in_words(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BASETEN_API_URL", raising=False)
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    done = run(*(each.format(file=file) for each in arguments))
    assert done.returncode in {1, 2}
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_text() == "mine"
