"""Reads of the management API as values: the ``LiveReader`` of the drivers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final, Self, TypeVar

from gitops.baseten import logs, metrics, reading, resolving
from gitops.baseten.transport import Transport
from gitops.errors import AccessDenied, NotFound
from gitops.interruptible import awaited, settled
from gitops.state.live import (
    AuditEntry,
    Deployment,
    InstanceType,
    Live,
    LiveEnvironment,
    LiveModel,
    Team,
    Workspace,
)
from gitops.state.names import ModelKey
from gitops.verify.observation import Window

T = TypeVar("T")

AUDIT_PAGE: Final = 200
MOST_AUDIT_PAGES: Final = 1000
SIDE_BY_SIDE: Final = 12


class Reader:
    """Reads; every method may raise ``BasetenError``. Safe to share between threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._teams_lock = threading.Lock()
        self._workspace_lock = threading.Lock()
        self._workspace: Workspace | None = None
        self._teams_seen: tuple[Team, ...] | None = None
        self._listed: list[Mapping[str, Any]] | None = None

    def workspace(self) -> Workspace:
        """Which workspace the key belongs to; asked once. Its name None: Baseten hides it."""
        with self._workspace_lock:
            if self._workspace is None:
                answer = _unless_hidden(lambda: self._transport.get("/v1/users/me"))
                name = answer.get("workspace_name") if answer else None
                endpoint = self._transport.endpoint
                self._workspace = Workspace(
                    name=name if isinstance(name, str) and name else None,
                    host=endpoint.host,
                    api_url=endpoint.api_url,
                )
            return self._workspace

    def live(
        self, keys: Sequence[ModelKey], *, prices: bool = False, secrets: bool = False
    ) -> Live:
        """Teams, models, and the managed models' environments: one request each, side by side.

        Prices and secrets are None where this key may not read them. A model that is not there
        has no entry. A team that is not there raises ``NotFound``.
        """
        read_at = self._transport.clock.now()
        with _SideBySide(self._transport) as pool:
            asked_workspace = pool.submit(self.workspace)
            asked_teams = pool.submit(self._teams)
            asked_models = pool.submit(self._models)
            asked_prices = pool.submit(self._instance_types) if prices else None
            asked_secrets = pool.submit(self._secrets) if secrets else None
            teams = awaited(asked_teams)
            chosen = resolving.teams_of(keys, teams)
            listed = awaited(asked_models)
            found = {key: resolving.pick(key, chosen[key], listed) for key in dict.fromkeys(keys)}
            asked = {
                key: pool.submit(self._with_environments, raw)
                for key, raw in found.items()
                if raw is not None
            }
            pool.finish()
            models = {str(key): model for key, each in asked.items() if (model := each.result())}
            return Live(
                workspace=asked_workspace.result(),
                read_at=read_at,
                teams=teams,
                models=models,
                instance_types=asked_prices.result() if asked_prices else None,
                secrets=asked_secrets.result() if asked_secrets else None,
                ids=frozenset(str(each.get("id")) for each in listed),
            )

    def model(self, key: ModelKey) -> LiveModel | None:
        """One model with its environments, read anew; None where it is not there."""
        team = resolving.teams_of([key], self._teams())[key]
        raw = resolving.pick(key, team, self._models())
        return self._with_environments(raw) if raw is not None else None

    def model_id(self, key: ModelKey) -> str | None:
        """The id of a model as its list was last read; None where it is not there."""
        team = resolving.teams_of([key], self._teams())[key]
        listed = self._listed if self._listed is not None else self._models()
        raw = resolving.pick(key, team, listed)
        return str(raw["id"]) if raw is not None else None

    def development_slots(self) -> tuple[tuple[LiveModel, Deployment], ...]:
        """Every model of the workspace that has a development deployment, and that deployment."""
        with _SideBySide(self._transport) as pool:
            listed = [raw for raw in self._models() if raw.get("development_deployment_id")]
            asked = [
                (pool.submit(self._with_environments, raw), pool.submit(self._development, raw))
                for raw in listed
            ]
            pool.finish()
            return tuple(
                (model, slot)
                for one, other in asked
                if (model := one.result()) is not None and (slot := other.result()) is not None
            )

    def _development(self, raw: Mapping[str, Any]) -> Deployment | None:
        return self.deployment(str(raw["id"]), str(raw["development_deployment_id"]))

    def model_name(self, model_id: str) -> str | None:
        """The name that a model id has now; None where there is no such model."""
        answer = _unless_gone(lambda: self._transport.get("/v1/models/{}", model_id))
        return reading.model(answer).name if answer is not None else None

    def environment(self, model_id: str, name: str) -> LiveEnvironment | None:
        """One environment, read anew; None where it is not there."""
        answer = _unless_gone(
            lambda: self._transport.get("/v1/models/{}/environments/{}", model_id, name)
        )
        return reading.environment(answer) if answer is not None else None

    def deployments(self, model_id: str) -> tuple[Deployment, ...]:
        """All deployments of a model, oldest first. Raises ``NotFound`` where the model is gone."""
        answer = self._transport.get("/v1/models/{}/deployments", model_id)
        return reading.deployments(reading.items(answer, "deployments"), model_id=model_id)

    def deployment(self, model_id: str, deployment_id: str) -> Deployment | None:
        """One deployment; None where it is not there, or not yet."""
        answer = _unless_gone(
            lambda: self._transport.get("/v1/models/{}/deployments/{}", model_id, deployment_id)
        )
        return reading.deployment(answer, model_id=model_id) if answer is not None else None

    def audit(
        self, model_id: str, *, since: datetime | None = None
    ) -> tuple[AuditEntry, ...] | None:
        """A model's audit entries, oldest first; None where this key may not read them."""
        return _unless_hidden(lambda: self._audit(model_id, since))

    def logs(
        self, model_id: str, deployment_id: str, *, since: datetime | None = None, limit: int = 20
    ) -> tuple[str, ...]:
        """The last ``limit`` lines that a deployment logged, oldest first.

        Without ``since``, of the half hour before now. A message of several lines is as many.
        """
        return logs.last_lines(self._transport, model_id, deployment_id, since=since, limit=limit)

    def window(self, model_id: str, deployment_id: str, start: datetime, end: datetime) -> Window:
        """Requests, errors, latency and replicas between two moments; None is unknown, not zero."""
        return metrics.read(self._transport, model_id, deployment_id, start, end)

    def default_team(self) -> str:
        """The name of the team that a model without one belongs to; empty where none is named."""
        return next((each.name for each in self._teams() if each.default), "")

    def _teams(self) -> tuple[Team, ...]:
        """The teams, asked for once: they do not come and go while we work."""
        with self._teams_lock:
            if self._teams_seen is None:
                answer = self._transport.get("/v1/teams")
                read = (reading.team(each) for each in reading.items(answer, "teams"))
                self._teams_seen = tuple(sorted(read, key=lambda each: (each.name, each.id)))
            return self._teams_seen

    def _models(self) -> list[Mapping[str, Any]]:
        self._listed = reading.items(self._transport.get("/v1/models"), "models")
        return self._listed

    def _with_environments(self, raw: Mapping[str, Any]) -> LiveModel | None:
        model = reading.model(raw)
        answer = _unless_gone(lambda: self._transport.get("/v1/models/{}/environments", model.id))
        # Deleted since the list was read.
        if answer is None:
            return None
        return reading.model(raw, reading.environments(answer))

    def instance_types(self) -> dict[str, InstanceType] | None:
        """Every instance type by its id, also those without a price; None where it is hidden."""
        return self._hardware("/v1/instance_types")

    def _instance_types(self) -> dict[str, InstanceType] | None:
        priced = self._hardware("/v1/instance_type_prices")
        return priced if priced is not None else self.instance_types()

    def _hardware(self, path: str) -> dict[str, InstanceType] | None:
        answer = _unless_hidden(lambda: self._transport.get(path))
        if answer is None:
            return None
        return _by_id(
            reading.instance_type(each) for each in reading.items(answer, "instance_types")
        )

    def _secrets(self) -> dict[str, frozenset[str]] | None:
        answer = _unless_hidden(lambda: self._transport.get("/v1/secrets"))
        if answer is None:
            return None
        names: dict[str, set[str]] = {}
        for each in reading.items(answer, "secrets"):
            names.setdefault(str(each.get("team_name") or ""), set()).add(str(each.get("name")))
        return {team: frozenset(found) for team, found in sorted(names.items())}

    def _audit(self, model_id: str, since: datetime | None) -> tuple[AuditEntry, ...]:
        own_prefix = self._transport.endpoint.api_key.prefix
        params: dict[str, str | int] = {"limit": AUDIT_PAGE, "direction": "ASC"}
        if since is not None:
            params["start_epoch_millis"] = epoch_millis(since)
        found: dict[str, AuditEntry] = {}
        seen: set[str] = set()
        while len(seen) < MOST_AUDIT_PAGES:
            answer = self._transport.get("/v1/models/{}/audit_logs", model_id, params=params)
            for raw in reading.items(answer, "items"):
                entry = reading.audit_entry(raw, own_prefix=own_prefix)
                if since is None or entry.at >= since:
                    found[entry.id] = entry
            page = answer.get("pagination")
            cursor = (
                page.get("cursor") if isinstance(page, Mapping) and page.get("has_more") else None
            )
            # A cursor that comes back would go round for ever.
            if not isinstance(cursor, str) or cursor in seen:
                break
            seen.add(cursor)
            params = params | {"cursor": cursor}
        return tuple(sorted(found.values(), key=lambda each: (each.at, each.id)))


class _SideBySide:
    """A few threads whose first failure stops the rest; the key's pace is kept by the transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="baseten")
        self._asked: list[Future[Any]] = []

    def submit(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        future = self._pool.submit(work, *arguments)
        self._asked.append(future)
        return future

    def finish(self) -> None:
        """Wait for all; raise the failure of the one that was asked first."""
        settled(self._asked)
        for each in self._asked:
            if each.done() and (error := each.exception()) is not None:
                raise error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *unused: object) -> None:
        if kind is KeyboardInterrupt:
            self._transport.attention.leave()
        self._pool.shutdown(wait=True, cancel_futures=True)


def epoch_millis(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def _unless_gone(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except NotFound:
        return None


def _unless_hidden(ask: Callable[[], T]) -> T | None:
    """None for what this key may not see, and for endpoints that an older API lacks."""
    try:
        return ask()
    except NotFound:
        return None
    except AccessDenied as error:
        # 401 is no missing permission but a wrong key, and everything else would fail too.
        if error.status == 401:
            raise
        return None


def _by_id(types: Iterable[InstanceType]) -> dict[str, InstanceType]:
    return {each.id: each for each in sorted(types, key=lambda each: each.id)}
