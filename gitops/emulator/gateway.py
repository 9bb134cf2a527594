"""Inference: from a target to the deployment that answers, and what is counted of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from gitops.emulator.clock import Clock
from gitops.emulator.runtime.pool import Pool
from gitops.emulator.runtime.reply import Reply
from gitops.emulator.world import health, lifecycle
from gitops.emulator.world.entities import FAILED, READY, STARTING, Deployment, Environment
from gitops.emulator.world.refusal import Refusal
from gitops.emulator.world.scaling import capacity, load_of, touched, watch_for_idleness
from gitops.emulator.world.world import World

PARKED_SECONDS = 1200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a request goes: an environment, one deployment, or the development slot."""

    model_id: str
    environment: str | None = None
    deployment_id: str | None = None


class Gateway:
    """The inference side of the workspace."""

    def __init__(self, world: World, pool: Pool, clock: Clock) -> None:
        """Answer from `world`, through `pool`."""
        self._world = world
        self._pool = pool
        self._clock = clock
        self._changed = asyncio.Event()
        world.on_change.append(self._changed.set)

    def deployment_for(self, target: Target) -> Deployment:
        """Which deployment takes the next request; during a promotion they take turns.

        Raises:
            Refusal: 404 where there is none.
        """
        world = self._world
        model = world.models.get(target.model_id)
        if model is None:
            raise Refusal(404, "model_does_not_exist", "Model not found.")
        found: Deployment | None
        if target.environment is not None:
            name = world.options.environment_name(target.environment)
            environment = model.environments.get(name)
            found = self._share(environment) if environment else None
        elif target.deployment_id is not None:
            found = model.deployments.get(target.deployment_id)
        else:
            found = model.development
        if found is None:
            raise Refusal(404, "model_does_not_exist", "The target has no deployment.")
        return found

    def _share(self, environment: Environment) -> Deployment | None:
        current = self._world.current(environment)
        promotion = environment.promotion
        if promotion is None or not promotion.running or promotion.percent <= 0:
            return current
        candidate = self._world.deployments[promotion.candidate_id]
        if candidate.status not in READY:
            return current
        promotion.carried += promotion.percent
        if promotion.carried >= 100:
            promotion.carried -= 100
            return candidate
        return current

    def wake(self, target: Target) -> None:
        """Start a replica where there is none. Raises: Refusal 404."""
        deployment = self.deployment_for(target)
        if deployment.status in {"INACTIVE", "DEACTIVATING"}:
            raise Refusal(404, "model_does_not_exist", "The deployment is inactive.")
        lifecycle.wake(self._world, deployment)

    async def infer(
        self,
        target: Target,
        body: bytes,
        *,
        method: str = "POST",
        route: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Answer one request; parked while a replica starts.

        Raises:
            Refusal: there is nothing to answer it, or the wait was too long.
        """
        began = time.monotonic()
        deployment = self.deployment_for(target)
        await self._admit(deployment, began)
        world = self._world
        try:
            reply = await self._pool.answer(deployment, method, route, body, headers or {})
        except BaseException:
            self._done(deployment, 499, began)
            raise
        if reply.traceback:
            world.advance(self._clock.now())
            world.log(deployment, reply.traceback, "ERROR")
        if reply.stream is not None:
            reply.stream = self._streamed(deployment, reply.stream, began)
        else:
            self._done(deployment, reply.status, began)
        model = world.models.get(deployment.model_id)
        if model is not None and method == "POST" and reply.status < 300:
            model.last_body = (route or "", body)
        return reply

    async def _streamed(
        self, deployment: Deployment, parts: AsyncIterator[bytes], began: float
    ) -> AsyncIterator[bytes]:
        status, first = 500, None
        try:
            async for part in parts:
                first = time.monotonic() - began if first is None else first
                yield part
            status = 200
        finally:
            self._done(deployment, status, began, first)

    def _done(
        self, deployment: Deployment, status: int, began: float, first: float | None = None
    ) -> None:
        world = self._world
        world.advance(self._clock.now())
        took = time.monotonic() - began
        deployment.samples.add(world.now, status, took, deployment.in_flight, first)
        health.request_answered(world, deployment)
        deployment.in_flight -= 1
        touched(world, deployment, -1)
        watch_for_idleness(world, deployment, lifecycle.scale_to_zero)
        self._changed.set()

    async def _admit(self, deployment: Deployment, began: float) -> None:
        """Let a request in, once there is a replica and, with a policy, room on it."""
        world = self._world
        _refuse_if_down(deployment)
        touched(world, deployment, 1)
        try:
            if deployment.backpressure == "REJECT_ON_FULL" and _is_full(world, deployment):
                seconds = time.monotonic() - began
                deployment.samples.add(world.now, 429, seconds, deployment.in_flight)
                raise Refusal(429, "rate_limited", "All replicas are at their concurrency target.")
            await self._until_room(deployment)
        except BaseException:
            touched(world, deployment, -1)
            raise
        deployment.in_flight += 1

    async def _until_room(self, deployment: Deployment) -> None:
        until = time.monotonic() + PARKED_SECONDS
        queued = deployment.backpressure == "QUEUE_ON_FULL"
        while deployment.status not in READY or (
            queued and deployment.in_flight >= capacity(deployment)
        ):
            _refuse_if_down(deployment)
            lifecycle.wake(self._world, deployment)
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), until - time.monotonic())
            except TimeoutError:
                raise Refusal(504, "timeout", "No replica became ready in time.") from None


def _refuse_if_down(deployment: Deployment) -> None:
    if deployment.status in {"INACTIVE", "DEACTIVATING"}:
        raise Refusal(404, "model_does_not_exist", "The deployment is inactive.")
    if deployment.status in FAILED:
        raise Refusal(503, "model_unavailable", "The deployment has failed.")
    if deployment.status in STARTING:
        raise Refusal(503, "model_not_ready", "The model is not ready yet.")


def _is_full(world: World, deployment: Deployment) -> bool:
    """Whether the requests there are, the newest included, exceed what the replicas may have."""
    return load_of(world, deployment).now > max(
        deployment.autoscaling.concurrency_target, capacity(deployment)
    )
