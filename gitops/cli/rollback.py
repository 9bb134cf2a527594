"""``gitops rollback``."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from gitops.cli.context import Context
from gitops.cli.eventfile import EventFile, both
from gitops.cli.locking import lock_timeout, waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops.pipeline.project import Project
    from gitops.pipeline.reverts import Changes
    from gitops.pipeline.rollback import RollbackRequest, WayBack
    from gitops.pipeline.rollback_now import NowRequest


@click.command()
@click.argument("model")
@click.argument("environment", metavar="ENV")
@click.option("--to", metavar="COMMIT", help="The source commit to go back to.")
@click.option(
    "--branch",
    metavar="NAME",
    help="What to call the new branch. With --now it is made also where the way back is by Git "
    "alone, as where what served before serves already; but not where a branch of the remote, as "
    "last fetched, has this change.",
)
@click.option("--now", is_flag=True, help="Also bring it back on Baseten, and hold what serves.")
@click.option("--check", is_flag=True, help="With --now: run its checks first.")
@click.option("--no-lock", is_flag=True, help="With --now, while the Git host is down.")
@click.option(
    "--events",
    "events_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --now: also write one JSON event a line to FILE.",
)
@lock_timeout("With --now: how long to wait for another run.")
@click.pass_context
def command(
    ctx: click.Context,
    model: str,
    environment: str,
    *,
    to: str | None,
    branch: str | None,
    now: bool,
    check: bool,
    no_lock: bool,
    events_file: Path | None,
    lock_timeout: float | None,
) -> None:
    """Make the revert of what an environment serves, as a commit on a new branch.

    Finds the commit that last changed what ENV asks for and reverts it, if it changed nothing
    else; otherwise it edits the pin and says why. What the deploy log knows to be rolled back,
    rejected or never served in ENV is passed over: then the pin goes to the newest version before
    it that served there. The working tree and HEAD stay as they are, and nothing is pushed. Once
    it is merged, `gitops apply` promotes the deployment that is already there: what Baseten still
    holds is neither uploaded nor built again.

    With --now that happens at once, ahead of the merge, and what served is held, so that no apply
    brings it back meanwhile. Ends with 0 once it is confirmed, 8 where a person is needed.

    \b
    Examples:
      gitops rollback qwen-3-8b production
      gitops rollback qwen-3-8b production --now
      gitops rollback qwen-3-8b production --to 4be1c02f0c5d
    """
    from gitops.errors import UsageError
    from gitops.pipeline.rollback import RollbackRequest

    context = ctx.ensure_object(Context)
    if not now and (check or no_lock or lock_timeout is not None or events_file is not None):
        raise UsageError(
            "--check, --no-lock, --events and --lock-timeout need --now",
            hint="Nothing else acts on Baseten.",
        )
    request = RollbackRequest(
        model=model,
        environment=environment,
        to=to,
        branch=branch,
        published=now and branch is not None,
    )
    asked = _Asked(request, check=check, no_lock=no_lock, lock_timeout=lock_timeout)
    if not now:
        _by_git(context, request)
        return
    place = f"{model}/{environment}"
    path = context.directory / events_file if events_file is not None else None
    events = EventFile(path, back=place) if path is not None else None
    with events or nullcontext():
        code = _at_once(context, asked, events)
    if events is not None and events.problem:
        click.echo(events.problem, err=True)
    ctx.exit(code)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What `--now` was given."""

    request: RollbackRequest
    _: KW_ONLY
    check: bool
    no_lock: bool
    lock_timeout: float | None


def _by_git(context: Context, request: RollbackRequest) -> None:
    from gitops.pipeline.rollback import way_back
    from gitops.wiring import api_host, git_changes, open_log_book

    project = context.project()
    changes = git_changes(project)
    way = way_back(
        project, changes, request, open_log_book(project, remote=False), api_host(project)
    )
    _tell(way)
    _branch(changes, way)
    click.echo(
        "Nothing changed on Baseten yet: push the branch and merge it, or bring it back at once"
        " with --now.",
        err=True,
    )


def _at_once(context: Context, asked: _Asked, events: EventFile | None) -> int:
    from gitops.pipeline.rollback import way_back
    from gitops.pipeline.rollback_now import NowRequest
    from gitops.wiring import api_host, git_changes, open_log_book

    request = asked.request
    project = context.project()
    book = open_log_book(project, remote=not asked.no_lock)
    unread = not asked.no_lock and book.has_remote and not _bring(book)
    changes = git_changes(project)
    way = way_back(project, changes, request, book, api_host(project))
    _tell(way)
    if asked.check:
        _check(project, way)
    words = ["gitops", "rollback", request.model, request.environment]
    words += ["--to", request.to] if request.to else []
    at_once = NowRequest(
        way=way,
        no_lock=asked.no_lock,
        lock_timeout=waits(context, asked.lock_timeout),
        unread=unread,
        again=shlex.join([*words, "--now", *(["--check"] if asked.check else [])]),
        named=request.branch is not None,
    )
    return _now(context, project, at_once, partial(_branch, changes, way), events)


class _Book(Protocol):
    """A clone's deploy logs, which may be brought from the remote."""

    @property
    def last_fetch(self) -> datetime | None:
        """When the remote was last asked; None: never."""

    def fetch(self) -> tuple[str, ...]:
        """Bring them. Raises ``RemoteUnreachable``."""


def _bring(book: _Book) -> bool:
    """Fetch the deploy logs; without the remote, what this clone knows has to do: False."""
    from gitops.errors import RemoteUnreachable
    from gitops.render.behind import unknown
    from gitops.render.text import printable

    try:
        book.fetch()
    except RemoteUnreachable as error:
        now = datetime.now(tz=UTC)
        click.echo(printable(unknown(book.last_fetch, now, str(error))), err=True)
        return False
    return True


def _tell(way: WayBack) -> None:
    from gitops.render.text import printable

    for warning in way.warnings:
        click.echo(printable(warning), err=True)
    before = f" (the same files as {way.before_pin})" if way.before_pin else ""
    after = f" (the same files as {way.after_pin})" if way.after_pin else ""
    place = f"{way.model}/{way.environment}"
    click.echo(printable(f"{place} goes from {way.before}{before} to {way.after}{after}."))
    for passed in way.passed:
        click.echo(printable(f"Passed over: {passed}."))
    if way.passed:
        click.echo("Edits the pin, for no single revert goes back that far.")
    if way.culprit is not None:
        culprit = f'{way.culprit.id[:12]} "{way.culprit.subject}" by {way.culprit.author}'
        if way.how == "revert":
            click.echo(printable(f"Reverts {culprit}."))
        else:
            click.echo(printable(f"Edits the pin that {culprit} moved: {way.why}."))
    for note in way.notes:
        click.echo(printable(note))
    if way.unfollows:
        click.echo(
            printable(
                f"That pins {way.environment}, which followed the branch; reverting it lets it"
                " follow again."
            )
        )


def _branch(changes: Changes, way: WayBack) -> None:
    """Make the branch, or find the one of an earlier try."""
    from gitops.render.text import printable

    if way.published is not None:
        told = f"The remote has {way.branch} already, with this change: no other branch is made."
        click.echo(printable(told), err=True)
    elif way.there:
        click.echo(printable(f"{way.branch} is there already, with this change."), err=True)
    else:
        changes.branch(way.branch, way.commit)
    click.echo(printable(f"Branch {way.branch}, commit {way.published or way.commit}."))


def _check(project: Project, way: WayBack) -> None:
    from gitops.errors import GitopsError
    from gitops.pipeline.check import CheckRequest, check
    from gitops.render.text import printable

    class Rejected(GitopsError):
        exit_code = 5

    asked = CheckRequest(model=way.model, environment=way.environment, rev=way.commit)
    checked = check(project, asked, hear=lambda line: click.echo(printable(line), err=True))
    if checked.exit_code:
        raise Rejected(
            f"{way.after} does not pass the checks of {way.model}/{way.environment}",
            hint=f"Nothing was changed on Baseten; `gitops check {way.model} {way.environment}"
            f" --rev {way.commit[:12]}` shows why.",
        )


def _now(
    context: Context,
    project: Project,
    request: NowRequest,
    branch: Callable[[], None],
    events: EventFile | None,
) -> int:
    from gitops.cli.terminal import Terminal
    from gitops.pipeline.rollback_now import roll_back_now

    place = f"{request.way.model}/{request.way.environment}"
    terminal = Terminal(context, form="text", yes=True, back=place)
    with terminal:
        outcome = roll_back_now(
            replace(project, say=terminal.say),
            request,
            branch=branch,
            emit=terminal.emit if events is None else both(events, terminal.emit),
            stoppable=terminal.stoppable,
            say=terminal.say,
        )
    for notice in outcome.notices:
        terminal.say(notice)
    return outcome.exit_code
