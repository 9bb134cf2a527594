"""``gitops log``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import click

from gitops.cli.context import Context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops.record.timeline import ModelLog


@click.command()
@click.argument("model", required=False)
@click.argument("environment", required=False, metavar="[ENV]")
@click.option(
    "--at",
    "moment",
    metavar="TIME",
    help="What served at that time: 2026-11-20, 2026-11-20T12:00, in UTC unless a zone is given.",
)
@click.option("--fetch", is_flag=True, help="Bring the log from the Git remote first.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one JSON document.",
)
@click.pass_obj
def command(
    context: Context,
    *,
    model: str | None,
    environment: str | None,
    moment: str | None,
    fetch: bool,
    form: Literal["text", "json"],
) -> None:
    """Read the deploy log: what was released where, when, by whom, and how it ended.

    Shows what this clone holds and asks nobody; with --fetch it asks the Git remote first. Newest
    entries come first. MODEL is NAME, or TEAM/NAME where several teams have one of that name.

    \b
    Examples:
      gitops log
      gitops log qwen-3-8b production
      gitops log --at 2026-11-20T12:00Z
      gitops log --fetch --format json
    """
    from gitops.render import log as render
    from gitops.render.palette import chosen
    from gitops.render.text import printable
    from gitops.wiring import open_log_book

    then = _moment(moment) if moment is not None else None
    book = open_log_book(context.project(), remote=fetch)
    if fetch:
        for notice in book.fetch():
            click.echo(printable(notice), err=True)
    team, _, name = (model or "").rpartition("/")
    logs: Sequence[ModelLog] = book.logs(team=team or None, model=name or None)
    if environment is not None:
        logs = [log.only(environment) for log in logs]
    if model is not None and not any(log.entries for log in logs):
        every = [log for log in book.logs() if log.entries]
        if every:
            click.echo(render.nothing_of(model, environment, every), err=form == "json")
            if form == "text":
                return
    style = chosen(colour=context.colour())
    match form, then:
        case "json", None:
            shown = render.as_json(logs)
        case "json", datetime():
            shown = render.as_json_at(logs, then)
        case "text", datetime():
            shown = render.text_at(logs, then, style, context.width())
        case _:
            shown = render.text(logs, style, context.width())
    click.echo(shown, nl=False)


def _moment(text: str) -> datetime:
    from gitops.errors import UsageError
    from gitops.render.text import printable

    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"--at {printable(text)} is not a time.",
            hint="write 2026-11-20, 2026-11-20T12:00 or 2026-11-20T12:00:00+01:00",
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
