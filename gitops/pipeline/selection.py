"""Which models and environments a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from gitops.errors import UsageError
from gitops.state.desired import Desired, DesiredModel
from gitops.wording import listed

MOST_NAMED: Final = 10
"""So many names are listed where none is near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What was asked for on the command line; empty: everything.

    ``models`` and ``exclude`` are ``TEAM/NAME``, or a name alone where that is unique.
    ``environment`` keeps only environments of that name. ``changed`` are the release files that
    differ from some base, paths from the repository's root; None: not asked for. ``only`` are the
    full names of what a saved plan holds; whether Git still manages them is for who compares.
    """

    models: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    environment: str | None = None
    changed: frozenset[str] | None = None
    only: frozenset[str] | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Selection()

    def takes(self, environment: str) -> bool:
        """Whether an environment of that name is asked for."""
        return self.environment is None or environment == self.environment


def select(desired: Desired, selection: Selection) -> Desired:
    """The desired state with only the models that were asked for, in its own order.

    Models stay whole, because an environment may require one that was not asked for: which of
    their environments to plan and to touch is what ``Selection.takes`` says.

    Raises ``UsageError``, naming the nearest, for a model or an environment that nothing manages,
    for a name that several teams use, and where what was asked for leaves nothing.
    """
    if selection.everything:
        return desired
    wanted = {_find(name, desired.models).key for name in selection.models}
    unwanted = {_find(name, desired.models).key for name in selection.exclude}
    chosen = tuple(
        model
        for model in desired.models
        if (not selection.models or model.key in wanted)
        and model.key not in unwanted
        and (selection.changed is None or model.release_file in selection.changed)
        and (selection.only is None or str(model.key) in selection.only)
    )
    if selection.environment is not None:
        if selection.only is None:
            _known(selection.environment, desired.models)
        chosen = tuple(
            model
            for model in chosen
            if any(selection.takes(each.name) for each in model.environments)
        )
    named = selection.changed is None and selection.only is None
    if named and desired.models and not chosen:
        raise UsageError(f"nothing is left of what was asked for: {_why_nothing(selection)}")
    return replace(desired, models=chosen)


def _why_nothing(selection: Selection) -> str:
    models = listed(selection.models)
    if selection.environment is None:
        return f"--exclude leaves {models or 'every model'} out"
    if selection.exclude:
        return f"what --exclude leaves has no environment {selection.environment}"
    have = "has" if len(selection.models) == 1 else "have"
    return f"{models} {have} no environment {selection.environment}"


def _known(environment: str, models: Sequence[DesiredModel]) -> None:
    known = sorted({each.name for model in models for each in model.environments})
    if environment not in known:
        nearest = _nearest(environment, known)
        raise UsageError(f"no release file has an environment {environment!r}{nearest}")


def _find(name: str, models: Sequence[DesiredModel]) -> DesiredModel:
    exact = [model for model in models if str(model.key) == name]
    if exact:
        return exact[0]
    alone = [model for model in models if model.key.name == name]
    if len(alone) == 1:
        return alone[0]
    if alone:
        teams = ", ".join(str(model.key) for model in alone)
        raise UsageError(f"several models are called {name!r}: say which of {teams}")
    known = [str(model.key) for model in models]
    raise UsageError(f"no release file has a model {name!r}{_nearest(name, known)}")


def _nearest(name: str, known: Sequence[str]) -> str:
    bare = {each.rpartition("/")[2]: each for each in known}
    near = get_close_matches(name, known, n=1) or get_close_matches(
        name.rpartition("/")[2], bare, n=1
    )
    if near:
        return f"; did you mean {bare.get(near[0], near[0])}?"
    if not known:
        return ""
    more = ", ..." if len(known) > MOST_NAMED else ""
    return f"; there {'is' if len(known) == 1 else 'are'} {', '.join(known[:MOST_NAMED])}{more}"
