"""Asynchronous requests: a queue for each deployment, by priority and then by age."""

from __future__ import annotations

from gitops.emulator.world.entities import AsyncRequest
from gitops.emulator.world.refusal import Refusal
from gitops.emulator.world.timeline import event
from gitops.emulator.world.world import World

_KEPT = 10_000


def submit(world: World, request: AsyncRequest, queue_seconds: float) -> None:
    """Put a request into its queue; it expires after `queue_seconds` of Baseten's time in it."""
    if len(world.async_requests) >= _KEPT:
        _forget_the_oldest(world)
    request.expires_at = world.now + world.options.scaled(queue_seconds)
    world.async_requests[request.id] = request
    world.after(queue_seconds, _expire, request.id)
    world.changed()


def _forget_the_oldest(world: World) -> None:
    over = (
        identifier
        for identifier, each in world.async_requests.items()
        if each.status not in {"QUEUED", "IN_PROGRESS"}
    )
    oldest = next(over, None)
    if oldest is not None:
        del world.async_requests[oldest]


@event
def _expire(world: World, request_id: str) -> None:
    request = world.async_requests.get(request_id)
    if request is not None and request.status == "QUEUED":
        set_status(world, request, "EXPIRED")


def set_status(world: World, request: AsyncRequest, status: str) -> None:
    """Note where a request has got to."""
    request.status = status
    request.status_at = world.now
    world.changed()


def fail(world: World, request: AsyncRequest, code: str, message: str) -> None:
    """End a request without success."""
    request.errors.append((code, message))
    set_status(world, request, "FAILED")


def found(world: World, model_id: str, request_id: str) -> AsyncRequest:
    """The request of that id. Raises: Refusal 404."""
    request = world.async_requests.get(request_id)
    if request is None or request.model_id != model_id:
        raise Refusal(404, "client_error", "The async request does not exist.")
    return request


def cancel(world: World, request: AsyncRequest) -> bool:
    """Take a request out of its queue; False where it is no longer in it."""
    if request.status != "QUEUED":
        return False
    if request.webhook is not None:
        request.webhook_status = "CANCELED"
    set_status(world, request, "CANCELED")
    return True


def waiting(world: World, deployment_id: str) -> list[AsyncRequest]:
    """The queue of a deployment, the next one first."""
    queued = [
        each
        for each in world.async_requests.values()
        if each.deployment_id == deployment_id and each.status == "QUEUED"
    ]
    return sorted(queued, key=lambda each: (each.priority, each.created_at))


def in_progress(world: World, deployment_id: str) -> int:
    """How many requests a deployment is working on."""
    return sum(
        each.deployment_id == deployment_id and each.status == "IN_PROGRESS"
        for each in world.async_requests.values()
    )
