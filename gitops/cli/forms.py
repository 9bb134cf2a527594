"""``--format``, for every command that can say one thing to people and to programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def formats(*others: str, says: str) -> Callable[[_Command], _Command]:
    """The option, as the parameter ``form``: text unless one of the others is asked for.

    ``says`` is its help.
    """
    return click.option(
        "--format",
        "form",
        type=click.Choice(["text", *others]),
        default="text",
        show_default=True,
        help=says,
    )
