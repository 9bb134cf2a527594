"""The emulator's own traffic."""

from __future__ import annotations

import asyncio
from typing import Any

import gitops.emulator
from gitops.emulator import Running
from tests.emulator.client import Client, echo_truss, python_truss


async def _answered(emulator: Running, model_id: str, count: int) -> None:
    """Wait until a model has answered so many requests."""
    while True:
        model = emulator.world.models[model_id]
        buckets = [
            bucket
            for deployment in model.deployments.values()
            for bucket in deployment.samples.between(0, 1e12)
        ]
        if sum(sum(bucket.counts.values()) for bucket in buckets) >= count:
            return
        await asyncio.sleep(0.005)


def settle(client: Client, truss: dict[str, Any], name: str) -> str:
    """A model that serves production, by the machine's clock."""
    model_id = str(client.create(truss, name)["model"]["id"])
    while client.environment(model_id)["current_deployment"] is None:
        continue
    return model_id


def test_it_goes_to_what_serves_with_an_example_or_the_last_body() -> None:
    with (
        gitops.emulator.running(speed=2000, rate_limits=False, traffic=200) as emulator,
        Client(emulator) as client,
    ):
        chat = settle(client, echo_truss(), "chat")
        emulator.wait(_answered(emulator, chat, 5))
        silent = python_truss()
        quiet = settle(client, silent, "silent")
        assert emulator.world.models[quiet].last_body is None
        assert client.predict(quiet, {"name": "you"}).status_code == 200
        emulator.wait(_answered(emulator, quiet, 5))
        example = python_truss()
        example["config"]["model_metadata"]["example_model_input"] = {"name": "example"}
        third = settle(client, example, "example")
        emulator.wait(_answered(emulator, third, 5))
        assert emulator.world.models[third].last_body == ("", b'{"name": "example"}')


def test_a_version_that_fails_under_traffic_shows_in_its_metrics() -> None:
    with (
        gitops.emulator.running(speed=2000, rate_limits=False, traffic=200) as emulator,
        Client(emulator) as client,
    ):
        bad = settle(client, echo_truss(fails_after_requests=3), "bad")
        emulator.wait(_answered(emulator, bad, 20))
        while True:
            answer = client.get(f"/v1/models/{bad}/environments/production/metrics")
            labels = answer["metric_descriptors"][1]["label_sets"]
            if {"status": "5xx"} in labels:
                break
