"""The project's own papers agree with its tree."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [re.match(r"([a-z0-9-]+)==([^ ;]+)", line) for line in lines]
    return {match[1]: match[2] for match in pinned if match}


def imported_by_the_package() -> set[str]:
    """Top-level names that gitops imports anywhere, also inside functions."""
    names: set[str] = set()
    for module in (ROOT / "gitops").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            match node:
                case ast.Import(names=aliases):
                    names.update(alias.name.partition(".")[0] for alias in aliases)
                case ast.ImportFrom(module=str(name), level=0):
                    names.add(name.partition(".")[0])
    return names - sys.stdlib_module_names - {"gitops"}


def test_what_is_imported_is_declared_and_the_other_way_round() -> None:
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    distributions = packages_distributions()
    # Several distributions may share a name, as ruamel.yaml and its C part do.
    providers = {
        name: {canonicalize_name(one) for one in distributions.get(name, [name])}
        for name in imported_by_the_package()
    }
    undeclared = {name for name, among in providers.items() if not among & declared}
    assert undeclared == set()
    assert declared - set().union(*providers.values()) == set()


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    groups = [PROJECT["dependencies"], PROJECT["optional-dependencies"]["dev"]]
    wanted = [Requirement(line) for group in groups for line in group]
    pinned = pins()
    outside = {
        requirement.name: pinned.get(canonicalize_name(requirement.name), "not pinned")
        for requirement in wanted
        if not requirement.specifier.contains(
            pinned.get(canonicalize_name(requirement.name), "0.dev0"), prereleases=True
        )
    }
    assert outside == {}, "run `make constraints`"


def test_pins_are_names_versions_and_hashes_and_nothing_else() -> None:
    line_of_a_pin = re.compile(
        r"[a-z0-9-]+==[0-9][0-9a-z.+]*( ; [a-z_ '!=<>.*0-9A-Z()]+)? \\"
        r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    )
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not line_of_a_pin.fullmatch(line)] == []


def test_contributing_describes_every_room() -> None:
    table = re.findall(
        r"^\| `gitops/([a-z_]+)[/.`]", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
    rooms = {path.name for path in (ROOT / "gitops").iterdir() if any(path.glob("*.py"))}
    modules = {path.stem for path in (ROOT / "gitops").glob("[!_]*.py")}
    assert sorted(table) == sorted(rooms | modules)


def test_contributing_names_only_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"[`$] ?make ([a-z-]+)", (ROOT / "CONTRIBUTING.md").read_text()))
    assert named
    assert named <= targets


def test_every_decision_is_listed_with_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = dict(re.findall(r"\[(\d{4})\]\((\d{4}-[a-z0-9-]+\.md)\)", index(folder)))
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert sorted(listed.values()) == records
    for number, name in listed.items():
        assert name.startswith(f"{number}-")
        assert (folder / name).read_text().startswith(f"# {number}: ")


def index(folder: Path) -> str:
    return (folder / "README.md").read_text()
