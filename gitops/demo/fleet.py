"""The example fleet: release files, trusses and checks, from the checkout or from the wheel."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

PARTS: Final = ("gitops.yaml", "releases", "trusses", "checks")
_PIN = re.compile(r"^(?P<key>\s+commit: )[0-9a-f]{40}\b.*$", re.MULTILINE)
_WATCH = re.compile(r"\bfor: 10m\b")


def folder() -> Path:
    """Where the example fleet lies: inside the installed package, else at the checkout's root."""
    packaged = Path(__file__).parent / "fleet"
    return packaged if packaged.is_dir() else Path(__file__).parents[2]


def copy(destination: Path, *, parts: tuple[str, ...] = PARTS) -> None:
    """Copy the fleet's files into a folder."""
    for part in parts:
        source = folder() / part
        if source.is_dir():
            shutil.copytree(
                source, destination / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(source, destination / part)


def pin(text: str, commit: str, comment: str) -> str:
    """A release file's text with its pin moved, and nothing else."""
    return _PIN.sub(rf"\g<key>{commit}   # {comment}", text)


def shorten_watches(text: str, duration: str) -> str:
    """A release file's text with its ten-minute watches cut to ``duration``."""
    return _WATCH.sub(f"for: {duration}", text)
