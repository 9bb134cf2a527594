"""Parts of release files that were judged before: fleets repeat themselves, so work is shared.

A thousand files mostly hold a few dozen different environments and checks. Each different one is
validated and compiled once. The key is the raw value itself, written out as bytes, so nothing is
shared that is not the same to the last character.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gitops.release.checks import Check
from gitops.release.environment import Environment

# Version 2 writes no back references, so equal values give equal bytes.
_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class Keys:
    """What makes two release files share: their environments one by one, and their checks."""

    environments: Mapping[str, bytes]
    checks: bytes

    @property
    def all_environments(self) -> tuple[tuple[str, bytes], ...]:
        """All environments, in the file's order."""
        return tuple(self.environments.items())


def keys(whole: Mapping[str, Any]) -> Keys | None:
    """The keys of a merged release file; None where it has not the right form."""
    environments = whole.get("environments")
    if not isinstance(environments, dict):
        return None
    try:
        return Keys(
            {name: marshal.dumps(each, _VERSION) for name, each in environments.items()},
            marshal.dumps(whole.get("checks"), _VERSION),
        )
    except ValueError:
        return None


@dataclass(slots=True)
class Known:
    """Validated parts of one compile, by their keys. ``sound``: those that passed their rules."""

    environments: dict[bytes, Environment] = field(default_factory=dict)
    checks: dict[bytes, dict[str, Check]] = field(default_factory=dict)
    sound: set[bytes | tuple[tuple[str, bytes], ...]] = field(default_factory=set)

    def filled(self, whole: dict[str, Any], by: Keys) -> dict[str, Any]:
        """The file with every part that is known in its validated form, which is let through."""
        environments = self.environments
        result = {
            **whole,
            "environments": {
                name: environments.get(by.environments[name], raw)
                for name, raw in whole["environments"].items()
            },
        }
        checks = self.checks.get(by.checks)
        if checks is not None:
            result["checks"] = checks
        return result

    def learn(
        self, by: Keys, environments: Mapping[str, Environment], checks: dict[str, Check]
    ) -> None:
        """Keep the parts of a file without findings."""
        for name, environment in environments.items():
            self.environments[by.environments[name]] = environment
        self.checks[by.checks] = checks
