"""How much a plan asks of Baseten: the real command, over HTTP, with the documented rate limits."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import gitops.emulator
from gitops import desired_state, open_project
from gitops.emulator import Running
from gitops.record.entry import Entry, Event, Side
from gitops.wiring import connect
from tests.repositories import Repository

ROOT = Path(__file__).parent.parent.parent
MODELS = 200
# The user, the teams, the models, the prices, the secrets, and each model's environments.
READS = 5 + MODELS

BY_NAME = """\
version: 1
model: {model}
environments:
  staging:
    deployment: deployment-2
    autoscaling: {{min_replica: 0, max_replica: {max_replica}}}
  production:
    deployment: deployment-1
    requires: staging
    autoscaling: {{min_replica: 0}}
"""

BY_COMMIT = """\
version: 1
model: {model}
truss: trusses/{truss}
environments:
  staging:
    commit: HEAD
    autoscaling: {{min_replica: 0, max_replica: {max_replica}}}
    checks: [ping]
  production:
    commit: {pin}
    requires: staging
    checks: [ping]
checks:
  ping:
    request: {{text: ping}}
"""

TRUSSES = {
    f"trusses/{name}/config.yaml": f"model_name: {name}\ndocker_server: {{}}\n"
    for name in ("classifier", "embedder", "reranker")
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Running]:
    with gitops.emulator.running(rate_limits=True) as running:
        running.seed(MODELS)
        yield running


@dataclass
class Planned:
    code: int
    output: str
    requests: list[dict[str, Any]]

    def asked(self, ending: str) -> int:
        return sum(each["path"].endswith(ending) for each in self.requests)


def plan(emulator: Running, repository: Repository, *arguments: str) -> Planned:
    before = len(emulator.requests())
    done = subprocess.run(
        [sys.executable, "-m", "gitops", "plan", "--detailed-exitcode", *arguments],
        cwd=repository.path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **emulator.environ(),
            # Limits are counted by key: what another test asked for just now is not this one's.
            "BASETEN_API_KEY": f"test.{secrets.token_hex()}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return Planned(done.returncode, done.stdout + done.stderr, emulator.requests()[before:])


def names(emulator: Running) -> list[str]:
    return [model.name for model in emulator.world.models.values()]


def max_replica(emulator: Running, model: str) -> int:
    [found] = (each for each in emulator.world.models.values() if each.name == model)
    return found.environments["staging"].autoscaling.max_replica


def by_name(emulator: Running, **wanted: int) -> dict[str, str]:
    return {
        f"releases/{model}.yaml": BY_NAME.format(
            model=model, max_replica=wanted.get(model, max_replica(emulator, model))
        )
        for model in names(emulator)
    }


def assert_modest(planned: Planned) -> None:
    assert {each["status"] for each in planned.requests} == {200}
    assert {each["method"] for each in planned.requests} == {"GET"}
    assert planned.asked("/environments") == MODELS
    assert len(planned.requests) <= READS


def test_a_fleet_in_which_nothing_has_to_be_found_is_one_read_a_model(
    emulator: Running, repository: Repository
) -> None:
    repository.commit(by_name(emulator))
    planned = plan(emulator, repository)
    assert planned.code == 0, planned.output
    assert f"nothing to change in {MODELS} models" in planned.output
    assert_modest(planned)


def test_settings_that_differ_need_no_further_read(
    emulator: Running, repository: Repository
) -> None:
    model = names(emulator)[0]
    repository.commit(by_name(emulator, **{model: 7}))
    planned = plan(emulator, repository)
    assert planned.code == 2, planned.output
    assert model in planned.output
    assert_modest(planned)


def test_artifacts_that_the_deploy_log_knows_have_not_to_be_found(
    emulator: Running, repository: Repository
) -> None:
    pin = repository.commit(TRUSSES)
    truss = [path.split("/")[1] for path in TRUSSES]
    repository.commit(
        {
            f"releases/{model}.yaml": BY_COMMIT.format(
                model=model,
                truss=truss[number % len(truss)],
                pin=pin,
                max_replica=max_replica(emulator, model),
            )
            for number, model in enumerate(names(emulator))
        }
    )
    adopt(emulator, repository)
    planned = plan(emulator, repository)
    assert planned.code == 0, planned.output
    assert f"nothing to change in {MODELS} models" in planned.output
    assert_modest(planned)


def adopt(emulator: Running, repository: Repository) -> None:
    """Write into the local deploy log that what serves is what Git wants."""
    project = open_project(repository.path, {**os.environ, **emulator.environ()})
    desired = desired_state(project)
    serving = {
        (model.name, environment.name): environment.current_id
        for model in emulator.world.models.values()
        for environment in model.environments.values()
    }
    ids = {model.name: model.id for model in emulator.world.models.values()}
    with connect(project, desired) as outside:
        outside.log.fetch()
        for model in desired.models:
            for environment in model.environments:
                assert environment.artifact is not None
                deployment = serving[model.key.name, environment.name]
                assert deployment is not None
                outside.log.append(
                    model.key,
                    Entry(
                        at=datetime.now(UTC),
                        event=Event.ADOPTED,
                        environment=environment.name,
                        model=model.key.name,
                        model_id=ids[model.key.name],
                        release_file=model.release_file,
                        applied_commit=desired.commit,
                        to=Side(
                            deployment_id=deployment,
                            digest=environment.artifact.digest,
                            commit=environment.artifact.commit,
                        ),
                    ),
                )
