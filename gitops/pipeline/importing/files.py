"""A new release file: its values, its name, and its text for people."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Final

from gitops.plan.imported import Pin
from gitops.render.text import printable
from gitops.state.json import Json
from gitops.yaml.edit import pin_comment
from gitops.yaml.write import block, text

_WIDTH: Final = 96
_LONGEST: Final = 100
"""Bytes of a file's name without its ending: every file system has room for it."""
_RESERVED: Final = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
)


@dataclass(slots=True, kw_only=True)
class EnvironmentDraft:
    """One environment's entry. ``notes`` become comments above it."""

    pin: Pin
    mode: str | None = None
    mode_comment: str = ""
    settings: dict[str, Json] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def value(self) -> dict[str, Json]:
        """As the language has it."""
        pinned: dict[str, Json] = (
            {"commit": self.pin.commit.id}
            if self.pin.commit is not None
            else {"deployment": self.pin.deployment_id}
        )
        return {**pinned, **({"mode": self.mode} if self.mode else {}), **self.settings}


@dataclass(slots=True, kw_only=True)
class Draft:
    """A release file that is being written. ``truss`` and ``rebuild`` are those of its pins."""

    model: str
    team: str | None
    path: str
    truss: str | None = None
    rebuild: str | None = None
    environments: dict[str, EnvironmentDraft] = field(default_factory=dict)

    @property
    def value(self) -> dict[str, Json]:
        """As the language has it: what reading the file has to give."""
        return {
            **self._head,
            "environments": {name: each.value for name, each in self.environments.items()},
        }

    @property
    def _head(self) -> dict[str, Json]:
        pinned: dict[str, Json] = {"truss": self.truss, "rebuild": self.rebuild}
        return {
            "version": 1,
            "model": self.model,
            **({"team": self.team} if self.team else {}),
            **{key: value for key, value in pinned.items() if value is not None},
        }

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        lines = [line for key, it in self._head.items() for line in block(key, it, **_at(0))]
        lines += ["", "environments:"]
        for place, (name, each) in enumerate(self.environments.items()):
            lines += [""] if place else []
            lines += [f"  # {line}" for note in each.notes for line in _comment(note)]
            lines.append(f"  {text(name)}:")
            lines += [f"    {line}" for line in _entry(each)]
        return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _at(depth: int) -> dict[str, str]:
    return {"indent": "  " * depth, "step": "  "}


def _entry(environment: EnvironmentDraft) -> Iterator[str]:
    pin = environment.pin
    if pin.commit is not None:
        # As `gitops promote` writes it: read as it stands, never as a number.
        subject = pin_comment(f"{pin.commit.at:%Y-%m-%d}", pin.commit.subject)
        yield f"commit: {pin.commit.id}   # {subject}"
    else:
        yield f"deployment: {text(pin.deployment_id)}   # {printable(pin.deployment_name)}"
    if environment.mode is not None:
        yield f"mode: {environment.mode}   # {printable(environment.mode_comment)}"
    for key, value in environment.settings.items():
        yield from block(key, value, **_at(0))


def _comment(note: str) -> list[str]:
    return wrap(printable(note), _WIDTH, break_long_words=False, break_on_hyphens=False)


def grouped(pins: Mapping[str, Pin]) -> tuple[str | None, str | None]:
    """The truss and the rebuild that most of these pins share; one file can name one of each.

    Where several share as many: production's, else the one whose commit is newest.
    """
    proved = [(name, pin) for name, pin in pins.items() if pin.commit is not None]
    if not proved:
        return None, None

    def weight(key: tuple[str | None, str | None]) -> tuple[int, bool, float, str]:
        own = [(name, pin) for name, pin in proved if (pin.truss, pin.rebuild) == key]
        newest = max(pin.commit.at.timestamp() for _, pin in own if pin.commit is not None)
        production = any(name == "production" for name, _ in own)
        return len(own), production, newest, key[0] or ""

    return max({(pin.truss, pin.rebuild) for _, pin in proved}, key=weight)


def in_order(names: Iterable[str]) -> list[str]:
    """Environments as one reads them: production last."""
    return sorted(names, key=lambda name: (name == "production", name))


def file_names(
    folder: str, models: Sequence[tuple[str | None, str]], taken: Collection[str]
) -> list[str]:
    """A path for each (team, model), unlike each other and those taken, whatever the names are.

    Two names that a file system may take for one get numbers.
    """
    used = {_folded(path) for path in taken}
    several = {name for name in (m for _, m in models) if [m for _, m in models].count(name) > 1}
    found: list[str] = []
    for team, model in models:
        plain = slug(f"{team}-{model}" if team and model in several else model)
        path, number = f"{folder}/{plain}.yaml", 1
        while _folded(path) in used:
            number += 1
            path = f"{folder}/{plain}-{number}.yaml"
        used.add(_folded(path))
        found.append(path)
    return found


def slug(name: str) -> str:
    """A name as a file's: letters and digits of any script, dots, hyphens and underscores."""
    plain = unicodedata.normalize("NFC", name)
    kept = "".join(each if each.isalnum() or each in "._-" else "-" for each in plain)
    while "--" in kept and "--" not in plain:
        kept = kept.replace("--", "-")
    short = kept.encode("utf-8", "ignore")[:_LONGEST].decode("utf-8", "ignore").strip("-.")
    if not short:
        return "model"
    return f"{short}-model" if short.split(".")[0].lower() in _RESERVED else short


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
