"""Checks: what to send to a deployment, how often, and what its answers have to be like."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    JsonValue,
    PlainValidator,
    Tag,
    WithJsonSchema,
)

from gitops.release.scalars import (
    Maybe,
    PositiveDuration,
    RepositoryPath,
    Share,
    refuse,
)
from gitops.release.settings import Strict
from gitops.release.words import shown

TAG_NAME = "\0name"
TAG_LIST = "\0list"
TAG_MAP = "\0map"
TAGS = frozenset({TAG_NAME, TAG_LIST, TAG_MAP})
"""Marks of the alternatives of a union; they appear in pydantic's paths and in no file."""


def kind(value: Any) -> str:
    """Which alternative a value is: a list, a map, or taken for a name."""
    if isinstance(value, list):
        return TAG_LIST
    return TAG_MAP if isinstance(value, dict) else TAG_NAME


def item_kind(value: Any) -> str:
    """Which alternative an item of a list is: a map, or taken for a name."""
    return TAG_MAP if isinstance(value, dict) else TAG_NAME


def _text(value: Any) -> str:
    if not isinstance(value, str):
        refuse(
            f"must be text, not {shown(value)}",
            f'write "{value}"' if type(value) in {int, float} else None,
        )
    return value


Text: TypeAlias = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string"})]


def _statuses(value: Any) -> tuple[int, ...]:
    each = value if isinstance(value, list) else [value]
    if not each:
        refuse("must name at least one HTTP status")
    for one in each:
        if type(one) is not int or not 100 <= one <= 599:
            refuse(f"must be an HTTP status from 100 to 599, or a list of them, not {shown(one)}")
    return tuple(each)


_STATUS = {"type": "integer", "minimum": 100, "maximum": 599}
Statuses: TypeAlias = Annotated[
    tuple[int, ...],
    PlainValidator(_statuses),
    WithJsonSchema({"anyOf": [_STATUS, {"type": "array", "items": _STATUS, "minItems": 1}]}),
]


class Latency(Strict):
    """Bounds on how long answers take, as durations; each quantile over all counted runs."""

    p50: Maybe[PositiveDuration] = Field(
        default=None, description="Half of the answers come within this.", examples=["800ms"]
    )
    p90: Maybe[PositiveDuration] = Field(
        default=None, description="90 of 100 answers come within this.", examples=["1500ms"]
    )
    p95: Maybe[PositiveDuration] = Field(
        default=None, description="95 of 100 answers come within this.", examples=["2s"]
    )
    p99: Maybe[PositiveDuration] = Field(
        default=None, description="99 of 100 answers come within this.", examples=["4s"]
    )
    max: Maybe[PositiveDuration] = Field(
        default=None, description="Every answer comes within this.", examples=["10s"]
    )
    first_token: Maybe[PositiveDuration] = Field(
        default=None,
        description="Time to the first token of a stream; needs `stream: true`.",
        examples=["300ms"],
    )


class LatencyRatio(Strict):
    """Bounds as a ratio to what the serving deployment measures: 1.2 is a fifth slower."""

    p50: Maybe[float] = Field(
        default=None, gt=0, le=1000, description="Ratio of medians.", examples=[1.1]
    )
    p90: Maybe[float] = Field(default=None, gt=0, le=1000, description="Ratio of 90th percentiles.")
    p95: Maybe[float] = Field(
        default=None, gt=0, le=1000, description="Ratio of 95th percentiles.", examples=[1.2]
    )
    p99: Maybe[float] = Field(default=None, gt=0, le=1000, description="Ratio of 99th percentiles.")
    max: Maybe[float] = Field(
        default=None, gt=0, le=1000, description="Ratio of the slowest answers."
    )
    first_token: Maybe[float] = Field(
        default=None,
        gt=0,
        le=1000,
        description="Ratio of times to the first token; needs `stream: true`.",
    )


class ThanCurrent(Strict):
    """Bounds against the deployment that serves now, measured in turns within the same check."""

    latency: Maybe[LatencyRatio] = Field(
        default=None, description="Latency as a ratio, e.g. `{p95: 1.2}`."
    )
    error_rate: Maybe[float] = Field(
        default=None, gt=0, le=1000, description="Error rate as a ratio."
    )


class CloseTo(Strict):
    """A number with a tolerance."""

    value: float = Field(description="The number that is expected.", examples=[0.98])
    tolerance: float = Field(
        ge=0, description="How far from it the output may be.", examples=[0.01]
    )


def _schema(value: Any) -> Any:
    if not isinstance(value, str | dict | bool):
        refuse(f"must be a JSON Schema or the path of one, not {shown(value)}")
    return value


SchemaOrPath: TypeAlias = Annotated[
    JsonValue,
    AfterValidator(_schema),
    WithJsonSchema(
        {"anyOf": [{"type": "object"}, {"type": "boolean"}, {"type": "string", "minLength": 1}]}
    ),
]


class Expect(Strict):
    """What answers have to be like. Everything that is written has to hold."""

    status: Statuses = Field(
        default=(200,),
        description="HTTP status, or a list of statuses. Default: 200.",
        json_schema_extra={"default": 200},
    )
    schema_: SchemaOrPath = Field(
        default=None,
        alias="schema",
        description=(
            "A JSON Schema that the output has to satisfy: inline, or the path of a JSON file from "
            "the repository's root, read at the applied commit."
        ),
        json_schema_extra={"examples": ["checks/chat-completion.schema.json"]},
    )
    equals: JsonValue = Field(default=None, description="JSON that the output has to equal.")
    contains: Maybe[Text] = Field(
        default=None, description="Text that the output has to contain.", examples=["pong"]
    )
    matches: Maybe[Text] = Field(
        default=None,
        description="A regular expression (Python's syntax) to be found in the output.",
        examples=["^[0-9]+ items"],
    )
    close_to: Maybe[CloseTo] = Field(
        default=None,
        description="A number with a tolerance, e.g. `{value: 0.98, tolerance: 0.01}`.",
    )
    at: Maybe[Text] = Field(
        default=None,
        description=(
            "A JSONPath (RFC 9535) that selects the part of the output that schema, equals, "
            "contains, matches and close_to judge. Default: the whole output."
        ),
        examples=["$.choices[0].message.content"],
    )
    latency: Maybe[Latency] = Field(default=None, description="Bounds on how long answers take.")
    error_rate: Maybe[Share] = Field(
        default=None,
        description="Share of runs that may fail, 0-1. Default: 0.",
        examples=[0, 0.02],
        json_schema_extra={"default": 0},
    )
    than_current: Maybe[ThanCurrent] = Field(
        default=None,
        description=(
            "Bounds as a ratio to the deployment that serves now, e.g. `{latency: {p95: 1.2}}`."
        ),
    )


_HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"


def _headers(value: Any) -> dict[str, str]:
    import re

    if not isinstance(value, dict):
        refuse(f"must be a map of header names to texts, not {shown(value)}")
    for header, text in value.items():
        if not isinstance(header, str) or not re.fullmatch(_HEADER, header):
            refuse(f"{shown(header)} is no header name")
        if header.lower() in {"authorization", "host", "content-length", "transfer-encoding"}:
            refuse(f"the header {header} is set by this tool", "remove it")
        if not isinstance(text, str):
            refuse(f"the header {header} must be text, not {shown(text)}")
        if not text.isprintable() or not text.isascii():
            refuse(f"the header {header} must be printable ASCII, not {shown(text)}")
    return value


Headers: TypeAlias = Annotated[
    dict[str, str],
    PlainValidator(_headers),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "propertyNames": {"pattern": _HEADER},
        }
    ),
]


def _route(value: Any) -> str:
    text = _text(value)
    if not text.startswith("/") or not text.isprintable() or " " in text or ".." in text.split("/"):
        refuse(
            f"must be a path of the model that begins with /, such as /predict, not {shown(value)}"
        )
    return text


Route: TypeAlias = Annotated[
    str, PlainValidator(_route), WithJsonSchema({"type": "string", "pattern": "^/"})
]


class Check(Strict):
    """A named check: requests to the candidate before it is promoted, and what to expect of it."""

    request: JsonValue = Field(
        default=None,
        description="The JSON body to send. Either this or `requests`.",
        examples=[{"prompt": "ping"}],
    )
    requests: Maybe[RepositoryPath] = Field(
        default=None,
        description=(
            "A .jsonl file from the repository's root: one JSON body a line, each optionally "
            '`{"request": …, "expect": …}`. Read at the applied commit.'
        ),
        examples=["checks/prompts.jsonl"],
    )
    path: Route = Field(
        default="/predict",
        description=(
            "Route of the model; any other than /predict goes to the custom server. Default: "
            "/predict."
        ),
        examples=["/v1/chat/completions"],
    )
    headers: Maybe[Headers] = Field(
        default=None, description="Extra request headers. Never put a secret here."
    )
    stream: bool = Field(
        default=False,
        description=(
            "Read server-sent events; measures time to first token and tokens per second. Default: "
            "false."
        ),
    )
    runs: int = Field(
        default=1,
        ge=1,
        le=100_000,
        description="How many requests count. Default: 1, or one a line of `requests`.",
        examples=[50],
    )
    concurrency: int = Field(
        default=1, ge=1, le=1000, description="How many requests at once. Default: 1.", examples=[4]
    )
    warmup: int = Field(
        default=0, ge=0, le=100_000, description="How many uncounted requests go first. Default: 0."
    )
    timeout: PositiveDuration = Field(
        default=60.0,
        description="How long one request may take. Default: 60s.",
        json_schema_extra={"default": "60s"},
    )
    max_requests: int = Field(
        default=200,
        ge=1,
        le=1_000_000,
        description="A ceiling on what the check may cost, warm-up included. Default: 200.",
    )
    expect: Expect = Field(
        default_factory=Expect, description="What answers have to be like; absent: status 200."
    )


class CheckChange(Strict):
    """What an environment expects otherwise than the check itself says."""

    expect: Expect = Field(description="Merged over the check's own expectations.")


CheckUse: TypeAlias = Annotated[
    Annotated[Text, Tag(TAG_NAME)]
    | Annotated[dict[str, CheckChange], Field(min_length=1, max_length=1), Tag(TAG_MAP)],
    Discriminator(item_kind),
]
"""A check's name, or ``{NAME: {expect: …}}``."""
