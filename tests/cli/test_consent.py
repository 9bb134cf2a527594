"""What a plan tells of limits, hardware and secrets, and apply refuses before it sends a write."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

import gitops.emulator
from gitops.cli.main import run
from gitops.emulator import ManualClock, Options, Running
from tests.cli.test_plan import CONFIG, RELEASE, files
from tests.patience import HANGS
from tests.repositories import Repository

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    with gitops.emulator.running(Options(), clock=ManualClock()) as it:
        for name, value in it.environ().items():
            monkeypatch.setenv(name, value)
        yield it


@pytest.fixture
def call(repository: Repository, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["-C", str(repository.path), *arguments])
        out, err = capsys.readouterr()
        return code, " ".join(out.split()), " ".join(err.split())

    return call


def test_hardware_that_baseten_does_not_have(
    emulator: Running, call: Call, repository: Repository
) -> None:
    def asks_for(instance_type: str) -> dict[str, str]:
        text = RELEASE.format(name="bert")
        named = text.replace("  staging:\n", f"  staging:\n    instance_type: {instance_type}\n")
        return files("bert") | {"releases/bert.yaml": named}

    repository.commit(asks_for("'L4:4x48x129'"))
    code, out, _ = call("plan", "--env", "staging")
    assert code == 4
    assert "Baseten has no instance type `L4:4x48x129`, which the release file names" in out
    assert "write `instance_type: L4:4x48x192` under environments.staging in" in out
    asked = [each["path"] for each in emulator.requests()]
    assert asked.count("/v1/instance_types") == 1
    assert call("apply", "--yes", "--env", "staging")[0] == 4
    assert emulator.requests(writes=True) == []
    repository.commit(asks_for("'L4:4x48x192'"))
    asked_before = len(emulator.requests())
    code, out, _ = call("plan", "--env", "staging")
    assert (code, "gets commit" in out) == (0, True)
    later = [each["path"] for each in emulator.requests()][asked_before:]
    assert "/v1/instance_types" not in later


def test_secrets_that_the_workspace_lacks(
    emulator: Running, call: Call, repository: Repository
) -> None:
    config = CONFIG.format(name="bert") + "secrets: {hf_token: null}\n"
    repository.commit(files("bert") | {"trusses/bert/config.yaml": config})
    code, out, _ = call("plan")
    assert code == 4
    assert "the truss needs the secret hf_token, which the workspace lacks" in out
    assert call("apply", "--yes")[0] == 4
    assert emulator.requests(writes=True) == []
    made = httpx.post(
        f"{emulator.api_url}/v1/secrets",
        headers={"Authorization": f"Bearer {emulator.api_key}"},
        json={"name": "hf_token", "value": "hush"},
        timeout=HANGS,
    )
    assert made.status_code == 200
    code, out, _ = call("plan")
    assert (code, "hush" in out) == (0, False)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (
            "max_changed: 0.1",
            "6 of 6 models would change, and limits.max_changed allows 10 % | --allow-many",
        ),
        (
            "max_changed: 1, max_increase_usd_per_month: 1",
            "and limits.max_increase_usd_per_month allows a rise of 1 | --allow-cost",
        ),
    ],
    ids=["many", "cost"],
)
def test_limits_over_the_fleet_are_told_and_then_refused(
    emulator: Running, call: Call, repository: Repository, limits: str, said: str
) -> None:
    sentence, option = said.split(" | ")
    names = [f"bert-{number}" for number in range(6)]
    config = f"version: 1\nlimits: {{{limits}}}\n"
    repository.commit(files(*names) | {"gitops.yaml": config})
    code, out, _ = call("plan")
    assert code == 0
    assert sentence in out
    assert f"apply refuses it without {option}" in out
    code, _, err = call("apply", "--yes")
    assert code == 4
    assert sentence in err
    assert f"{option} allows it" in err
    assert "Nothing on Baseten was changed. Read the plan again" in err
    code, _, err = call("apply", option)
    assert (code, "there is no terminal to ask on" in err) == (4, True)
    shown = " ".join(err.split())
    assert f": {option} allows it" in shown
    assert "apply refuses it" not in shown
    assert emulator.requests(writes=True) == []
