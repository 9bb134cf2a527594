"""How defaults merge: laws, and the cases that people meet."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitops.release.defaults import environment, merged, release

VALUES = st.recursive(
    st.integers() | st.text(max_size=2) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
MAPS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(MAPS)
def test_nothing_merged_is_what_it_was(value: dict[str, Any]) -> None:
    assert merged({}, value) == merged(value, {}) == merged(value, value) == value


@given(MAPS, MAPS, MAPS)
def test_merging_goes_layer_by_layer(far: Any, middle: Any, near: Any) -> None:
    one, other = merged(merged(far, middle), near), merged(far, merged(middle, near))
    # Where a layer in between replaces a map by a value, what lies below it cannot come back.
    if not _replaces(far, middle) and not _replaces(middle, near) and not _replaces(far, near):
        assert one == other


@given(MAPS, MAPS)
def test_the_nearer_value_wins(far: dict[str, Any], near: dict[str, Any]) -> None:
    result = merged(far, near)
    assert set(result) == {*far, *near}
    for key, value in near.items():
        if not isinstance(value, dict) or not isinstance(far.get(key), dict):
            assert result[key] == value
    for key, value in far.items():
        if key not in near:
            assert result[key] == value


def _replaces(far: Any, near: Any) -> bool:
    return any(
        isinstance(far[key], dict) != isinstance(near[key], dict)
        or (isinstance(far[key], dict) and _replaces(far[key], near[key]))
        for key in far.keys() & near.keys()
    )


@given(MAPS, MAPS)
def test_merging_leaves_its_inputs_alone(far: dict[str, Any], near: dict[str, Any]) -> None:
    before = repr((far, near))
    merged(far, near)
    assert repr((far, near)) == before


def test_defaults_never_create_an_environment() -> None:
    config = {"defaults": {"environments": {"production": {"commit": "HEAD"}}}}
    assert release(config, {"environments": {"staging": {}}}) == {"environments": {"staging": {}}}


def test_a_deployment_ends_the_commit_of_the_defaults() -> None:
    assert environment({"commit": "HEAD"}, {"deployment": "d"}) == {"deployment": "d"}
    assert environment({"deployment": "d"}, {"commit": "HEAD"}) == {"commit": "HEAD"}


def test_a_files_own_check_replaces_the_one_of_the_defaults() -> None:
    config = {"defaults": {"checks": {"smoke": {"request": 1, "runs": 3}, "other": {"request": 2}}}}
    found = release(config, {"checks": {"smoke": {"request": 5}}})
    assert found["checks"] == {"smoke": {"request": 5}, "other": {"request": 2}}


def test_a_schema_is_a_value_and_never_merged() -> None:
    far = {"schema": {"type": "object"}, "equals": {"a": 1}}
    near = {"schema": {"type": "array"}, "equals": {"b": 2}}
    assert merged(far, near) == near
