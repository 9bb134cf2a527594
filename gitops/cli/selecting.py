"""Which models and environments a plan is about: the options that plan and apply share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

models: Final = click.argument("models", nargs=-1, metavar="[MODEL]…")
exclude: Final = click.option(
    "--exclude", multiple=True, metavar="MODEL", help="Leave a model out; repeatable."
)
environment: Final = click.option(
    "--env", "environment", metavar="NAME", help="Only environments of this name."
)
changed: Final = click.option(
    "--changed",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[BASE]",
    help="Only models that differ from BASE, or from where the deploy branch was left.",
)


def selecting(command: _Command) -> _Command:
    """All of them, in this order."""
    return models(exclude(environment(changed(command))))
