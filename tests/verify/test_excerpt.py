"""What is shown and kept of texts: no secret, wherever it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.verify import excerpt

LONG = 1 << 20
SECRET = "hf_" + "A1b2C3d4E5f6G7h8"


@given(st.integers(1, 400), st.integers(0, 60), st.integers(0, 60))
def test_no_part_of_a_secret_is_left_where_a_text_is_cut(
    limit: int, before: int, after: int
) -> None:
    text = f"{'word ' * before}{SECRET}\n{'more ' * after}"
    for kept in (excerpt.longer_text(text, limit), excerpt.last_text(text, limit)):
        assert not any(SECRET[at : at + 6] in kept for at in range(3, len(SECRET) - 5))


def test_the_end_of_a_text_begins_with_a_whole_line() -> None:
    lines = [f"line {number}" for number in range(100)]
    kept = excerpt.last_text("\n".join(lines), 50)
    assert kept.splitlines() == lines[-6:]
    assert excerpt.last_text("short", 50) == "short"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("it is eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0, so", "it is (redacted), so"),
        ("a-eyJhbGciOiJI.eyJzdWIiOiIx. so", "a-(redacted) so"),
        ("x.eyJhbGciOiJI.eyJzdWIiOiIx.c2ln.eyJhbGciOiJI.eyJzdWIiOiIx.c", "x.(redacted).(redacted)"),
        ("eyJhbGciOiJI.short.c2lnbmF0", "eyJhbGciOiJI.short.c2lnbmF0"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx", "eyJhbGciOiJI.eyJzdWIiOiIx"),
        ("www.example.com and key.eyJ", "www.example.com and key.eyJ"),
    ],
)
def test_tokens_of_three_parts_are_taken_out(text: str, shown: str) -> None:
    assert excerpt.of_text(text) == shown


@pytest.mark.parametrize(
    "piece", ["-eyJ", "eyJaaaaaaaa.", "a.", "bearer ", "sk-", "abcdefgh.", " "]
)
def test_no_text_makes_the_search_slow(piece: str) -> None:
    # A search that looks through what it has looked through takes half an hour for any of these.
    text = piece * (LONG // len(piece))
    assert len(excerpt.last_text(text, LONG)) <= LONG
