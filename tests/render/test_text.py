from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.render.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, Grüße, 日本語\u3000空白", "plain text, Grüße, 日本語\u3000空白"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\tc\x07\x7f", r"a\nb\r\tc\x07\x7f"),
        ("user\u202egpj.exe", r"user\u202egpj.exe"),
        ("\u2066isolated\u2069\u200b", r"\u2066isolated\u2069\u200b"),
        ("line\u2028separator", r"line\u2028separator"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), r"caf\udce9"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_could_do_harm_is_made_visible(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_line_breaks_stay_where_asked_for() -> None:
    assert printable("one\ntwo\x1b\r\n", lines=True) == "one\ntwo\\x1b\\r\n"


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_becomes_one_encodable_line_and_stays_as_it_is_then(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    shown.encode()
    assert printable(shown) == shown
