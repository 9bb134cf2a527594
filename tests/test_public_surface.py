"""What `import gitops` gives, what it costs, and that it changes only on purpose."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

import gitops

if TYPE_CHECKING:
    from tests.golden_files import Golden

IMPORTED = """
import json, runpy, sys
before = set(sys.modules)
sys.argv = ["gitops", *sys.argv[1:]]
try:
    {statement}
except SystemExit as end:
    assert not end.code, end.code
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(json.dumps(sorted(new - sys.stdlib_module_names)), file=sys.stderr)
"""


def packages_imported_by(statement: str, *arguments: str) -> set[str]:
    """The top-level packages beyond the standard library that a statement loads."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED.format(statement=statement), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def described(name: str) -> str:
    value = getattr(gitops, name)
    match value:
        case type() if issubclass(value, BaseException):
            return f"error {name}({', '.join(base.__name__ for base in value.__bases__)})"
        case type():
            return f"class {name}{inspect.signature(value)}"
        case _ if callable(value):
            return f"def {name}{inspect.signature(value)}"
        case _:
            return f"{name}: {type(value).__name__}"


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    assert len(set(gitops.__all__)) == len(gitops.__all__)
    assert set(gitops.__all__) <= set(dir(gitops))
    silent = [
        name
        for name in gitops.__all__
        if callable(getattr(gitops, name)) and not inspect.getdoc(getattr(gitops, name))
    ]
    assert silent == []


def test_the_public_surface_changes_only_on_purpose(golden: Golden) -> None:
    lines = [described(name) for name in sorted(gitops.__all__)]
    golden("public-surface.txt", "\n".join(lines) + "\n")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = gitops.no_such_name


def test_the_version_is_said_once() -> None:
    assert gitops.__version__ == version("baseten-gitops")


def test_importing_the_package_imports_nobody_else_s() -> None:
    assert packages_imported_by("import gitops") == {"gitops"}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_costs_no_more_than_click(arguments: tuple[str, ...]) -> None:
    run = 'runpy.run_module("gitops", run_name="__main__")'
    assert packages_imported_by(run, *arguments) <= {"gitops", "click"}
