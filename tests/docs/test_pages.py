"""Every command of every page is run, or its source says why it is not."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

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


def test_a_page_is_not_believed() -> None:
    assert shows("deployment ixseqn2w after 4.6s", "deployment j8exd4w8\n  after 18s")
    assert shows("first\n…\nlast", "first\nsecond\nlast")
    assert not shows("converged: a", "rolled back: a")
    assert not shows("first\n…\nlast", "first\nlast of all")
    assert not shows("exit 3", "exit code 3")
    assert edited("a\nb\nc\n", " a\n-b\n+d\n") == "a\nd\nc\n"
