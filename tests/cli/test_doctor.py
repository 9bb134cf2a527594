"""`gitops doctor`: what is missing is said, one thing never hides another, nothing is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

import pytest

import gitops.emulator
from gitops.cli.main import run
from gitops.emulator import Options, Running
from gitops.emulator.options import Key
from gitops.errors import RepositoryError
from gitops.pipeline.doctor import diagnose
from gitops.state.access import Access

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


def missing(lines: list[str]) -> list[str]:
    return [line.split(":")[1].strip() for line in lines if line.startswith("missing: ")]


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
    assert missing(lines) == ["release files", "remote", "Baseten"]
    assert lines[-1] == "Doctor: 3 things to mend."


@pytest.mark.parametrize(
    ("git", "told"),
    [
        (None, "Git is not installed, or not on PATH. Install Git 2.30 or newer."),
        ("echo git version 2.20.1", "git version 2.20.1 is too old. Install Git 2.30 or newer."),
    ],
    ids=["none", "old"],
)
def test_git_that_will_not_do_hides_nothing_else(
    git: str | None,
    told: str,
    doctor: Doctor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BASETEN_API_KEY", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if git is not None:
        (tmp_path / "git").write_text(f"#!/bin/sh\n{git}\n")
        (tmp_path / "git").chmod(0o755)
    code, lines = doctor()
    assert code == 1
    assert missing(lines) == ["Git", "Baseten"]
    assert told in " ".join(map(str.strip, lines))


@pytest.mark.usefixtures("baseten")
def test_no_repository_no_remote_and_half_a_history(
    repository: Repository, doctor: Doctor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit(FILES, "Begin")
    repository.commit({"README.md": "Models\n"}, "Say what it is")
    code, lines = doctor()
    assert code == 0
    assert any(line.startswith("note: remote: none is configured") for line in lines)
    repository.git("remote", "add", "upstream", str(tmp_path / "elsewhere"))
    code, lines = doctor()
    assert (code, missing(lines)) == (1, ["remote"])
    repository.git("clone", "-q", "--depth=1", f"file://{repository.path}", str(tmp_path / "cut"))
    assert run(["-C", str(tmp_path / "cut"), "doctor"]) == 1
    told = capsys.readouterr().out
    assert missing(told.splitlines()) == ["history"]
    assert "git fetch --unshallow" in told
    assert run(["-C", str(tmp_path), "doctor"]) == 1
    told = capsys.readouterr().out
    assert missing(told.splitlines()) == ["Git"]
    assert "There is no Git repository" in told
    assert "ok: Baseten: workspace acme" in told


@pytest.mark.usefixtures("baseten")
def test_what_is_wrong_in_a_file_is_told_with_its_place(
    repository: Repository, doctor: Doctor
) -> None:
    repository.commit({**FILES, "gitops.yaml": "version: 1\nrelaeses: models\n"}, "Begin")
    code, lines = doctor()
    assert code == 1
    [told] = [line for line in lines if line.startswith("missing: ")]
    assert told.startswith("missing: release files: gitops.yaml:2:1: relaeses: unknown key")
    assert missing(lines) == ["release files"]


def test_an_address_that_is_another_s(
    repository: Repository, doctor: Doctor, baseten: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(FILES, "Begin")
    monkeypatch.delenv("BASETEN_INFERENCE_URL")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    code, lines = doctor()
    assert code == 1
    assert missing(lines) == ["addresses", "addresses"]
    assert "Export everything that `gitops emulator` printed." in "\n".join(lines)
    monkeypatch.setenv("BASETEN_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("BASETEN_INFERENCE_URL", baseten.inference_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    code, lines = doctor()
    assert code == 1
    assert missing(lines) == ["Baseten"]
    told = " ".join(map(str.strip, lines))
    assert "cannot reach Baseten at 127.0.0.1:1" in told
    assert "An emulator that was started again is elsewhere" in told
    monkeypatch.setenv("BASETEN_API_URL", "http://example.com")
    code, lines = doctor()
    assert missing(lines) == ["addresses", "Baseten"]
    assert "the key would cross the network unencrypted" in " ".join(map(str.strip, lines))
    monkeypatch.setenv("BASETEN_API_URL", "http://[")
    assert doctor()[0] == 1


def test_a_clock_that_is_wrong() -> None:
    asked = datetime(2026, 1, 1, tzinfo=UTC)
    seen = Access(
        workspace="acme",
        key_type="PERSONAL",
        models=1,
        endpoints=(),
        server_time=asked + timedelta(minutes=10),
        asked=asked,
    )

    def opened() -> NoReturn:
        raise RepositoryError("There is no Git repository")

    def found(access: Access) -> list[tuple[str, str]]:
        findings = diagnose({"BASETEN_API_KEY": ADMIN}, opened, lambda: access)
        return [(each.about, each.text) for each in findings if each.verdict == "missing"]

    assert ("clock", "this machine's clock is 600 s from Baseten's") in found(seen)
    right = dataclasses.replace(seen, server_time=asked + timedelta(seconds=2))
    assert [about for about, _ in found(right)] == ["Git"]


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
