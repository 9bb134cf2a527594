"""Small rules of the language, and that no value whatever makes it crash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.pipeline.release_files import Configured, settle
from gitops.release.known import keys_at, places_of
from gitops.release.language import Config, Release
from gitops.release.scalars import seconds
from gitops.release.words import dotted, name, nearest, shown
from gitops.yaml.document import read

PLACES: list[tuple[str, ...]] = [
    (), ("environments", "x"), ("environments", "x", "autoscaling"), ("checks", "x"),
    ("environments", "x", "watch"), ("checks", "x", "expect"), ("timeouts",), ("retention",),
    ("environments", "x", "promotion", "rolling_deploy_config"),
]  # fmt: skip
ALL_KEYS = [key for path in PLACES for key in keys_at(Release, path)]


KEYS = st.sampled_from([*ALL_KEYS, "production", "staging", "smoke", "Prod", "<<"]) | st.text(
    max_size=4
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["HEAD", "10m", "/predict", "a/b", "smoke", "staging", "1" * 40, "DAILY"])
    | st.text(st.characters(blacklist_categories=["Cs"]), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
FILES = ANY | st.fixed_dictionaries(
    {"version": st.just(1), "model": st.just("m"), "environments": st.dictionaries(KEYS, ANY)},
    optional={"checks": st.dictionaries(KEYS, ANY), "truss": ANY, "timeouts": ANY},
)


@settings(max_examples=300)
@given(FILES, ANY)
def test_any_values_are_valid_or_problems(value: Any, config: Any) -> None:
    document = read("releases/m.yaml", json.dumps(value).encode())
    configured = Configured(Config(version=1), None, config if isinstance(config, dict) else {})
    settled, problems = settle(document, configured)
    assert settled is not None or problems
    for each in problems:
        assert each.message
        assert str(each).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 0.5), ("30s", 30), ("10m", 600), ("2h", 7200), ("30d", 2592000), ("0", 0),
        ("0s", 0), ("1.5s", 1.5), ("0.1s", 0.1), ("100ms", 0.1), ("1", None), ("s", None),
        ("-1s", None), ("1 s", None), ("1S", None), ("1h30m", None), ("", None), ("\u0661s", None),
        ("1e3s", None), ("9" * 20 + "s", None),
    ],
)  # fmt: skip
def test_durations(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("min_replicas", "min_replica"), ("minReplica", "min_replica"), ("min-replica", "min_replica"),
     ("MAX_REPLICA", "max_replica"), ("max_replca", "max_replica"), ("colour", None)],
)  # fmt: skip
def test_the_nearest_name(wrong: str, right: str | None) -> None:
    assert nearest(wrong, ["min_replica", "max_replica", "scale_down_delay"]) == right


def test_letters_that_changed_places_are_nearer_than_one_too_many() -> None:
    assert nearest("modle", ["mode", "model"]) == "model"
    assert nearest("modes", ["mode", "model"]) == "mode"


def test_values_are_shown_short_and_harmless() -> None:
    assert shown("a\x1b[31m") == '"a\\x1b[31m"'
    assert len(shown("x" * 1000)) < 70
    assert shown('"') == '"\\""'
    assert shown([1, 2]) == "a list of 2"
    assert shown({}) == "an empty map"
    assert name("a b") == "a b"
    assert name("\u202e") == '"\\u202e"'
    assert dotted(("environments", "a.b", 3, "c")) == "environments.a.b[3].c"


def test_keys_are_known_where_they_belong() -> None:
    assert "min_replica" in keys_at(Release, ("environments", "x", "autoscaling"))
    assert keys_at(Release, ("environments", "x", "requires")) == ("environment", "for")
    assert keys_at(Release, ("checks", "x", "request")) == ()
    assert places_of(Release, "keep") == ("retention",)
