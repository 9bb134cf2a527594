"""The site's index is complete, and its reference is what the code says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import click
import pytest

from docs import generated
from gitops.apply import exits
from gitops.cli.main import COMMANDS
from gitops.cli.main import gitops as program
from gitops.cli.schema import DOCUMENTS, schema_text
from gitops.plan.events import ApplyFinished
from gitops.plan.released import outputs
from gitops.render import field_words
from tests.docs.page import ROOT

DOCS = ROOT / "docs"
_TREE = re.compile(r"```\{toctree\}\n(?P<body>.*?)```", re.DOTALL)
_VARIABLE = re.compile(r"environ(?:\.get)?[(\[]\"(?P<name>[A-Z_0-9]+)\"")


def read(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def test_the_index_has_every_page_once() -> None:
    entries = [
        f"{folder}{line.strip()}"
        for folder, page in (("", "index.md"), ("decisions/", "decisions/README.md"))
        for tree in _TREE.finditer(generated.filled(read(page)))
        for line in tree["body"].splitlines()
        if line.strip() and not line.startswith(":")
    ]
    named = [
        path.relative_to(DOCS).as_posix().removesuffix(".md")
        for entry in entries
        for path in DOCS.glob(f"{entry}.md")
    ]
    there = {path.relative_to(DOCS).as_posix().removesuffix(".md") for path in DOCS.glob("**/*.md")}
    assert sorted(named) == sorted(there - {"index"})


def test_every_generated_part_is_asked_for_and_filled() -> None:
    asked = {
        name
        for path in DOCS.glob("**/*.md")
        for name in re.findall(r"<!-- generated: ([\w-]+) -->", path.read_text(encoding="utf-8"))
    }
    assert asked == set(generated.PARTS)
    assert "<!-- generated" not in generated.filled(read("reference/documents.md"))


def test_every_command_is_in_the_reference() -> None:
    page = generated.commands()
    for name in COMMANDS:
        assert f"## gitops {name}\n" in page
    assert "### gitops forge comment\n" in page
    assert "Usage: gitops forge comment [OPTIONS] FILE" in page


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_every_field_of_every_document_is_described(name: str) -> None:
    rows = [line for line in generated.schema(name).splitlines() if line.startswith("| `")]
    assert rows
    assert [line for line in rows if line.endswith("|  |")] == []


def test_no_words_are_left_of_fields_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    used = set()

    def described(shape: str, field: str) -> str:
        used.update({f"{shape}.{field}", field})
        return ""

    monkeypatch.setattr(field_words, "described", described)
    for name in DOCUMENTS:
        schema_text(name)
    assert set(field_words.FIELDS) - used == set()


def commands(group: click.Group, path: str = "gitops") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group, resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_every_document_is_in_the_table_with_its_schema() -> None:
    rows = [line for line in read("reference/documents.md").splitlines() if line.startswith("| `")]
    told = {row.split("|")[1].strip() for row in rows}
    asked = set()
    for path, command in commands(program):
        forms = [each.type for each in command.params if each.name == "form"]
        asked |= {
            (path, form)
            for kind in forms
            if isinstance(kind, click.Choice)
            for form in set(kind.choices) - {"text", "markdown"}
        }
    missing = {
        f"{path} --format {form}"
        for path, form in asked
        if not any(row.startswith(f"`{path} ") and f"--format {form}`" in row for row in told)
    }
    assert missing == set()
    named = set(re.findall(r"\[`([a-z]+)`\]\(#[a-z]+\)", "\n".join(rows)))
    assert named == set(DOCUMENTS) - {"release", "config"}


def test_every_output_of_a_summary_is_described() -> None:
    lines = read("reference/documents.md").splitlines()
    [row] = [line for line in lines if "forge summary" in line]
    finished = ApplyFinished(time=datetime(2026, 1, 1, tzinfo=UTC), exit_code=0)
    assert {f"`{name}`" for name, _ in outputs(finished)} <= set(re.findall(r"`\w+`", row))


def test_the_readme_has_every_command() -> None:
    table = re.findall(r"^\| (`gitops [^|]*)\|", (ROOT / "README.md").read_text(), re.MULTILINE)
    told = " ".join(table)
    assert [name for name in COMMANDS if f"`gitops {name}" not in told] == []


def test_of_every_command_is_said_what_it_reaches() -> None:
    table = read("air-gapped.md").partition("## Install")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([a-z]+)(?: --[a-z]+)?`", " ".join(rows))) == set(COMMANDS)


def test_every_exit_code_is_described() -> None:
    codes = set(
        map(int, re.findall(r"^\| (\d+) \|", read("reference/exit-codes.md"), re.MULTILINE))
    )
    assert codes == {0, 2, exits.INTERRUPTED, *exits.ORDER}
    assert ", ".join(map(str, exits.ORDER)) in read("reference/exit-codes.md")


def test_every_variable_is_described() -> None:
    page = read("reference/environment.md")
    code = [
        path.read_text(encoding="utf-8")
        for path in (ROOT / "gitops").rglob("*.py")
        if not {"emulator", "demo"} & set(path.parts)
    ]
    read_by_name = {name for text in code for name in _VARIABLE.findall(text)}
    of_runners = {"BUILDKITE", "CIRCLE", "BUILD_", "BITBUCKET", "AZURE", "JENKINS", "SYSTEM", "TF_"}
    missing = {
        name
        for name in read_by_name
        if f"`{name}`" not in page and not name.startswith(tuple(of_runners))
    }
    assert missing == set()
