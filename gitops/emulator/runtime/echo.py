"""The stand-in for trusses that are only a config: it echoes, or answers as OpenAI would.

How it behaves is written in the truss itself, under `model_metadata.emulator` of its
config.yaml, so that a bad commit is bad for real:

    model_metadata:
      emulator:
        error_rate: 0.2            # this share of requests gets a 500, evenly spread
        fails_after_requests: 100  # every later request gets a 500
        latency_ms: 30             # every answer takes this long, in real milliseconds
        load_seconds: 120          # how long the load takes, in Baseten's time
        fails_to_load: true        # the load fails
        unhealthy_after_requests: 50
        reply: {any: json}         # answered instead of the echo
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gitops.emulator.runtime import openai
from gitops.emulator.runtime.reply import Reply


class BehaviourError(Exception):
    """`model_metadata.emulator` is not as documented."""


class Behaviour(BaseModel):
    """How an echoing deployment behaves; by default well."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    error_rate: float = Field(default=0.0, ge=0, le=1)
    fails_after_requests: int | None = Field(default=None, ge=0)
    latency_ms: float = Field(default=0.0, ge=0, le=60_000)
    load_seconds: float = Field(default=0.0, ge=0)
    fails_to_load: bool = False
    unhealthy_after_requests: int | None = Field(default=None, ge=0)
    reply: Any = None

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Behaviour:
        """What a truss's config asks for.

        Raises:
            BehaviourError: the block has an unknown key or a wrong value.
        """
        metadata = config.get("model_metadata") or {}
        block = metadata.get("emulator") if isinstance(metadata, Mapping) else None
        try:
            return cls.model_validate(block or {})
        except ValidationError as problem:
            first = problem.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BehaviourError(f"model_metadata.emulator.{where}: {first['msg']}") from problem


class Echo:
    """One echoing deployment; counts its requests."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Raises: BehaviourError."""
        self.behaviour = Behaviour.of(config)
        server = config.get("docker_server")
        endpoint = server.get("predict_endpoint") if isinstance(server, Mapping) else None
        self.predict_endpoint = str(endpoint or "/predict")
        self.model_name = str(config.get("model_name") or "model")
        self.requests = 0
        self._owed = 0.0

    @property
    def unhealthy(self) -> bool:
        """Whether its health check fails by now."""
        after = self.behaviour.unhealthy_after_requests
        return after is not None and self.requests > after

    async def answer(self, method: str, route: str | None, body: bytes) -> Reply:
        """Answer one request; `route` is the custom server's path, None for predict."""
        self.requests += 1
        behaviour = self.behaviour
        if behaviour.latency_ms:
            await asyncio.sleep(behaviour.latency_ms / 1000)
        if self._fails():
            return Reply(
                status=500,
                body=b'{"error": "Internal Server Error"}',
                traceback=f"Request {self.requests} failed, as model_metadata.emulator says.",
            )
        path = self.predict_endpoint if route is None else "/" + route.lstrip("/")
        if method == "GET" or not body:
            value: Any = None
        else:
            try:
                value = json.loads(body)
            except ValueError:
                return Reply.problem(400, "client_error", "The request body is not JSON.")
        if behaviour.reply is not None:
            return Reply.json(200, behaviour.reply)
        return openai.answer(path, value, self.model_name) or Reply.json(200, value)

    def _fails(self) -> bool:
        after = self.behaviour.fails_after_requests
        if after is not None and self.requests > after:
            return True
        self._owed += self.behaviour.error_rate
        if self._owed >= 1 - 1e-9:
            self._owed -= 1
            return True
        return False
