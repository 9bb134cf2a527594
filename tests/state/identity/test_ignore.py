"""`.truss_ignore`: what Git means by its patterns, in a time that no pattern can stretch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import PathSpec

from gitops.state.identity.ignore import BadPattern, own

NAMES = st.text("ab", min_size=1, max_size=5)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)
WILD = st.lists(st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]"]), min_size=1, max_size=5)
SEGMENTS = st.one_of(WILD.map("".join), st.just("**"), NAMES)
PATTERNS = st.builds(
    lambda before, segments, after: f"{before}{'/'.join(segments)}{after}",
    st.sampled_from(["", "/", "!", "**/"]),
    st.lists(SEGMENTS, min_size=1, max_size=5),
    st.sampled_from(["", "/", "/**"]),
)


@given(st.lists(PATTERNS, min_size=1, max_size=3), st.lists(PATHS, min_size=1, max_size=5))
def test_the_same_files_are_left_out(patterns: list[str], paths: list[str]) -> None:
    plain = PathSpec.from_lines("gitignore", patterns, backend="simple")
    try:
        ignored = own("\n".join(patterns).encode())
    except BadPattern:
        assert any("[!a]" in each and each.count("*") > 2 for each in patterns)
        return
    for path in paths:
        folders = [path[: at + 1] for at, letter in enumerate(path) if letter == "/"]
        assert ignored(path) == any(map(plain.match_file, (*folders, path))), (patterns, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 30 + "*b", "a" * 4000),
        ("**/a/" * 30 + "b", "a/" * 300 + "c"),
        ("**/*a*a/" * 30 + "b", "aaaa/" * 300 + "c"),
        ("*a*/" * 30 + "b", "a/" * 300 + "c"),
        ("?*" * 60 + "b", "a" * 4000),
        ("[a-c]*" * 60 + "x", "a" * 4000),
    ],
)
def test_no_pattern_takes_for_ever(pattern: str, path: str) -> None:
    assert not own(pattern.encode())(path)


def test_a_set_that_lets_a_slash_pass_stands_beside_few_stars() -> None:
    assert own(b"*[!a]*")("b/c")
    with pytest.raises(BadPattern) as caught:
        own(b"# mine\n[!a]*[!a]*[!a]*[!a]*x")
    assert caught.value.line == 2
    assert caught.value.hint == "a set such as [!a] may stand beside two stars, and no more"
