"""The project's own papers agree with its tree."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from gitops._version import __version__

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(name: str = "constraints.txt") -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
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


def test_what_runs_is_pinned_as_what_is_tested_is() -> None:
    """Everything that the package brings along, and nothing that only its developers need."""
    runtime, everything = pins("runtime.txt"), pins()
    assert runtime.items() <= everything.items(), "run `make constraints`"
    assert {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]} <= set(
        runtime
    )
    assert not {"pytest", "ruff", "sphinx"} & set(runtime)


@pytest.mark.parametrize("name", ["constraints.txt", "runtime.txt"])
def test_pins_are_names_versions_and_hashes_and_nothing_else(name: str) -> None:
    line_of_a_pin = re.compile(
        r"[a-z0-9-]+==[0-9][0-9a-z.+]*( ; [a-z_ '!=<>.*0-9A-Z()]+)? \\"
        r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    )
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if not line_of_a_pin.fullmatch(line)] == []


HEADING = re.compile(
    r"## \[(?P<version>Unreleased|\d+\.\d+\.\d+)\](?P<dated> - \d{4}-\d{2}-\d{2})?"
)
KINDS = {"Added", "Changed", "Deprecated", "Fixed", "Removed", "Security"}


def test_the_changelog_keeps_its_form() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    found = [HEADING.fullmatch(line) for line in lines if line.startswith("## ")]
    headings = [each for each in found if each is not None]
    assert len(headings) == len(found)
    assert [bool(each["dated"]) for each in headings] == [False, *[True] * (len(headings) - 1)]
    unreleased, *versions = (each["version"] for each in headings)
    assert unreleased == "Unreleased"
    assert versions == sorted(versions, key=Version, reverse=True)
    assert not versions or Version(versions[0]) <= Version(__version__)
    assert {line.removeprefix("### ") for line in lines if line.startswith("### ")} <= KINDS


@pytest.mark.parametrize(
    ("tag", "changelog", "refusal"),
    [
        ("v{}", "## [Unreleased]\n\n## [{}] - 2026-11-22\n\n### Added\n\n- All.\n", ""),
        ("v{}.1", "## [{}] - 2026-11-22\n", "the tag is v{0}.1, the version {0}"),
        ("v{}", "## [Unreleased]\n\n- All.\n", "CHANGELOG.md has no entry for {}"),
        ("v{}", "## [{}] - soon\n", "CHANGELOG.md has no entry for {}"),
        (
            "v{}",
            "## [Unreleased]\n\n- More.\n\n## [{}] - 2026-11-22\n\n- All.\n",
            "CHANGELOG.md has changes that are in no version: move them below {}",
        ),
    ],
)
def test_a_release_is_what_its_tag_says(
    tag: str, changelog: str, refusal: str, tmp_path: Path
) -> None:
    (tmp_path / "CHANGELOG.md").write_text(changelog.format(__version__))
    given = f"VENV={sys.prefix}", f"TAG={tag.format(__version__)}"
    # What is installed is neither looked at nor made anew.
    command = ["make", "--file", str(ROOT / "Makefile"), f"--old-file={sys.prefix}/.installed"]
    done = subprocess.run(
        [*command, *given, "check-release"],
        cwd=tmp_path,
        # A make around the tests is none of its business.
        env={name: each for name, each in os.environ.items() if name[:4] not in {"MAKE", "MFLA"}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert done.stderr.partition("\nmake: ")[0].strip() == refusal.format(__version__)
    assert bool(done.returncode) == bool(refusal)


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
