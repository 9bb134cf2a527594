"""Working through the queues of asynchronous requests, and telling webhooks on this machine."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

from gitops.emulator.gateway import Gateway, Target
from gitops.emulator.world import async_requests, lifecycle
from gitops.emulator.world.entities import FAILED, READY, AsyncRequest, Deployment
from gitops.emulator.world.refusal import Refusal
from gitops.emulator.world.timestamps import timestamp
from gitops.emulator.world.world import World

_WEBHOOK_SECONDS = 10.0
_MOST_AT_ONCE = 32
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
_ERRORS = {
    "model_not_ready": "MODEL_NOT_READY",
    "model_unavailable": "MODEL_UNAVAILABLE",
    "model_does_not_exist": "MODEL_DOES_NOT_EXIST",
    "timeout": "MODEL_PREDICT_TIMEOUT",
    "client_error": "MODEL_INVALID_INPUT",
}


class Asynchronous:
    """Sends queued requests through the gateway, for each deployment as many at once as it takes.

    What is queued is in the world; here are only the tasks that work on it.
    """

    def __init__(self, world: World, gateway: Gateway) -> None:
        """Nothing is sent before `look`."""
        self._world = world
        self._gateway = gateway
        self._workers: dict[str, set[asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()
        world.on_change.append(self._changed.set)

    def resume(self) -> None:
        """Go on with what is queued already; what was being worked on begins again."""
        for request in self._world.async_requests.values():
            if request.status == "IN_PROGRESS":
                request.status = "QUEUED"
        for deployment_id in {each.deployment_id for each in self._world.async_requests.values()}:
            self.look(deployment_id)

    def look(self, deployment_id: str) -> None:
        """See that somebody works on a deployment's queue."""
        deployment = self._world.deployments.get(deployment_id)
        workers = self._workers.setdefault(deployment_id, set())
        settings = deployment.autoscaling if deployment else None
        room = settings.concurrency_target * settings.max_replica if settings else 1
        queued = len(async_requests.waiting(self._world, deployment_id))
        while len(workers) < min(room, queued, _MOST_AT_ONCE):
            task = asyncio.create_task(self._work(deployment_id))
            workers.add(task)
            task.add_done_callback(workers.discard)

    async def stop(self) -> None:
        """Leave what is unfinished."""
        tasks = [task for workers in self._workers.values() for task in workers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, deployment_id: str) -> None:
        world = self._world
        while async_requests.waiting(world, deployment_id):
            try:
                await self._until_ready(deployment_id)
            except Refusal as refusal:
                for request in async_requests.waiting(world, deployment_id):
                    await self._refused(request, refusal)
                return
            queue = async_requests.waiting(world, deployment_id)
            if queue:
                await self._answer(queue[0])

    async def _until_ready(self, deployment_id: str) -> None:
        world = self._world
        while async_requests.waiting(world, deployment_id):
            deployment = world.deployments.get(deployment_id)
            if deployment is None or deployment.status in {"INACTIVE", "DEACTIVATING"}:
                raise Refusal(404, "model_does_not_exist", "The deployment does not run.")
            if deployment.status in FAILED:
                raise Refusal(503, "model_unavailable", "The deployment has failed.")
            if deployment.status in READY:
                return
            lifecycle.wake(world, deployment)
            self._changed.clear()
            await self._changed.wait()

    async def _refused(self, request: AsyncRequest, refusal: Refusal) -> None:
        code = _ERRORS.get(refusal.code, "INTERNAL_SERVER_ERROR")
        async_requests.fail(self._world, request, code, refusal.message)
        await self._tell(request, None)

    async def _answer(self, request: AsyncRequest) -> None:
        world = self._world
        async_requests.set_status(world, request, "IN_PROGRESS")
        target = Target(model_id=request.model_id, deployment_id=request.deployment_id)
        delay = request.initial_delay
        for attempt in range(1, request.attempts + 1):
            try:
                reply = await self._gateway.infer(target, request.body)
            except Refusal as refusal:
                await self._refused(request, refusal)
                return
            data = reply.body
            if reply.stream is not None:
                data = b"".join([part async for part in reply.stream])
            if reply.status < 500:
                break
            if attempt < request.attempts:
                await asyncio.sleep(world.options.scaled(min(delay, request.max_delay)))
                delay *= 2
        if reply.status >= 300:
            message = data.decode("utf-8", "replace")[:1000]
            code = "MODEL_INVALID_INPUT" if reply.status < 500 else "MODEL_PREDICT_ERROR"
            async_requests.fail(world, request, code, message)
            await self._tell(request, None)
            return
        async_requests.set_status(world, request, "SUCCEEDED")
        await self._tell(request, _decoded(data))

    async def _tell(self, request: AsyncRequest, data: Any) -> None:
        """Send the result to the webhook; a webhook elsewhere counts as failed."""
        if request.webhook is None:
            return
        payload = {
            "request_id": request.id,
            "model_id": request.model_id,
            "deployment_id": request.deployment_id,
            "type": "async_request_completed",
            "time": timestamp(self._world.now),
            "data": data,
            "errors": [{"code": code, "message": message} for code, message in request.errors],
        }
        if urlsplit(request.webhook).hostname in _HERE and await _posted(request, payload):
            request.webhook_status = "SUCCEEDED"
            self._world.changed()
            return
        request.webhook_status = "FAILED"
        if request.status == "SUCCEEDED":
            async_requests.set_status(self._world, request, "WEBHOOK_FAILED")


async def _posted(request: AsyncRequest, payload: dict[str, Any]) -> bool:
    headers = {"X-BASETEN-REQUEST-ID": request.id}
    import httpx  # a start of the emulator need not wait for it

    try:
        async with httpx.AsyncClient(timeout=_WEBHOOK_SECONDS, trust_env=False) as client:
            answer = await client.post(request.webhook or "", json=payload, headers=headers)
    except httpx.HTTPError:
        return False
    return answer.is_success


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")


def shown(request: AsyncRequest) -> dict[str, Any]:
    """The status as the API shows it."""
    return {
        "request_id": request.id,
        "model_id": request.model_id,
        "deployment_id": request.deployment_id,
        "status": request.status,
        "webhook_status": request.webhook_status,
        "created_at": timestamp(request.created_at),
        "status_at": timestamp(request.status_at),
        "errors": [{"code": code, "message": message} for code, message in request.errors],
    }


def queue_status(world: World, deployment: Deployment) -> dict[str, Any]:
    """How long a deployment's queue is."""
    return {
        "model_id": deployment.model_id,
        "deployment_id": deployment.id,
        "num_queued_requests": len(async_requests.waiting(world, deployment.id)),
        "num_in_progress_requests": async_requests.in_progress(world, deployment.id),
    }
