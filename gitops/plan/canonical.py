"""Values as plain JSON, and as the one text of it that digests are taken over."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import datetime

from gitops.state.json import Json


def plain(value: object) -> Json:
    """A value of dataclasses, mappings, tuples, sets and moments as JSON; sets sorted."""
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no word for it, and a figure that is no number says nothing.
        return None
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        # A lone surrogate (an undecodable byte of a path) is no text that other programs can read.
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(content) for key, content in value.items()}
    if isinstance(value, AbstractSet):
        return sorted(str(each) for each in value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    raise TypeError(f"{type(value).__name__} is no value of a plan")


def text(value: object) -> str:
    """Canonical JSON: sorted keys, no white space, ASCII only; whole floats written as integers."""
    return json.dumps(_whole(plain(value)), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """SHA-256 over the canonical JSON, as 64 hex digits."""
    return hashlib.sha256(text(value).encode("ascii")).hexdigest()


def _whole(value: Json) -> Json:
    # 10 and 10.0 are the same setting, whichever of them a parser or an API made of it.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole(content) for key, content in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return value
