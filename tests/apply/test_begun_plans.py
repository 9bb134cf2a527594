"""A bound apply that died where the deploy log tells nothing of it is run again with its plan."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from gitops.apply.clock import SystemClock
from gitops.apply.run import Run
from gitops.apply.waiting import poll
from gitops.baseten.transport import Call, Transport
from gitops.errors import Refused
from gitops.pipeline.apply import ApplyRequest, apply
from gitops.pipeline.opened import Project
from gitops.pipeline.plan import PlanRequest, plan
from gitops.plan.model import Plan
from gitops.wiring.opening import open_project
from tests.apply.stage import QUICK, Stage, stage
from tests.echo import release, truss
from tests.patience import HANGS

SERVES = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 2}
    watch: {for: 0s}
"""


class Killed(BaseException):
    """The process died here: nothing catches it."""


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("gitops.pipeline.plan.Run", partial(Run, pace=QUICK))
    with stage(tmp_path, truss(), release(SERVES)) as made:
        yield made


def project(made: Stage) -> Project:
    return open_project(made.work.path, {**os.environ, **made.emulator.environ()})


def approved(made: Stage) -> Plan:
    """The plan as it was reviewed; what is applied is its merge."""
    saved = plan(project(made), PlanRequest()).plan
    made.commit({"README.md": f"the merge of {saved.commit}\n"})
    return saved


def applied(made: Stage, saved: Plan) -> int:
    outcome = apply(
        project(made),
        ApplyRequest(saved=saved),
        emit=lambda _: None,
        approve=lambda _: True,
        stoppable=lambda _: None,
    )
    return outcome.exit_code


def killed(made: Stage, saved: Plan, method: str, form: str) -> None:
    """The first write of that kind takes effect, and nobody lives to hear of it."""
    real = Transport._attempt

    def attempt(self: Transport, call: Call, path: str) -> Any:
        answer = real(self, call, path)
        if (call.method, call.form) == (method, form):
            raise Killed(path)
        return answer

    with mock.patch.object(Transport, "_attempt", attempt), pytest.raises(Killed):
        applied(made, saved)


def build_failed(made: Stage) -> None:
    """Wait until the newest deployment says so."""
    with made.baseten() as baseten:
        model_id = made.model_id()

        def look() -> bool | None:
            [*_, newest] = baseten.reader.deployments(model_id)
            return True if newest.status == "BUILD_FAILED" else None

        assert poll(SystemClock(), QUICK, look, limit=HANGS)


def test_what_died_before_the_log_could_tell_goes_on(nothing: Stage) -> None:
    first = approved(nothing)
    killed(nothing, first, "POST", "/v1/models")
    assert applied(nothing, first) == 0
    assert len(nothing.pushes()) == 1

    nothing.commit(release(SERVES.replace("max_replica: 2", "max_replica: 3")))
    settings = approved(nothing)
    killed(nothing, settings, "PATCH", "/v1/models/{}/environments/{}")
    writes = nothing.writes()
    assert applied(nothing, settings) == 0
    assert nothing.writes() == writes

    nothing.commit(truss("two"))
    built = approved(nothing)
    nothing.emulator.fault(kind="build_fails", times=1)
    killed(nothing, built, "POST", "/v1/models/{}/deployments")
    build_failed(nothing)
    assert applied(nothing, built) == 0
    assert len(nothing.pushes()) == 2
    assert nothing.told()[-2:] == ["production intent", "production released"]


def test_a_model_that_somebody_else_was_at_is_left_alone(nothing: Stage) -> None:
    first = approved(nothing)
    killed(nothing, first, "POST", "/v1/models")
    with nothing.person() as somebody:
        settings = {"autoscaling_settings": {"concurrency_target": 9}}
        somebody.writer.update_environment(nothing.model_id(), "production", settings)
    writes = nothing.writes()
    with pytest.raises(Refused) as refused:
        applied(nothing, first)
    assert "may have done that, but API key somebody acted there" in refused.value.message
    assert nothing.writes() == writes
