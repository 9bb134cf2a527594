"""A pin is written anew: one line changes, the rest of the file is the same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.yaml.document import read
from gitops.yaml.edit import NotEditable, pin_comment, with_scalar

OLD, NEW = "1" * 40, "2" * 40
PIN = ("environments", "production", "commit")
SUBJECT = '2026-11-20 "Raise context"'


def edited(text: str, comment: str | None = SUBJECT) -> str | NotEditable:
    found = with_scalar(read("a.yaml", text.encode()), PIN, NEW, comment=comment)
    return found if isinstance(found, NotEditable) else found.decode()


@pytest.mark.parametrize(
    ("written", "then"),
    [
        (f"commit: {OLD}", f"commit: {NEW}   # {SUBJECT}"),
        (f"commit:   {OLD}  ", f"commit:   {NEW}   # {SUBJECT}"),
        (f'commit: "{OLD}"  # 2025-01-01', f'commit: "{NEW}"  # {SUBJECT}'),
        (f'commit: \'{OLD}\'\t#2025-01-01 "Say "this""', f"commit: '{NEW}'\t# {SUBJECT}"),
        (f"commit: {OLD} # keep me", f"commit: {NEW} # keep me"),
        ("commit: HEAD", f"commit: {NEW}   # {SUBJECT}"),
        (f'"commit" : {OLD} #', f'"commit" : {NEW} # {SUBJECT}'),
    ],
)
def test_quotes_spaces_and_other_peoples_comments_stay(written: str, then: str) -> None:
    text = f"environments:\n  production:   # first\n    {written}\n    protected: true\n"
    assert edited(text) == text.replace(written, then)


def test_a_pin_inside_braces_gets_no_comment() -> None:
    text = f"environments: {{production: {{commit: {OLD}, protected: true}}}} # why\n"
    assert edited(text) == text.replace(OLD, NEW)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_stay(end: str, bom: str) -> None:
    rows = ["environments:", "  production:", f"    commit: {OLD}", "    # ende: ü", ""]
    text = bom + end.join(rows)
    assert edited(text, None) == text.replace(OLD, NEW)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"x: &pin {OLD}\nenvironments:\n  production: {{commit: *pin}}\n", "alias"),
        (f"environments:\n  production:\n    commit: >-\n      {OLD}\n", "several lines"),
        (f"environments:\n  production:\n    commit: !!str {OLD}\n", "tagged"),
        ("environments:\n  production:\n    protected: true\n", "not written in this file"),
        (f"environments:\n  a: &it\n    commit: {OLD}\n  production: *it\n", "alias"),
        (f"environments:\n  production: &it\n    commit: {OLD}\n  a: *it\n", "alias"),
        (f"environments:\n  production:\n    commit: [{OLD}]\n", "no single value"),
    ],
)
def test_what_cannot_be_written_in_place_is_left_alone(text: str, reason: str) -> None:
    found = edited(text)
    assert isinstance(found, NotEditable)
    assert reason in found.reason


LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=30)
    .filter(lambda line: line.isprintable())
    .map(lambda line: f"# {line}"),
    max_size=4,
)


@given(before=LINES, behind=LINES, quote=st.sampled_from(["", "'", '"']), end=st.sampled_from("\n"))
def test_there_and_back_gives_the_same_bytes(
    before: list[str], behind: list[str], quote: str, end: str
) -> None:
    rows = [*before, "environments:", *behind, "  production:", f"    commit: {quote}{OLD}{quote}"]
    rows += [*before, "    autoscaling: {max_replica: 3}   # three", *behind, ""]
    text = end.join(rows)
    there = edited(text, None)
    assert isinstance(there, str)
    assert there == text.replace(OLD, NEW)
    back = with_scalar(read("a.yaml", there.encode()), PIN, OLD)
    assert back == text.encode()


def test_a_subject_that_a_comment_cannot_hold_is_left_out() -> None:
    assert pin_comment("2026-11-20", "Raise context") == SUBJECT
    assert pin_comment("2026-11-20", "Raise\x1b[31m") == "2026-11-20"
