from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.render.text import harmless, printable


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
        ("##vso[task.setvariable variable=PATH]x", r"#\u0023vso[task.setvariable variable=PATH]x"),
        ("a ##[add-mask]b", r"a #\u0023[add-mask]b"),
        ("::stop-commands::x", r":\u003astop-commands::x"),
        ("a ::error::b", r"a :\u003aerror::b"),
        ("## heading, std::vector<int>, ::1, #1", "## heading, std::vector<int>, ::1, #1"),
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


UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.booleans(), st.sampled_from([None, 2]))
def test_json_keeps_its_value_and_loses_what_could_do_harm(
    value: object, ascii_only: bool, indent: int | None
) -> None:
    shown = harmless(json.dumps(value, ensure_ascii=ascii_only, indent=indent))
    assert json.loads(shown) == value
    assert "##" not in shown
    assert not {unicodedata.category(each) for each in shown if each != "\n"} & UNSAFE


def test_json_that_a_runner_would_take_for_a_command() -> None:
    text = harmless(
        json.dumps({"reason": "##[add-path]x \x9b31m\u202e\ud800\U000e0041"}, ensure_ascii=False)
    )
    assert text == r'{"reason": "#\u0023[add-path]x \u009b31m\u202e\ud800\udb40\udc41"}'
