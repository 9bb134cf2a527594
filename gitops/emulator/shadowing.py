"""Shadow rules at work: requests sent a second time, whose answers nobody sees."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Mapping

from gitops.emulator.gateway import Gateway, Target
from gitops.emulator.world import shadows
from gitops.emulator.world.entities import ShadowRule
from gitops.emulator.world.refusal import Refusal
from gitops.emulator.world.world import World

_MOST_AT_ONCE = 64
_USER = "authorization"


class Shadowing:
    """Copies requests as the rules of the environment that they go to ask for."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        """`options.seed` makes repeatable which requests are copied."""
        self._world = world
        self._gateway = gateway
        self._chance = random.Random(world.options.seed)
        self._running: set[asyncio.Task[None]] = set()

    def mirror(
        self, target: Target, body: bytes, *, route: str | None, headers: Mapping[str, str]
    ) -> None:
        """Send a copy to every shadow whose turn it is; the caller does not wait."""
        model = self._world.models.get(target.model_id)
        if model is None or target.environment is None:
            return
        name = self._world.options.environment_name(target.environment)
        environment = model.environments.get(name)
        for rule in shadows.in_force(self._world, environment) if environment else ():
            deployment = shadows.target(self._world, environment, rule) if environment else None
            if deployment is None or len(self._running) >= _MOST_AT_ONCE:
                continue
            if self._is_chosen(rule, headers):
                copy = Target(model_id=model.id, deployment_id=deployment.id)
                task = asyncio.create_task(self._send(copy, body, route))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    def _is_chosen(self, rule: ShadowRule, headers: Mapping[str, str]) -> bool:
        if rule.sampling_mode == "RANDOM":
            return self._chance.randrange(100) < rule.percent
        user = hashlib.sha256(f"{rule.id} {headers.get(_USER, '')}".encode()).digest()
        return int.from_bytes(user[:4], "big") % 100 < rule.percent

    async def _send(self, target: Target, body: bytes, route: str | None) -> None:
        try:
            reply = await self._gateway.infer(target, body, route=route)
        except Refusal:
            return  # a shadow that cannot answer is not the caller's trouble
        if reply.stream is not None:
            async for _ in reply.stream:
                continue

    async def stop(self) -> None:
        """Drop what is still running."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
