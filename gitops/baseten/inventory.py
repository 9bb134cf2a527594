"""All models of a workspace with all that Baseten says of their environments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from gitops.baseten import reading
from gitops.baseten.transport import Transport
from gitops.errors import NotFound
from gitops.interruptible import mapped
from gitops.state.inventory import ListedModel
from gitops.state.json import Json, JsonObject
from gitops.state.live import LiveModel

SIDE_BY_SIDE: Final = 12
_READ: Final = frozenset(
    {
        *("name", "created_at", "model_id"),
        *("current_deployment", "candidate_deployment", "in_progress_promotion"),
        *("autoscaling_settings", "promotion_settings", "instance_type"),
        *("request_backpressure_settings", "autoscaling_schedules"),
    }
)
"""What an environment's keys become elsewhere; any other is said by its name."""


class Inventory:
    """Reads of what no release file names yet; every method may raise ``BasetenError``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def models(self) -> tuple[LiveModel, ...]:
        """Every model that the key can see, by team and name, without its environments."""
        answer = self._transport.get("/v1/models")
        read = (reading.model(each) for each in reading.items(answer, "models"))
        return tuple(sorted(read, key=lambda each: (each.team or "", each.name, each.id)))

    def listed(self, models: Iterable[LiveModel]) -> tuple[ListedModel, ...]:
        """These models with their environments, side by side; one that is gone has none."""
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="baseten") as pool:
            try:
                return tuple(mapped(pool, self._listed, models))
            except KeyboardInterrupt:
                self._transport.attention.leave()
                raise

    def _listed(self, model: LiveModel) -> ListedModel:
        try:
            answer = self._transport.get("/v1/models/{}/environments", model.id)
        except NotFound:
            return ListedModel(model=model)
        raw = reading.items(answer, "environments")
        environments = reading.environments(answer)
        return ListedModel(
            model=LiveModel(
                id=model.id,
                name=model.name,
                team=model.team,
                created_at=model.created_at,
                environments=environments,
            ),
            beyond={str(each.get("name")): beyond(each) for each in raw},
        )


def beyond(environment: Mapping[str, Any]) -> JsonObject:
    """What an environment has that no release file has a word for, by Baseten's names."""
    found: dict[str, Json] = {
        str(key): value
        for key, value in environment.items()
        if key not in _READ and _says_something(value)
    }
    current = environment.get("current_deployment")
    region = current.get("region") if isinstance(current, Mapping) else None
    if _says_something(region):
        slug = region.get("slug") if isinstance(region, Mapping) else None
        found["region"] = slug if isinstance(slug, str) else str(region)
    return found


def _says_something(value: object) -> bool:
    """Whether there is more in it than nulls and empty lists."""
    if isinstance(value, Mapping):
        return any(map(_says_something, value.values()))
    if isinstance(value, list):
        return any(map(_says_something, value))
    return value is not None
