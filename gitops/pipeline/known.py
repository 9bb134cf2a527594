"""Parts of release files that were judged before: fleets repeat themselves, so work is shared.

A thousand files mostly hold a few dozen different environments and checks. Each different one is
validated and compiled once. The key is the raw value itself, written out as bytes, so nothing is
shared that is not the same to the last character.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from gitops.release.checks import Check
from gitops.release.environment import Environment
from gitops.yaml.blocks import Pieces

# Version 2 writes no back references, so equal values give equal bytes.
_VERSION: Final = 2

Order: TypeAlias = tuple[tuple[str, bytes], ...]
"""The environments of a file by name and key, in the file's order."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What makes two release files share: their environments one by one, and their checks."""

    environments: Mapping[str, bytes]
    checks: bytes
    order: Order


@dataclass(slots=True)
class Part:
    """The environments, or the checks, of a release file over their defaults, with their key."""

    value: Any
    given: bool
    key: bytes | None
    environments: Mapping[str, bytes] | None = None
    order: Order = ()


def part(name: str, whole: Mapping[str, Any]) -> Part:
    """A part of a merged file. A key is None where the value has not the right form."""
    value, given = whole.get(name), name in whole
    try:
        if name == "environments":
            if not isinstance(value, dict):
                return Part(value, given, None)
            each = {one: marshal.dumps(below, _VERSION) for one, below in value.items()}
            return Part(value, given, None, each, tuple(each.items()))
        return Part(value, given, marshal.dumps(value, _VERSION))
    except ValueError:
        return Part(value, given, None)


def keys(environments: Part, checks: Part) -> Keys | None:
    """The keys of a merged release file; None where it has not the right form."""
    if environments.environments is None or checks.key is None:
        return None
    return Keys(environments.environments, checks.key, environments.order)


@dataclass(slots=True)
class Known:
    """Validated parts of one compile, by their keys. ``sound``: those that passed their rules.

    ``merged`` are parts over their defaults, by the text that they were read from, which has no
    pins in it: those in the parts are of the file that had them first.
    """

    merged: dict[tuple[str, Pieces | None], Part] = field(default_factory=dict)
    environments: dict[bytes, Environment] = field(default_factory=dict)
    checks: dict[bytes, dict[str, Check]] = field(default_factory=dict)
    sound: set[bytes | Order] = field(default_factory=set)

    def filled(self, whole: dict[str, Any], by: Keys, pins: Mapping[str, str]) -> dict[str, Any]:
        """The file with every part that is known in its validated form, which is let through."""
        environments: dict[str, Any] = {}
        for name, key in by.order:
            one = self.environments.get(key)
            if one is not None and name in pins:
                one = one.model_copy(update={"commit": pins[name]})
            environments[name] = one or whole["environments"][name]
        result = {**whole, "environments": environments}
        checks = self.checks.get(by.checks)
        if checks is not None:
            result["checks"] = checks
        return result

    def learn(
        self, by: Keys, environments: Mapping[str, Environment], checks: dict[str, Check]
    ) -> None:
        """Keep the parts of a file without findings."""
        for name, key in by.order:
            self.environments[key] = environments[name]
        self.checks[by.checks] = checks
