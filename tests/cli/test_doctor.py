"""`gitops doctor`: what is missing is said, one thing never hides another, nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

import gitops.emulator
from gitops.cli.main import run
from gitops.emulator import Options, Running
from gitops.emulator.options import Key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repositories import Repository

RELEASE = "version: 1\nmodel: triage\ntruss: trusses/triage\nenvironments: {lab: {commit: HEAD}}\n"
FILES = {
    "trusses/triage/config.yaml": "model_name: triage\n",
    "releases/triage.yaml": RELEASE,
}
ADMIN, READER = "abc.0123456789abcdef", "def.0123456789abcdef"
KEYS = (Key(secret=ADMIN, type="PERSONAL"), Key(secret=READER, type="WORKSPACE_EXPORT_METRICS"))
Doctor = Callable[[], tuple[int, list[str]]]


@pytest.fixture
def baseten(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    with gitops.emulator.running(Options(keys=KEYS, workspace="acme")) as it:
        for name, value in it.environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("BASETEN_API_KEY", ADMIN)
        yield it


@pytest.fixture
def doctor(repository: Repository, capsys: pytest.CaptureFixture[str]) -> Doctor:
    def call() -> tuple[int, list[str]]:
        code = run(["-C", str(repository.path), "doctor"])
        out, err = capsys.readouterr()
        assert err == ""
        assert ADMIN not in out
        return code, out.splitlines()

    return call


def test_all_is_there(
    repository: Repository, tmp_path: Path, baseten: Running, doctor: Doctor
) -> None:
    repository.commit(FILES, "Begin")
    remote = repository.publish(tmp_path / "remote.git")
    before = remote.refs("refs/")
    code, lines = doctor()
    assert code == 0, lines
    assert lines[-1] == "Doctor: all that is needed is there."
    assert "ok: release files: 1 valid" in lines
    assert "ok: Baseten: workspace acme, 0 models to be seen" in lines
    assert "ok: audit log: may be read" in lines
    assert any(line.startswith("ok: deploy log: refs/gitops/* may be pushed") for line in lines)
    assert remote.refs("refs/") == before
    assert all(each["method"] == "GET" for each in baseten.requests())


def test_every_thing_that_is_missing_is_told(
    repository: Repository, tmp_path: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({**FILES, "releases/other.yaml": "version: 2\n"}, "Begin")
    repository.git("remote", "add", "origin", str(tmp_path / "nowhere.git"))
    monkeypatch.delenv("BASETEN_API_KEY", raising=False)
    code, lines = doctor()
    assert code == 1
    missing = [line.split(":")[1].strip() for line in lines if line.startswith("missing: ")]
    assert missing == ["release files", "remote", "Baseten"]
    assert lines[-1] == "Doctor: 3 things to mend."


@pytest.mark.usefixtures("baseten")
def test_a_key_that_may_not_and_one_that_is_wrong(
    repository: Repository, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(FILES, "Begin")
    monkeypatch.setenv("BASETEN_API_KEY", "xyz.0123456789abcdef")
    code, lines = doctor()
    assert code == 1
    assert any("does not accept this API key" in line for line in lines)
    monkeypatch.setenv("BASETEN_API_KEY", READER)
    code, lines = doctor()
    assert code == 1
    assert lines[-1] == "Doctor: 1 thing to mend."


def test_an_older_baseten_and_a_remote_that_takes_nothing(
    repository: Repository, tmp_path: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(FILES, "Begin")
    repository.publish(tmp_path / "remote.git")
    repository.git("remote", "set-url", "--push", "origin", str(tmp_path / "nowhere.git"))
    with gitops.emulator.running(Options(mode="july")) as july:
        for name, value in july.environ().items():
            monkeypatch.setenv(name, value)
        code, lines = doctor()
    assert code == 1
    assert "note: audit log: this Baseten does not have it: plans say less" in lines
    assert any(line.startswith("missing: deploy log: origin takes no push") for line in lines)
