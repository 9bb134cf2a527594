"""Spans in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gitops.wording import largest_unit


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(days=45, hours=23), "45d"),
        (timedelta(days=1), "1d"),
        (timedelta(hours=23, minutes=59), "23h"),
        (timedelta(minutes=59), "59m"),
        (timedelta(seconds=59.9), "59s"),
        (timedelta(0), "0s"),
        (timedelta(seconds=-5), "0s"),
    ],
)
def test_a_span_has_its_largest_whole_unit(span: timedelta, words: str) -> None:
    assert largest_unit(span) == words
