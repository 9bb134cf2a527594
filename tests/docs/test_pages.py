"""Every command of every page is run, or its source says why it is not."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path

import click
import pytest

from gitops.cli.main import gitops as program
from tests.docs.page import ROOT, Block, blocks, edited, shows
from tests.docs.runner import open_runner
from tests.docs.stages import STAGES

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md")
)


def blocks_of(page: str) -> list[Block]:
    return blocks((ROOT / page).read_text(encoding="utf-8"))


def is_run(page: str) -> bool:
    return any(each.is_command and each.not_run is None for each in blocks_of(page))


@pytest.mark.parametrize("page", list(filter(is_run, PAGES)))
def test_every_command_of_the_page_does_what_it_shows(page: str, tmp_path: Path) -> None:
    with open_runner(tmp_path) as runner, STAGES.get(page, nullcontext)(runner):
        runner.page(page, blocks_of(page))


def test_every_stage_is_a_page_s() -> None:
    assert set(STAGES) <= set(filter(is_run, PAGES))


def test_no_command_hides_in_another_language() -> None:
    shells = {"sh", "bash", "shell", "zsh", "shellsession", "pycon"}
    assert [
        f"{page}:{each.line}"
        for page in PAGES
        for each in blocks_of(page)
        if each.language in shells
    ] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_seen_and_none_hides_a_command(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = blocks(text)
    # What Sphinx reads as a directive lists pages, and is on the start page alone.
    directives = text.count("```{toctree}")
    assert directives == 0 or page == "docs/index.md"
    fences = re.findall(r"^ *(?:```|~~~)", text, re.MULTILINE)
    assert directives or len(fences) == 2 * len(found)
    for each in found:
        assert each.language == "console" or not re.search(r"^\s*\$ ", each.text, re.MULTILINE), (
            f"{page}:{each.line}: a command in a block that is not run"
        )
        assert each.language != "console" or each.is_command
    assert re.search(r"^ {4,}\$ ", words_of(page), re.MULTILINE) is None


def words_of(page: str) -> str:
    """A page without its fenced blocks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


SPAN = re.compile(r"`(gitops [a-z][^`]*)`", re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_the_words_name_is_there(page: str) -> None:
    """With its options: what a sentence says to run can be run."""
    for span in SPAN.findall(words_of(page)):
        words = span.partition(" --exec")[0].split()[1:]
        command: click.Command = program
        context = click.Context(program, resilient_parsing=True)
        while words and isinstance(command, click.Group):
            inner = command.get_command(context, words[0])
            assert inner is not None or command.invoke_without_command, f"{page}: {span}"
            if inner is None:
                break
            command, words = inner, words[1:]
        options = {name for each in command.params for name in each.opts + each.secondary_opts}
        asked = {word.partition("=")[0].strip(",[]") for word in words if word.startswith("-")}
        assert asked - options - {"--help"} == set(), f"{page}: {span}"


def test_a_page_is_not_believed() -> None:
    assert shows("deployment ixseqn2w after 4.6s", "deployment j8exd4w8\n  after 18s")
    assert shows("first\n…\nlast", "first\nsecond\nlast")
    assert not shows("converged: a", "rolled back: a")
    assert not shows("first\n…\nlast", "first\nlast of all")
    assert not shows("exit 3", "exit code 3")
    assert edited("a\nb\nc\n", " a\n-b\n+d\n") == "a\nd\nc\n"
