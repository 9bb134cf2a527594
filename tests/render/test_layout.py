"""Lines that fit, with every word whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitops.render.layout import LEAST, MOST, WIDTH, columns, lines, safe, styled
from gitops.render.palette import ansi, plain

NAME = "git-690d7a2c8b9ca05db38fbd6c421a0e24687d21fe"
words = st.lists(st.text("abc`.-/é", min_size=1, max_size=12), min_size=1, max_size=40)


@given(words, st.integers(min_value=20, max_value=120))
def test_nothing_is_lost_and_only_words_are_longer_than_the_page(
    found: list[str], width: int
) -> None:
    text = " ".join(found)
    shown = lines(text, width, first="    ", rest="      ")
    assert " ".join(" ".join(shown).split()) == " ".join(text.split())
    for line in shown:
        assert len(line) <= width or " " not in line.strip() or "`" in line


def test_commands_and_commits_stay_in_one_piece() -> None:
    text = "look at it, or take it back with `gitops apply --undo-drift` to commit 4be1c02f0c5d."
    shown = lines(text, 50)
    assert any("`gitops apply --undo-drift`" in line for line in shown)
    assert any("commit 4be1c02f0c5d." in line for line in shown)
    assert all(len(line) <= 50 for line in shown)


def test_long_names_of_our_deployments_are_cut_and_others_are_not() -> None:
    assert safe(f"deployment {NAME}.1795311491 is ACTIVE") == (
        "deployment git-690d7a2c8b9c….1795311491 is ACTIVE"
    )
    assert safe("deployment git-lfs-tests and git-690d7a2c8b9c") == (
        "deployment git-lfs-tests and git-690d7a2c8b9c"
    )


def test_every_line_is_styled_by_itself_and_its_indent_is_not() -> None:
    text = "ada/production serves what Git wants, and has served it since yesterday noon."
    shown = list(styled(text, ansi, "good", 44, lead="ada/production", first="  ", rest="    "))
    assert shown[0].startswith("  \x1b[1mada/production\x1b[0m\x1b[32m serves")
    assert all(line.endswith("\x1b[0m") for line in shown)
    assert all(line.startswith("    \x1b[32m") for line in shown[1:])
    assert list(styled("", plain, "good", 40)) == [""]


def test_a_page_is_as_wide_as_the_terminal_within_reason() -> None:
    assert columns(None) == WIDTH
    assert [columns(each) for each in (10, 80, 400)] == [LEAST, 80, MOST]
