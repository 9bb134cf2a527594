"""`gitops forge …` as a job calls it, whichever forge the job is of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gitops.apply.clock import SystemClock
from gitops.cli.main import run
from gitops.plan import document
from gitops.plan.events import (
    ActionFinished,
    ActionStarted,
    ApplyEvent,
    ApplyFinished,
    ApplyStarted,
    EnvironmentFailure,
    Failure,
    RollbackFinished,
)
from gitops.render.events import json_line
from tests.render.plans import fleet

if TYPE_CHECKING:
    import pytest

MERGED = "b" * 40
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Forge = Callable[..., int]


def calling(
    variables: Mapping[str, str],
    token: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Forge:
    """Calls in a job with these variables and no others; the token is in no output.

    They are made in a folder that holds a saved plan, and leave there what they printed.
    """
    monkeypatch.chdir(folder)
    monkeypatch.setattr(SystemClock, "sleep", lambda *_: None)
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    Path("plan.json").write_text(document.to_text(fleet()))

    def call(*arguments: str) -> int:
        code = run(["forge", *arguments])
        out, err = capfd.readouterr()
        Path("out.txt").write_text(out)
        Path("err.txt").write_text(err)
        assert token not in out + err
        assert "internal error" not in err, err
        return code

    return call


def said() -> str:
    """What the last call told people."""
    return Path("err.txt").read_text()


def events(exit_code: int, **ends: tuple[str, ...]) -> str:
    """The events of an apply to two environments of `qwen`, and how it ended."""

    def release(environment: str, result: str = "ok") -> list[ApplyEvent]:
        place = {"model": "qwen", "environment": environment, "action": f"qwen/{environment}/x"}
        return [
            ActionFinished(time=START, kind="check", result="ok", **place),
            ActionStarted(time=START, kind="promote", **place),
            ActionFinished(time=START, kind="promote", result=result, **place),  # type: ignore[arg-type]
        ]

    failure = EnvironmentFailure(
        model="qwen",
        environment="production",
        failure=Failure(
            happened="Commit 4be1c02f0c5d was bad, says <b>@everyone</b>.",
            serves_now="qwen/production serves commit 6cb20fb0828b again.",
            next="Revert the commit, or mend it and release again.",
            details=("5xx 41 % of 100 requests",),
        ),
    )
    stream = [
        ApplyStarted(time=START, commit=MERGED, api_url="http://x", workspace="acme", run="r1"),
        *release("staging"),
        *release("production"),
        ActionStarted(
            time=START, model="qwen", environment="lab", action="x", kind="update_settings"
        ),
        ApplyFinished(
            time=START, exit_code=exit_code, failures=(failure,) if exit_code else (), **ends
        ),
    ]
    return "".join(map(json_line, stream))


def nothing_begun(exit_code: int) -> str:
    """The events of an apply that was refused, or had nothing to do."""
    failure = Failure(
        happened="The plan does not fit any more.",
        serves_now="Nothing was changed.",
        next="Plan again.",
    )
    told = (EnvironmentFailure(model=None, environment=None, failure=failure),)
    stream = [
        ApplyStarted(time=START, commit=MERGED, api_url="http://x", workspace="acme", run="r3"),
        ApplyFinished(time=START, exit_code=exit_code, failures=told if exit_code else ()),
    ]
    return "".join(map(json_line, stream))


def brought_back(commit: str | None) -> str:
    """The events of a rollback by hand that worked, with the commit that serves again."""
    place = "qwen/production"
    failure = Failure(
        happened="Commit 4be1c02f0c5d was taken out of qwen/production by hand.",
        serves_now="qwen/production serves commit 6cb20fb0828b again.",
        next="Push and merge back, which `gitops rollback` made.",
    )
    stream = [
        ApplyStarted(
            time=START, commit=MERGED, api_url="http://x", workspace="acme", run="r2", back=place
        ),
        RollbackFinished(
            time=START,
            model="qwen",
            environment="production",
            confirmed=True,
            serving="w5d8x2q",
            commit=commit,
            failure=failure,
        ),
        ApplyFinished(time=START, exit_code=0, converged=(place,), back=place),
    ]
    return "".join(map(json_line, stream))
