"""Borders that import contracts cannot see: what code does with names it may import.

The contracts between the rooms are in pyproject.toml and `make check` holds them. Here, the pure
rooms are read for the clock, the disk and the terminal reached through a module that is otherwise
harmless, and all modules for their length.
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gitops"
LONGEST = 400

CALLS = frozenset({"__import__", "breakpoint", "eval", "exec", "input", "open", "print"})
MEMBERS = frozenset(
    {
        ("date", "today"),
        ("datetime", "now"),
        ("datetime", "today"),
        ("datetime", "utcnow"),
        ("importlib", "import_module"),
        ("importlib", "metadata"),
        ("importlib", "resources"),
        ("io", "FileIO"),
        ("io", "open"),
        ("pathlib", "Path"),
        ("pathlib", "PosixPath"),
        ("urllib", "request"),
        ("urllib.request", "*"),
    }
)


def pure_rooms() -> list[str]:
    """The rooms that the contract in pyproject.toml calls pure."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    [pure] = [contract for contract in contracts if contract["id"] == "pure"]
    return [name.removeprefix("gitops.") for name in pure["source_modules"]]


def impurities(source: str) -> list[str]:
    """What a module's source uses of the outside, as `LINE: NAME`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                found.append(f"{node.lineno}: {name}()")
            case (
                ast.Attribute(value=ast.Name(id=owner), attr=member)
                | ast.Attribute(value=ast.Attribute(attr=owner), attr=member)
            ) if (owner, member) in MEMBERS:
                found.append(f"{node.lineno}: {owner}.{member}")
            case ast.ImportFrom(module=module, names=names):
                found.extend(
                    f"{node.lineno}: {module}.{alias.name}"
                    for alias in names
                    if (module, alias.name) in MEMBERS or (module, "*") in MEMBERS
                )
            case ast.Import(names=names):
                found.extend(
                    f"{node.lineno}: {alias.name}"
                    for alias in names
                    if (alias.name, "*") in MEMBERS or tuple(alias.name.split(".")) in MEMBERS
                )
    return found


@pytest.mark.parametrize("room", pure_rooms())
def test_a_pure_room_reaches_nothing_outside(room: str) -> None:
    modules = list((PACKAGE / room).rglob("*.py")) or [PACKAGE / f"{room}.py"]
    found = {
        f"{module.relative_to(ROOT)}:{place}"
        for module in modules
        for place in impurities(module.read_text())
    }
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime.now()",
        "import datetime as d\nd.datetime.now()",
        "from datetime import date\ntoday = date.today",
        "from pathlib import Path",
        "import pathlib\npathlib.Path('x')",
        "open('x')",
        "print('x')",
        "import urllib.request",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import importlib.metadata",
    ],
)
def test_what_reaches_outside_is_found(source: str) -> None:
    assert impurities(source)


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)",
        "from pathlib import PurePosixPath",
        "from urllib.parse import quote",
        "window.now()",
    ],
)
def test_what_only_computes_is_not_found(source: str) -> None:
    assert not impurities(source)


def test_every_module_can_be_read_in_one_sitting() -> None:
    lengths = {
        str(module.relative_to(ROOT)): len(module.read_text().splitlines())
        for module in PACKAGE.rglob("*.py")
    }
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}
