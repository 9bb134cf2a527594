"""A management request on its way to a handler, and the table's row that leads there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from gitops.emulator.http.json_text import parsed
from gitops.emulator.uploads import Uploads
from gitops.emulator.world.audit import Actor
from gitops.emulator.world.entities import Team
from gitops.emulator.world.keys import Identity, Permission, may_manage
from gitops.emulator.world.refusal import invalid
from gitops.emulator.world.world import World

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

Limit = Literal["activate", "deactivate", "retry", "logs", "default"]
Body = TypeVar("Body", bound=BaseModel)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_LARGEST = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated request."""

    world: World
    uploads: Uploads
    base_url: str
    actor: Actor
    identity: Identity
    params: Mapping[str, str]
    query: QueryParams
    body: bytes

    @property
    def newest(self) -> bool:
        """Whether fields and filters newer than July count."""
        return self.world.options.newest

    def read(self, model: type[Body]) -> Body:
        """The body, checked. Raises: Refusal."""
        try:
            value = parsed(self.body or b"{}")
        except ValueError as problem:
            raise invalid(f"The request body is not JSON: {problem}") from None
        return checked(model, value)

    def shuffled(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A list as it is answered: in another order each time, where that is asked for."""
        return self.world.ids.shuffled(items) if self.world.options.shuffle_lists else items

    def listed(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """As `shuffled`, and filtered by `name`, which July did not do."""
        name = self.query.get("name") if self.newest else None
        if name is not None:
            items = [item for item in items if item["name"] == name]
        return self.shuffled(items)

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
        if abs(value) > _LARGEST:
            raise invalid(f"{name} is out of range.")
        return value

    def boolean(self, name: str) -> bool:
        """A truth value from the query, false where it is not there. Raises: Refusal."""
        text = self.query.get(name)
        if text is None:
            return False
        if text.lower() not in _BOOLEANS:
            raise invalid(f"{name} must be true or false.")
        return _BOOLEANS[text.lower()]

    def one_of(self, name: str, choices: tuple[str, ...]) -> str | None:
        """One of the words from the query, or None. Raises: Refusal."""
        text = self.query.get(name)
        if text is not None and text not in choices:
            raise invalid(f"{name} must be one of {', '.join(choices)}.")
        return text

    def team(self, team_id: str | None) -> Team:
        """The team of that id, else the default one. Raises: Refusal 403 or 404."""
        team = self.world.team(team_id) if team_id else self.world.default_team
        self.identity.needs_team(team.id)
        return team

    def manages(self, model_id: str, environment: str) -> None:
        """Whether the environment's group lets this key change something.

        Raises:
            Refusal: 403, or 404 for an unknown model.
        """
        model = self.world.model(model_id)
        name = self.world.options.environment_name(environment)
        may_manage(self.world, self.identity, model.team_id, name)


def checked(model: type[Body], value: Any) -> Body:
    """A value as the model has it. Raises: Refusal naming the first problem."""
    try:
        return model.model_validate(value)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise invalid(f"{where}: {first['msg']}" if where else first["msg"]) from None


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
    needs: Permission | None = None

    @property
    def permission(self) -> Permission:
        """What a key must be allowed to do."""
        return self.needs or ("read" if self.method == "GET" else "manage")

    def authorize(self, call: Call) -> None:
        """Whether the key may do this, and to this. Raises: Refusal 403."""
        call.identity.needs(self.permission)
        team_id, model_id = call.params.get("team_id"), call.params.get("model_id")
        if team_id is not None:
            call.identity.needs_team(team_id)
        if model_id is not None and model_id in call.world.models:
            call.identity.needs_model(call.world.models[model_id])
        environment = call.params.get("env_name")
        if self.permission == "manage" and model_id is not None and environment is not None:
            call.manages(model_id, environment)
