"""`gitops check` against an emulator: what it asks, what it says, and that it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gitops.cli.main import run
from tests.apply.stage import Stage, stage
from tests.echo import release, truss
from tests.golden_files import Golden

Call = Callable[..., tuple[int, str, str]]
STAGING = """\
  staging:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 1}
    checks: [smoke]
  bare:
    commit: HEAD
  resting:
    commit: HEAD
    mode: pause
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The first version serves; the second was pushed, and failed its checks."""
    with stage(tmp_path_factory.mktemp("check"), truss(), release(STAGING)) as made:
        assert made.apply().exit_code == 0
        made.commit(truss("two", "reply: {text: goodbye, password: hunter2hunter2}"))
        assert made.apply().exit_code == 5
        yield made


@pytest.fixture
def call(made: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    for name, value in made.emulator.environ().items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> tuple[int, str, str]:
        before = made.writes()
        code = run(["-C", str(made.work.path), "check", *arguments])
        assert made.writes() == before
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_what_was_pushed_is_checked_and_nothing_is_changed(
    made: Stage, call: Call, golden: Golden
) -> None:
    log = made.log_tips()
    code, out, _ = call("triage", "staging")
    assert code == 5, out
    assert made.log_tips() == log
    found = json.loads(call("triage", "staging", "--format", "json")[1])
    assert found["outcome"] == "fail"
    assert found["deployment"]["serves"] is False
    assert found["checks"][0]["measurements"][0]["value"] == 1.0
    # The second failure of this environment in a clone is the second that is kept.
    pairs = made.work.path / ".git" / found["kept"] / "pairs.jsonl"
    (pair,) = [json.loads(line) for line in pairs.read_text().splitlines()]
    assert pair["status"] == 200
    assert "goodbye" in pair["answer"]
    assert "hunter2" not in out + pairs.read_text()
    golden("check-fails.txt", _tidy(out, found))


def test_what_serves_is_checked_on_request(call: Call) -> None:
    code, out, _ = call("triage", "staging", "--serving", "--format", "json")
    assert code == 0
    found = json.loads(out)
    assert found["outcome"] == "pass"
    assert found["deployment"]["serves"] is True
    assert found["kept"] is None


def test_what_is_not_pushed_yet_cannot_be_checked(made: Stage, call: Call) -> None:
    before = made.work.git("rev-parse", "HEAD")
    made.work.commit(truss("three"), "Three")
    try:
        code, out, err = call("triage", "staging")
    finally:
        made.work.git("reset", "-q", "--hard", before)
    assert (code, out) == (4, "")
    assert "is not on Baseten yet" in err
    assert "gitops check triage staging --serving" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("triage", "bare"), 0, "triage/bare asks for no checks."),
        (("triage", "resting"), 4, "triage/resting is paused in its release file"),
        (("triage", "productoin"), 1, "no release file has an environment 'productoin'"),
        (("nobody", "staging"), 1, "no release file has a model 'nobody'"),
    ],
)
def test_there_may_be_nothing_to_check(
    call: Call, arguments: tuple[str, str], code: int, said: str
) -> None:
    found, out, err = call(*arguments)
    assert found == code
    assert said in out + err


def test_what_is_stopped_is_not_started(made: Stage, call: Call) -> None:
    serving = made.live("staging").current
    assert serving is not None
    made.emulator.set_status(serving.id, "INACTIVE")
    try:
        code, _, err = call("triage", "staging", "--serving")
    finally:
        made.emulator.set_status(serving.id, "ACTIVE")
    assert code == 4
    assert f"deployment {serving.id} is INACTIVE" in err
    assert "gitops plan triage" in err


def _tidy(text: str, found: dict[str, Any]) -> str:
    import re

    text = text.replace(found["deployment"]["id"], "DEPLOYMENT")
    text = re.sub(r"git-[0-9a-f…]+", "git-DIGEST", text)
    text = re.sub(r"[0-9.]+ ms", "N ms", text)
    return re.sub(r"failures/(\S+)/0*[0-9]+-", r"failures/\1/NUMBER-", text)


def test_help_has_examples(call: Call) -> None:
    code, out, _ = call("--help")
    assert code == 0
    assert "gitops check qwen-3-8b production" in out


def test_the_place_of_what_is_kept_is_below_the_git_directory(made: Stage, call: Call) -> None:
    _, out, _ = call("triage", "staging")
    line = next(each for each in out.splitlines() if "is kept in" in each)
    assert (made.work.path / Path(line.rpartition(" ")[2]) / "summary.json").is_file()
