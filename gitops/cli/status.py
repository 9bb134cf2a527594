"""``gitops status``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

import click

from gitops.cli.context import Context
from gitops.cli.forms import formats
from gitops.cli.selecting import models

if TYPE_CHECKING:
    from gitops.plan.status import Status

EVERY: Final = 5.0
"""Seconds between two looks of ``--watch``."""


@click.command()
@models
@click.option("--watch", is_flag=True, help="Look again every few seconds, until Ctrl-C.")
@formats("json", says="A sentence for every environment, or one JSON document.")
@click.pass_obj
def command(
    context: Context, *, models: tuple[str, ...], watch: bool, form: Literal["text", "json"]
) -> None:
    """Say in a sentence how every environment is: what serves, and whether Git wants that.

    MODEL is a model's name, or TEAM/NAME. Reads only, and ends with 0 whatever it finds.

    \b
    Examples:
      gitops status
      gitops status qwen-3-8b --watch
      gitops status --format json | jq -r '.environments[].sentence'
    """
    from gitops.errors import UsageError
    from gitops.render import status as render

    if watch and form == "json":
        raise UsageError(
            "--watch shows text: its looks have no end", hint="ask for --format json again instead"
        )
    if watch:
        screen = Screen(context)
        keep_looking(lambda: screen.show(*_look(context, models)), screen.trouble, time.sleep)
        return
    status, warnings = _look(context, models)
    _warn(warnings)
    if form == "json":
        click.echo(render.as_json(status), nl=False)
    else:
        click.echo(_shown(context, status), nl=False)


def keep_looking(
    look: Callable[[], None], trouble: Callable[[str], None], pause: Callable[[float], None]
) -> None:
    """Look again and again until Ctrl-C, which is its ordinary end.

    What the first look raises is raised; later it is told, and the next look may see again.
    """
    from gitops.errors import GitopsError

    seen = False
    try:
        while True:
            try:
                look()
            except GitopsError as error:
                if not seen:
                    raise
                trouble(error.message)
            seen = True
            pause(EVERY)
    except KeyboardInterrupt:
        return


class Screen:
    """Where ``--watch`` shows: a terminal is drawn anew, anything else gets block after block."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._drawn = False

    def show(self, status: Status, warnings: tuple[str, ...]) -> None:
        """Show one look."""
        from gitops.render.text import printable
        from gitops.render.words import instant

        head = instant(status.now)
        told = "".join(f"{printable(each)}\n" for each in warnings)
        body = f"{_shown(self._context, status)}{told}"
        if not self._context.on_terminal:
            click.echo(f"{head}\n{body}")
            return
        self._draw(f"{head}, again every {EVERY:.0f}s until Ctrl-C\n\n{body}")

    def trouble(self, message: str) -> None:
        """Tell that a look failed, below what was seen last."""
        from gitops.render.text import printable

        click.echo(f"gitops: {printable(message)}", err=True)

    def _draw(self, text: str) -> None:
        """From the top: overwriting flickers less than clearing. What does not fit is left out."""
        import shutil

        lines = text.splitlines()
        room = shutil.get_terminal_size().lines - 1
        if len(lines) > room:
            lines = [*lines[: room - 1], f"… {len(lines) - room + 1} more lines"]
        begin = "\x1b[H" if self._drawn else "\x1b[2J\x1b[H"
        self._drawn = True
        click.echo(begin + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J", nl=False)


def _look(context: Context, models: tuple[str, ...]) -> tuple[Status, tuple[str, ...]]:
    from gitops.pipeline.plan import PlanRequest, plan
    from gitops.pipeline.selection import Selection
    from gitops.plan.status import build_status

    planned = plan(context.project(), PlanRequest(selection=Selection(models=models)))
    status = build_status(
        planned.desired, planned.live, planned.decisions, now=planned.plan.inputs.now
    )
    return status, planned.warnings


def _shown(context: Context, status: Status) -> str:
    from gitops.render.palette import chosen
    from gitops.render.status import render

    return render(status, chosen(colour=context.colour()), context.width())


def _warn(warnings: tuple[str, ...]) -> None:
    from gitops.render.text import printable

    for warning in warnings:
        click.echo(printable(warning), err=True)
