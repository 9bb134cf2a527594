"""Which models and environments a command is about."""

from __future__ import annotations

import pytest

from gitops.errors import UsageError
from gitops.pipeline.selection import Selection, select
from gitops.state.desired import Desired, DesiredEnvironment, DesiredModel
from gitops.state.names import ModelKey


def model(name: str, *environments: str, team: str | None = None) -> DesiredModel:
    return DesiredModel(
        key=ModelKey(team, name),
        release_file=f"releases/{team or 'all'}-{name}.yaml",
        environments=tuple(DesiredEnvironment(name=each) for each in environments),
    )


FLEET = Desired(
    commit="0" * 40,
    models=(
        model("bert", "staging", "production"),
        model("qwen", "production", team="ml"),
        model("flux", "lab"),
        model("clip", "production", team="ml"),
        model("clip", "production", team="vision"),
    ),
)


def chosen(**options: object) -> list[str]:
    found = select(FLEET, Selection(**options))  # type: ignore[arg-type]
    return [str(each.key) for each in found.models]


def test_nothing_asked_for_is_everything() -> None:
    assert select(FLEET, Selection()) is FLEET


def test_models_are_found_by_name_and_kept_in_the_fleets_order() -> None:
    assert chosen(models=("qwen", "bert")) == ["bert", "ml/qwen"]
    assert chosen(models=("ml/qwen",)) == ["ml/qwen"]
    assert chosen(models=("vision/clip",)) == ["vision/clip"]


def test_what_is_excluded_is_left_out_even_where_it_was_named() -> None:
    assert chosen(exclude=("flux", "ml/clip")) == ["bert", "ml/qwen", "vision/clip"]
    assert chosen(models=("bert", "flux"), exclude=("bert",)) == ["flux"]


def test_an_environment_keeps_the_models_that_have_it_whole() -> None:
    selection = Selection(environment="staging")
    assert select(FLEET, selection).models == (FLEET.models[0],)
    assert selection.takes("staging")
    assert not selection.takes("production")
    assert Selection().takes("production")


def test_changed_release_files() -> None:
    assert chosen(changed=frozenset({"releases/all-flux.yaml", "releases/gone.yaml"})) == ["flux"]
    assert chosen(changed=frozenset()) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"models": ("brt",)}, "no release file has a model 'brt'; did you mean bert?"),
        ({"exclude": ("zzz",)}, "there are bert, ml/qwen, flux, ml/clip, vision/clip"),
        ({"models": ("other/bert",)}, "did you mean bert?"),
        ({"models": ("clip",)}, "say which of ml/clip, vision/clip"),
        ({"environment": "prodution"}, "did you mean production?"),
        ({"models": ("bert",), "exclude": ("bert",)}, "asked for: --exclude leaves bert out"),
        ({"models": ("flux",), "environment": "staging"}, "flux has no environment staging"),
        (
            {"models": ("bert", "flux"), "environment": "lab", "exclude": ("flux",)},
            "asked for: what --exclude leaves has no environment lab",
        ),
        (
            {"environment": "staging", "exclude": ("bert",)},
            "what --exclude leaves has no environment staging",
        ),
    ],
)
def test_a_name_that_fits_nothing_or_too_much(options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(**options)
    assert says in str(caught.value)
    assert caught.value.exit_code == 1
