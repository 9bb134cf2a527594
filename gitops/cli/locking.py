"""``--lock-timeout``, for every command that takes a model's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from gitops.cli.context import Context

IN_CI: Final = 1800.0
"""Seconds that a CI run waits where nothing else is asked for; a person is told at once."""


_Command = TypeVar("_Command", bound=Callable[..., Any])


def lock_timeout(
    says: str = "Wait that long for another run's lock (30s, 10m).",
) -> Callable[[_Command], _Command]:
    """The option, as a number of seconds; ``says`` is its help."""
    return click.option(
        "--lock-timeout",
        metavar="DURATION",
        callback=_as_seconds,
        help=f"{says}  [default: 30m in CI, else 0]",
    )


def _as_seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """The option's text as seconds; None where it was not given."""
    if value is None:
        return None
    from gitops.release.scalars import seconds

    found = seconds(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no duration such as 30s, 10m or 1h")
    return found


def waits(context: Context, asked: float | None) -> float:
    """How many seconds to wait for another run's lock."""
    if asked is not None:
        return asked
    return IN_CI if context.in_ci else 0.0
