"""Trouble on demand: what can be made to go wrong, and the draw that decides when.

A fault is written `KIND[:METHOD][:PATH][:NAME=VALUE,…]`, such as `drop_after:POST:/promote$`,
`503:/v1/:probability=0.05` or `build_fails:model=qwen,times=1`; or given as the JSON object
with the same names.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as problem:
        raise ValueError(f"is not a regular expression: {problem}") from None
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]


RequestKind = Literal["drop_before", "drop_after", "half_body", "status", "latency"]
WorldKind = Literal[
    "build_fails",
    "deploy_fails",
    "load_fails",
    "no_capacity",
    "turns_unhealthy",
    "promotion_sticks",
]


class FaultError(ValueError):
    """A fault's text is not as documented; says what was expected."""


class _Fault(BaseModel):
    """What all faults have: how often, with which chance, and after how many matches."""

    model_config = ConfigDict(extra="forbid")

    skip: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, ge=1)
    probability: float = Field(default=1.0, gt=0, le=1)
    _chance: random.Random = PrivateAttr(default_factory=random.Random)
    _happened: int = PrivateAttr(default=0)

    @property
    def happened(self) -> int:
        """How often it happened so far."""
        return self._happened

    @property
    def spent(self) -> bool:
        """Whether it has happened as often as it may."""
        return self.times is not None and self._happened >= self.times

    def draw_from(self, chance: random.Random) -> None:
        """Let `chance` decide from now on."""
        self._chance = chance

    def happens(self) -> bool:
        """Whether it strikes at this match; counts it."""
        if self.skip:
            self.skip -= 1
            return False
        if self.spent or self._chance.random() >= self.probability:
            return False
        self._happened += 1
        return True


class RequestFault(_Fault):
    """Something that goes wrong with matching requests.

    `drop_before`: the connection closes and nothing was done; `drop_after`: the work was done
    and the answer is lost; `half_body`: the work was done and the answer breaks off in its
    middle; `status`: that status, without doing anything unless `done`; `latency`: the request
    waits for `seconds` (real ones), or until the fault is lifted.
    """

    kind: RequestKind
    method: str | None = None
    path: Pattern = ".*"
    """A regular expression, found anywhere in the path."""
    status: int = Field(default=500, ge=400, le=599)
    retry_after: int = Field(default=1, ge=0)
    """Of a 429, in seconds."""
    body: Any = None
    """Answered with `status`; a text is sent as it is. None: as Baseten would say it."""
    done: bool = False
    seconds: float = Field(default=0.0, ge=0)
    _lifted: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)

    @model_validator(mode="after")
    def _takes_time(self) -> RequestFault:
        if self.kind == "latency" and not self.seconds:
            raise ValueError("latency needs seconds")
        return self

    @property
    def names(self) -> frozenset[str]:
        """What its kind may be called: a status goes by its code as well."""
        code = {str(self.status)} if self.kind == "status" else set()
        return frozenset({self.kind, *code})

    async def over(self) -> None:
        """Wait for `seconds`, or until it is lifted."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._lifted.wait(), self.seconds)

    def end(self) -> None:
        """Let go on what waits. Only in the loop that serves."""
        self._lifted.set()

    def matches(self, method: str, path: str) -> bool:
        """Whether it is meant for this request."""
        return (self.method is None or self.method.upper() == method) and (
            re.search(self.path, path) is not None
        )

    @property
    def answer(self) -> Any:
        """The body of a `status` fault."""
        if self.body is not None:
            return self.body
        if self.status == 429:
            return {"error": "Rate limit exceeded.", "retry_after": self.retry_after}
        return {"error": "Internal Server Error" if self.status == 500 else f"Error {self.status}."}


class WorldFault(_Fault):
    """Something that goes wrong with matching deployments.

    `build_fails`, `deploy_fails`, `load_fails`: BUILD_FAILED, DEPLOY_FAILED, FAILED;
    `no_capacity`: it stays in DEPLOYING (or WAKING_UP), for `seconds` or until the fault is
    lifted; `turns_unhealthy`: `after` seconds in ACTIVE, after `requests` requests, or with
    `concurrency` of them at once, and healthy again `seconds` later, where given;
    `promotion_sticks`: its promotion stays at `percent` or the next step, for `seconds` or until
    the fault is lifted. Seconds are Baseten's and shrink with `--speed`.
    """

    kind: WorldKind
    model: Pattern = ".*"
    deployment: Pattern = ".*"
    """A regular expression for the name or the id."""
    environment: Pattern | None = None
    """A regular expression for the environment it is in or on its way to."""
    seconds: float | None = Field(default=None, gt=0)
    after: float | None = Field(default=None, ge=0)
    requests: int | None = Field(default=None, ge=1)
    concurrency: int | None = Field(default=None, ge=1)
    percent: int = Field(default=0, ge=0, le=100)

    _answered: dict[str, int] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _has_a_cause(self) -> WorldFault:
        causes = [self.after, self.requests, self.concurrency]
        if self.kind == "turns_unhealthy" and sum(each is not None for each in causes) != 1:
            raise ValueError("turns_unhealthy needs one of after, requests and concurrency")
        return self

    def matches(self, *, model: str, deployment: tuple[str, str], environment: str | None) -> bool:
        """Whether it is meant for this deployment, given its name and id."""
        return (
            re.search(self.model, model) is not None
            and any(re.search(self.deployment, each) for each in deployment)
            and (
                self.environment is None
                or (
                    environment is not None and re.search(self.environment, environment) is not None
                )
            )
        )

    def is_reached(self, deployment_id: str, *, in_flight: int) -> bool:
        """Count one more request of a deployment: whether `requests` or `concurrency` is met."""
        answered = self._answered[deployment_id] = self._answered.get(deployment_id, 0) + 1
        if self.requests is not None:
            return answered == self.requests
        return self.concurrency is not None and in_flight >= self.concurrency


Fault = Annotated[RequestFault | WorldFault, Field(discriminator="kind")]
_FAULT: TypeAdapter[RequestFault | WorldFault] = TypeAdapter(Fault)


def read(value: Any) -> RequestFault | WorldFault:
    """A fault from its JSON form; a status code is a kind too.

    It happens once, or as often as chance has it where `probability` is given; `times` says
    otherwise, and 0 is without end.

    Raises:
        FaultError: a name or a value is wrong.
    """
    if isinstance(value, dict):
        times = value.get("times", None if "probability" in value else 1)
        value = {**_of_status(value), "times": None if times in {0, "0"} else times}
    try:
        return _FAULT.validate_python(value)
    except ValidationError as problem:
        raise FaultError(_sentence(problem)) from None


def _of_status(value: dict[str, Any]) -> dict[str, Any]:
    """A status code as the kind is short for ``status`` with that code."""
    code = str(value.get("kind"))
    if not (code.isascii() and code.isdecimal()):
        return value
    if str(value.get("status", code)) != code:
        raise FaultError(f"the kind is {code}, and the status {value['status']}")
    return {**value, "kind": "status", "status": int(code)}


def parse(text: str) -> RequestFault | WorldFault:
    """A fault from its text form.

    Raises:
        FaultError: it cannot be read; says what was expected.
    """
    kind, *parts = text.split(":")
    value: dict[str, Any] = {"kind": kind}
    for part in parts:
        if part.upper() in METHODS:
            value["method"] = part.upper()
        elif part.startswith(("/", "^")):
            value["path"] = part
        else:
            value.update(_pairs(part))
    return read(value)


def _pairs(part: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in part.split(","):
        name, equals, text = pair.partition("=")
        if not equals:
            raise FaultError(
                f"{pair!r} is none of a method, a path that begins with '/', and NAME=VALUE"
            )
        found[name.strip()] = text
    return found


def _sentence(problem: ValidationError) -> str:
    first = problem.errors()[0]
    if first["type"].startswith("union_tag"):
        kinds = ", ".join((*get_args(RequestKind), *get_args(WorldKind)))
        return f"the kind is none of a status code, {kinds}"
    where = ".".join(str(part) for part in first["loc"][1:])
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


class Faults:
    """The faults that are planned, in order; the first one that matches and strikes is taken."""

    def __init__(self, seed: int | None) -> None:
        """With a `seed` the same questions in the same order get the same answers."""
        self._seed = seed
        self._added = 0
        self.requests: list[RequestFault] = []
        self.world: list[WorldFault] = []

    def add(self, fault: RequestFault | WorldFault) -> None:
        """Plan a fault. Each has a random sequence of its own."""
        source = None if self._seed is None else f"{self._seed}/{self._added}"
        self._added += 1
        fault.draw_from(random.Random(source))
        if isinstance(fault, RequestFault):
            self.requests.append(fault)
        else:
            self.world.append(fault)

    def lift(self, kind: str | None = None) -> None:
        """Forget all of them, or those of a kind; what they hold back goes on.

        A status code is the kind of those that answer with it.
        """
        for each in self.requests:
            if kind in {None, *each.names}:
                each.end()
        self.requests = [each for each in self.requests if kind not in {None, *each.names}]
        self.world = [each for each in self.world if kind not in {None, each.kind}]

    def for_request(self, method: str, path: str) -> RequestFault | None:
        """The fault that strikes this request."""
        return next(
            (each for each in self.requests if each.matches(method, path) and each.happens()),
            None,
        )

    def to_json(self) -> list[dict[str, Any]]:
        """What is planned, and how often each has happened."""
        return [
            {**each.model_dump(mode="json"), "happened": each.happened}
            for each in (*self.requests, *self.world)
        ]
