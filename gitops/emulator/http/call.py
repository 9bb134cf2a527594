"""A management request on its way to a handler, and the table's row that leads there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from gitops.emulator.uploads import Uploads
from gitops.emulator.world.audit import Actor
from gitops.emulator.world.refusal import invalid
from gitops.emulator.world.world import World

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

Limit = Literal["activate", "deactivate", "retry", "logs", "default"]
Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated request."""

    world: World
    uploads: Uploads
    base_url: str
    actor: Actor
    params: Mapping[str, str]
    query: QueryParams
    body: bytes

    @property
    def newest(self) -> bool:
        """Whether fields and filters newer than July count."""
        return self.world.options.mode == "newest"

    def read(self, model: type[Body]) -> Body:
        """The body, checked. Raises: Refusal."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError as problem:
            raise invalid(f"The request body is not JSON: {problem}") from None
        try:
            return model.model_validate(value)
        except ValidationError as problem:
            first = problem.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise invalid(f"{where}: {first['msg']}" if where else first["msg"]) from None

    def listed(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A list as it is answered: filtered by `name`, shuffled where that is asked for."""
        name = self.query.get("name") if self.newest else None
        if name is not None:
            items = [item for item in items if item["name"] == name]
        return self.world.ids.shuffled(items) if self.world.options.shuffle_lists else items

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> int | None:
        """A whole number from the query, or None. Raises: Refusal."""
        text = self.query.get(name)
        if text is None:
            return None
        try:
            value = int(text)
        except ValueError:
            raise invalid(f"{name} must be a whole number.") from None
        if (low is not None and value < low) or (high is not None and value > high):
            raise invalid(f"{name} must be between {low} and {high}.")
        return value


Handler = Callable[[Call], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row: which request leads to which handler.

    `aliases` are the words that may stand in the place of a deployment's id; each of them
    has a rate limit of its own. `since` newest: the July platform answers 404.
    """

    method: str
    path: str
    handler: Handler
    limit: Limit = "default"
    since: Literal["july", "newest"] = "july"
    aliases: tuple[str, ...] = ()
    writes: bool | None = None

    @property
    def is_write(self) -> bool:
        """Whether a key without manage permission is refused."""
        return self.method != "GET" if self.writes is None else self.writes
