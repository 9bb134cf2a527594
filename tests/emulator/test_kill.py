"""`kill -9` while the emulator writes: its state holds each request wholly or not at all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitops.emulator import ManualClock
from gitops.emulator.emulator import Emulator
from gitops.emulator.world.create import seed
from tests.emulator import kept
from tests.emulator.client import tar
from tests.emulator.killed import Ask, Nursery, options, witnessed
from tests.patience import HANGS

KILLS = 200
LIVES = 10
"""Workspaces; each is killed many times over."""
KEY = "models/0/model.tgz"
CONFIG = {"model_name": "echo", "docker_server": {}}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    it = Nursery()
    yield it
    it.close()


def new_state(path: Path, folder: Path) -> None:
    """A workspace with two models that serve and an archive to push."""

    async def make() -> None:
        emulator = Emulator(options(path), ManualClock(), folder)
        seed(emulator.world, 2)
        archive = emulator.uploads.new_file()
        archive.write_bytes(tar({"config.yaml": "model_name: echo\ndocker_server: {}\n"}))
        emulator.uploads.put(KEY, archive, "0" * 32)
        await emulator.stop()

    asyncio.run(make())


def requests(chance: random.Random, held: dict[str, Any], number: int) -> list[Ask]:
    """A few requests that fit what is there; some are refused."""
    models = [
        (identifier, [each for each, _ in model["deployments"]])
        for identifier, model in held["world"]["models"]
    ]
    return [_request(chance, models, f"{number}-{index}") for index in range(chance.randint(1, 3))]


def _request(chance: random.Random, models: list[tuple[str, list[str]]], name: str) -> Ask:
    model, deployments = chance.choice(models)
    deployment, path = chance.choice(deployments), f"/v1/models/{model}"
    payload = {"config": CONFIG, "environment_name": chance.choice([None, "staging"])}
    source = {"kind": "model_archive", "s3_key": KEY, "deployment": payload}
    settings = {"min_replica": chance.randint(0, 3), "max_replica": 5}
    everything = [
        Ask("POST", "/v1/models", {"source": {"name": name, **source}}),
        Ask("POST", f"{path}/deployments", {"source": source}),
        Ask("POST", f"{path}/environments", {"name": f"e{name}"}),
        Ask("PATCH", f"{path}/environments/staging", {"autoscaling_settings": settings}),
        Ask("POST", f"{path}/environments/staging/promote", {"deployment_id": deployment}),
        Ask("POST", f"{path}/deployments/{deployment}/deactivate", {}),
        Ask("PATCH", path, {"name": name}),
        Ask("POST", "/v1/secrets", {"name": f"s{name}", "value": name}),
        Ask("POST", "/__emulator__/clock", {"seconds": chance.choice([5, 60])}),
    ]
    if len(models) > 3:
        everything += [Ask("DELETE", path)] * 2
    return chance.choice(everything)


@pytest.mark.parametrize("life", range(LIVES))
def test_a_killed_emulator_holds_each_request_wholly_or_not_at_all(
    life: int, nursery: Nursery, memory: Path
) -> None:
    chance = random.Random(life)  # noqa: S311 - it is to be repeatable
    state = memory / "emulator.state"
    new_state(state, memory / "files")
    first = held = kept.read(state, memory / "files")
    for number in range(KILLS // LIVES):
        asks = requests(chance, held, number)
        states = witnessed(state, asks, memory / "witness")
        answered = killed(nursery, state, asks, chance)
        held = kept.read(state, memory / "files")
        if answered is None:
            assert held in states[0]
        elif answered == len(asks):
            assert held == states[-1][-1]
        else:
            assert held in states[answered + 1]
    assert len(held["uploads"]["objects"]) == 1
    assert len(held["world"]["entries"]) > len(first["world"]["entries"])


def killed(nursery: Nursery, state: Path, asks: list[Ask], chance: random.Random) -> int | None:
    """Kill it at some moment of the last request; how many were answered. None: at its start."""
    victim = nursery.start(state)
    try:
        if chance.random() < 0.1:
            listens = victim.listens_within(chance.uniform(0, 0.03))
            victim.kill()
            return 0 if listens else None
        assert victim.listens_within(HANGS)
        for number, ask in enumerate(asks, start=1):
            victim.send(ask)
            if number == len(asks):
                victim.answers_within(chance.uniform(0, 0.006))
                victim.kill()
            if victim.answer() is None:
                return number - 1
        return len(asks)
    finally:
        victim.close()


def test_what_cannot_be_written_is_not_acknowledged(nursery: Nursery, memory: Path) -> None:
    state = memory / "emulator.state"
    new_state(state, memory / "files")
    victim = nursery.start(state, state.stat().st_size + 100_000)
    try:
        assert victim.listens_within(HANGS)
        names, status = [], 200
        while status == 200:
            names.append(f"secret-{len(names)}")
            victim.send(Ask("POST", "/v1/secrets", {"name": names[-1], "value": "x" * 10_000}))
            status = victim.answer()
        assert status == 500
        victim.send(Ask("GET", "/v1/secrets"))
        assert victim.answer() == 500
    finally:
        victim.close()
    held = kept.read(state, memory / "files")
    assert [secret["name"] for _, secret in held["world"]["secrets"]] == names[:-1] != []
