"""``gitops log``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import click

from gitops.cli.context import Context
from gitops.cli.forms import formats

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gitops.pipeline.rollback import Logs
    from gitops.record.timeline import ModelLog


@click.command()
@click.argument("model", required=False)
@click.argument("environment", required=False, metavar="[ENV]")
@click.option(
    "--at",
    "moment",
    metavar="TIME",
    help="What served at that time: 2026-11-20T12:00 in UTC, with a zone 2026-11-20T12:00+01:00 or "
    "'2026-11-20 12:00 Europe/Berlin'; or so long ago: 2h.",
)
@click.option(
    "-n",
    "--newest",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only the newest N entries of each model.",
)
@click.option("--fetch", is_flag=True, help="Bring the log from the Git remote first.")
@formats("json", says="Lines for people, or one JSON document.")
@click.pass_obj
def command(
    context: Context,
    *,
    model: str | None,
    environment: str | None,
    moment: str | None,
    newest: int | None,
    fetch: bool,
    form: Literal["text", "json"],
) -> None:
    """Read the deploy log: what was released where, when, by whom, and how it ended.

    Shows what this clone holds and asks nobody; with --fetch it asks the Git remote first. Newest
    entries come first. MODEL is NAME, or TEAM/NAME where several teams have one of that name.

    \b
    Examples:
      gitops log
      gitops log qwen-3-8b production -n 5
      gitops log --at 2026-11-20T12:00Z
      gitops log --at '2026-11-17 14:00 Europe/Berlin'
      gitops log --fetch --format json
    """
    from gitops.errors import UsageError
    from gitops.render import log as render
    from gitops.render.text import printable
    from gitops.wiring import open_log_book
    from gitops.wording import sentence

    now = datetime.now(tz=UTC)
    then = _moment(moment, now) if moment is not None else None
    if then is not None and newest is not None:
        raise UsageError("--at and --newest exclude each other", hint="give one of them")
    book = open_log_book(context.project(), remote=fetch)
    said: Iterable[str] = ()
    if fetch:
        said = book.fetch()
    elif book.has_remote:
        said = _known(book.last_fetch, now, then, never=book.never_fetched)
    for line in said:
        click.echo(printable(line), err=True)
    team, _, name = (model or "").rpartition("/")
    logs: Sequence[ModelLog] = book.logs(team=team or None, model=name or None)
    logs = logs or _before(context, book, model)
    if environment is not None:
        logs = [log.only(environment) for log in logs]
    if model is not None and not any(log.entries for log in logs):
        every = [log for log in book.logs() if log.entries]
        nothing = render.nothing_of(model, environment, every)
        if not _is_wanted(context, model, environment):
            raise UsageError(nothing)
        click.echo(sentence(nothing), err=form == "json")
        if form == "text":
            return
    if form == "json":
        shown = _json(logs, then, newest, book.last_fetch)
    else:
        shown = _text(context, logs, then, newest)
    click.echo(shown, nl=False)


def _is_wanted(context: Context, model: str, environment: str | None) -> bool:
    """Whether release files name it, so that it may be released yet; also where that is unknown."""
    from gitops.errors import GitopsError
    from gitops.pipeline.project import desired_state

    try:
        desired = desired_state(context.project())
    except GitopsError:
        return True
    team, _, name = model.rpartition("/")
    return any(
        environment is None or environment.lower() in {it.name.lower() for it in each.environments}
        for each in desired.models
        if each.key.name == name and (not team or each.key.team in {team, None})
    )


def _before(context: Context, book: Logs, model: str | None) -> Sequence[ModelLog]:
    """The log that a model's release file had before the model was renamed; says so."""
    if model is None:
        return ()
    from gitops.errors import GitopsError
    from gitops.pipeline.project import desired_state
    from gitops.pipeline.selection import Selection, select
    from gitops.render.text import printable

    try:
        desired = desired_state(context.project())
        [found] = select(desired, Selection(models=(model,))).models
    except GitopsError:
        # Then nothing is known of it but its name.
        return ()
    logs = book.of(found.key.name, found.release_file)
    for log in logs:
        said = (
            f"There is no deploy log of {model} yet; {found.release_file} named {log.model}"
            " before, and this is what that has."
        )
        click.echo(printable(said), err=True)
    return logs


def _known(
    fetched: datetime | None, now: datetime, then: datetime | None, *, never: bool
) -> Iterator[str]:
    """How old what this clone knows is: nobody was asked."""
    from gitops.render.behind import known_as_of

    sentence = known_as_of(fetched, now, asked=then, never=never)
    if sentence is not None:
        yield sentence
    if then is not None and then > now:
        yield "That time has not come yet: this is what is known now."


def _json(
    logs: Sequence[ModelLog],
    then: datetime | None,
    newest: int | None,
    fetched_at: datetime | None,
) -> str:
    from gitops.render import log as render

    if then is not None:
        return render.as_json_at(logs, then, fetched_at)
    kept = logs if newest is None else [log.newest(newest) for log in logs]
    return render.as_json(kept, fetched_at)


def _text(
    context: Context, logs: Sequence[ModelLog], then: datetime | None, newest: int | None
) -> str:
    from gitops.render import log as render
    from gitops.render.palette import chosen

    style, width = chosen(colour=context.colour()), context.width()
    if then is not None:
        return render.text_at(logs, then, style, width)
    return render.text(logs, style, width, newest=newest)


def _moment(text: str, now: datetime) -> datetime:
    """The time that a text means, in UTC: a moment, or a duration before ``now``."""
    from gitops.errors import UsageError
    from gitops.release.scalars import seconds
    from gitops.render.text import printable

    asked = text.strip()
    try:
        ago = seconds(asked)
        if ago is not None:
            return now - timedelta(seconds=ago)
        head, _, zone = asked.rpartition(" ")
        if head and not zone[:1].isdigit():
            return _in_zone(datetime.fromisoformat(head), zone)
        moment = datetime.fromisoformat(asked)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--at {printable(text)} is not a time",
            hint="write 2026-11-20, 2026-11-20T12:00, 2026-11-20T12:00:00+01:00,"
            " '2026-11-20 12:00 Europe/Berlin', or 2h for two hours ago",
        ) from error


def _in_zone(moment: datetime, name: str) -> datetime:
    """A wall-clock time somewhere, in UTC. Raises ``ValueError`` for what is none."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from gitops.errors import UsageError
    from gitops.render.text import printable

    if moment.tzinfo is not None:
        raise ValueError("it has two zones")
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"--at: {printable(name)} is no time zone that this machine knows",
            hint="write one such as Europe/Berlin, or an offset such as +01:00",
        ) from error
    first, second = (moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    skipped = first.astimezone(zone).replace(tzinfo=None) != moment
    told = "was skipped when the clocks changed" if skipped else "was there twice"
    raise UsageError(
        f"--at {moment.isoformat(' ', 'minutes')} {told} in {name}",
        hint="write it with its offset, as in 2026-10-25T02:30+01:00",
    )
