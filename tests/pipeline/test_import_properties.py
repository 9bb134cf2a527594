"""Import then plan is empty, whatever serves and however it was set up."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.emulator.world.schedule import Schedule, Schedules
from gitops.emulator.world.settings import Autoscaling, PromotionSettings, Rolling
from gitops.git.archive import Archives
from gitops.git.repository import Repository
from gitops.pipeline.trusses import Trusses
from gitops.state.artifact import Artifact
from tests.pipeline.importing import Scene, scene, tar, truss
from tests.repositories import Executable, Symlink

START = {
    **truss("triage", "one", **{"model/model.py": "print(1)\n"}),
    **truss("größe", "one", **{"data/模型.txt": "1\n"}),
    "trusses/triage/run.sh": Executable("#!/bin/sh\n"),
    "trusses/triage/again.py": Symlink("model/model.py"),
    "packed/config.yaml": "model_name: packed\nexternal_package_dirs: [../common]\n",
    "common/util.py": "one = 1\n",
}
CHANGES: tuple[Mapping[str, Any], ...] = (
    {"trusses/triage/model/model.py": "print(2)\n"},
    {"common/util.py": "one = 2\n"},
    {"README.md": "nothing that is served\n"},
    truss("größe", "two"),
    {"trusses/triage/model/model.py": "print(1)\n"},
    {
        "packed/config.yaml": "model_name: packed\nbundled_packages_dir: lib\n"
        "external_package_dirs: [../common]\n"
    },
)
GITOPS_YAML = (
    None,
    """\
version: 1
defaults:
  environments:
    production:
      autoscaling: {max_replica: 9}
      promotion: {promotion_cleanup_strategy: KEEP, rolling_deploy: true}
""",
    """\
version: 1
pins: any
defaults:
  environments:
    staging:
      commit: HEAD
      autoscaling: {scale_down_delay: 0}
      backpressure: {policy: QUEUE_ON_FULL}
""",
)
PLACES = ("production", "staging", "eu-2")
NUMBERS = itertools.count()


@dataclass(frozen=True)
class Served:
    """One environment: which artifact, pushed by whom, with which settings."""

    artifact: int
    by: str
    settings: Mapping[str, Any]
    status: str


class World:
    """The scene, and every artifact of its history with its archive.

    No dataclass: what a failing example is shown with would hold the archives.
    """

    def __init__(self, made: Scene, artifacts: Iterable[tuple[Artifact, bytes]]) -> None:
        self.scene = made
        self.artifacts = tuple(artifacts)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with scene(tmp_path_factory.mktemp("import"), START) as made:
        commits = [made.work.head, *(made.work.commit(dict(each)) for each in CHANGES)]
        made.work.git("push", "-q", "origin", "main")
        with Repository.discover(made.work.path) as repository:
            trusses, archives = Trusses(repository), Archives(repository)
            artifacts = {
                found.digest: (found, b"".join(archives.archive(found)))
                for commit in commits
                for folder in ("trusses/triage", "trusses/größe", "packed")
                for found in [trusses.artifact(commit, folder, None)]
            }
        yield World(made, artifacts.values())


autoscaling = st.builds(
    lambda low, more, **rest: Autoscaling(min_replica=low, max_replica=max(1, low + more), **rest),
    st.integers(0, 3),
    st.integers(0, 9),
    autoscaling_window=st.sampled_from([60, 10, 3600]),
    scale_down_delay=st.sampled_from([900, 0]),
    concurrency_target=st.integers(1, 3),
    target_utilization_percentage=st.sampled_from([70, 1]),
    target_in_flight_tokens=st.none() | st.just(40000),
    max_scale_down_rate=st.sampled_from([50, None, 1]),
)
rolling = st.one_of(
    st.builds(Rolling, max_surge_percent=st.sampled_from([10, 25, 50])),
    st.builds(
        Rolling, max_surge_percent=st.just(0), max_unavailable_percent=st.sampled_from([1, 50])
    ),
    st.builds(Rolling, stabilization_time_seconds=st.integers(0, 60)),
)
promotion = st.builds(
    PromotionSettings,
    redeploy_on_promotion=st.booleans(),
    rolling_deploy=st.booleans(),
    promotion_cleanup_strategy=st.sampled_from(["KEEP", "SCALE_TO_ZERO", "DEACTIVATE"]),
    rolling_deploy_config=st.none() | rolling,
    ramp_up_while_promoting=st.booleans(),
)
window = (
    st.fixed_dictionaries(
        {
            "cadence": st.just("DAILY"),
            "weekdays": st.sampled_from([("MONDAY",), ("SUNDAY", "FRIDAY")]),
            "start_hour": st.integers(0, 11),
            "end_hour": st.integers(12, 23),
            "end_minute": st.integers(0, 59),
        }
    )
    | st.fixed_dictionaries(
        {
            "cadence": st.just("HOURLY"),
            "weekdays": st.just(("TUESDAY", "MONDAY")),
            "start_minute": st.integers(0, 29),
            "end_minute": st.integers(30, 59),
        }
    )
    | st.fixed_dictionaries(
        {
            "cadence": st.just("ONE_TIME"),
            "start_at": st.sampled_from([1.0e9, 4.0e9]),
            "end_at": st.sampled_from([1.1e9 + 0.5e9, 4.1e9]),
        }
    ).filter(lambda it: it["start_at"] < it["end_at"])
)
names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=8)


@st.composite
def schedules(draw: st.DrawFn) -> Schedules | None:
    items = tuple(
        Schedule(
            id=f"s{number}",
            name=draw(names.map(lambda it: it.strip() or "x").filter(str.isprintable))
            + str(number),
            enabled=draw(st.booleans()),
            created_at=0.0,
            settings={"min_replica": 0, "max_replica": draw(st.integers(1, 9))},
            **draw(window),
        )
        for number in range(draw(st.integers(0, 2)))
    )
    return Schedules(timezone=draw(st.sampled_from(["UTC", "Asia/Kathmandu"])), items=items)


served = st.builds(
    Served,
    artifact=st.integers(0, 99),
    by=st.sampled_from(["us", "us, labels lost", "truss push", "hand"]),
    settings=st.fixed_dictionaries(
        {
            "autoscaling": autoscaling,
            "promotion_settings": promotion,
            "backpressure": st.sampled_from([None, "REJECT_ON_FULL", "QUEUE_ON_FULL"]),
            "schedules": st.none() | schedules(),
        }
    ),
    status=st.sampled_from(["ACTIVE", "ACTIVE", "SCALED_TO_ZERO", "INACTIVE", "FAILED"]),
)
fleets = st.lists(
    st.tuples(names, st.dictionaries(st.sampled_from(PLACES), served, min_size=1, max_size=3)),
    min_size=1,
    max_size=3,
)


def place(world: World, name: str, environments: Mapping[str, Served]) -> str:
    """Make a model that serves so; its name."""
    full = f"{next(NUMBERS)}{name}".strip()
    made = world.scene
    model = made.model(full)
    for where, each in environments.items():
        artifact, archive = world.artifacts[each.artifact % len(world.artifacts)]
        called: dict[str, Any] = {}
        if each.by.startswith("us"):
            called["name"] = f"{artifact.deployment_name}.{1_700_000_000 + next(NUMBERS)}"
            called["labels"] = artifact.labels if each.by == "us" else None
        if each.by == "hand":
            archive = tar({"config.yaml": f"model_name: hand-{artifact.digest}\n"})
        deployment = made.serve(model, where, archive, **called, **each.settings)
        if each.status != "ACTIVE":
            made.emulator.set_status(deployment.id, each.status)
    return full


@settings(max_examples=15)
@given(fleet=fleets, config=st.sampled_from(GITOPS_YAML))
def test_a_plan_right_after_an_import_is_empty(
    world: World,
    fleet: list[tuple[str, Mapping[str, Served]]],
    config: str | None,
) -> None:
    made = world.scene
    for path in (made.work.path / "releases").glob("*"):
        path.unlink()
    made.work.write({"gitops.yaml": config})
    made.emulator.call(made.emulator.world.models.clear)
    meant = {place(world, name, environments): environments for name, environments in fleet}
    done = made.run()
    printable = {name for name in meant if name.isprintable()}
    assert {file.key.name for file in done.files} == printable
    assert {each.model for each in done.left_out} == {*meant} - printable
    assert done.left == (() if printable else None)
    for file in done.files:
        environments = meant[file.key.name]
        assert {each.name for each in file.environments} == {*environments}
        for each in file.environments:
            asked, _ = world.artifacts[environments[each.name].artifact % len(world.artifacts)]
            if each.pin.commit is not None:
                assert each.pin.digest == asked.digest
            else:
                assert environments[each.name].by == "hand" or "one truss" in str(each.pin.why)
    assert not made.emulator.requests(writes=True)
