"""Synthetic traffic: requests that the emulator sends to its own production environments.

They take the same path as everybody else's, so that a release has traffic to be judged by.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from gitops.emulator.gateway import Gateway, Target
from gitops.emulator.options import Options
from gitops.emulator.runtime.archive import is_served_elsewhere
from gitops.emulator.world.entities import Deployment, Model
from gitops.emulator.world.refusal import Refusal
from gitops.emulator.world.world import World

_LARGEST_BACKLOG = 8
_IDLE_NAP = 0.2
_CHAT = {"messages": [{"role": "user", "content": "ping"}], "max_tokens": 8}


class Traffic:
    """`rate` requests per second to every production environment that serves."""

    def __init__(self, options: Options, world: World, gateway: Gateway) -> None:
        """Nothing is sent before `run`."""
        self.rate = options.traffic
        self._ceiling = options.traffic_ceiling
        self._world = world
        self._gateway = gateway
        self._running: set[asyncio.Task[None]] = set()
        self._backlog: Counter[str] = Counter()

    async def run(self) -> None:
        """Send until cancelled, one model after the other, evenly in time."""
        position = 0
        try:
            while True:
                targets = [
                    (model, known)
                    for model in self._world.models.values()
                    if (known := self._body(model)) is not None
                ]
                if not targets or self.rate <= 0:
                    await asyncio.sleep(_IDLE_NAP)
                    continue
                position = (position + 1) % len(targets)
                model, (route, body) = targets[position]
                if self._backlog[model.id] < _LARGEST_BACKLOG:
                    self._begin(model, route, body)
                await asyncio.sleep(1 / min(self._ceiling, self.rate * len(targets)))
        finally:
            for task in self._running:
                task.cancel()

    def _begin(self, model: Model, route: str, body: bytes) -> None:
        task = asyncio.create_task(self._send(model.id, route, body))
        self._backlog[model.id] += 1
        self._running.add(task)

        def ended(done: asyncio.Task[None]) -> None:
            self._running.discard(done)
            self._backlog[model.id] -= 1

        task.add_done_callback(ended)

    async def _send(self, model_id: str, route: str, body: bytes) -> None:
        target = Target(model_id=model_id, environment="production")
        try:
            reply = await self._gateway.infer(target, body, route=route or None)
            if reply.stream is not None:
                async for _ in reply.stream:
                    continue
        except Refusal:
            return

    def _body(self, model: Model) -> tuple[str, bytes] | None:
        """Route and body for a model, or None where it does not serve or none is known."""
        current = self._world.current(model.production)
        if current is None or current.status in {"INACTIVE", "DEACTIVATING"}:
            return None
        if model.last_body is not None:
            return model.last_body
        return _example(current)


def _example(deployment: Deployment) -> tuple[str, bytes] | None:
    config = deployment.artifact.config
    metadata = config.get("model_metadata") or {}
    example: Any = metadata.get("example_model_input")
    if example is None and is_served_elsewhere(config):
        example = _CHAT
    return None if example is None else ("", json.dumps(example).encode())
