"""``gitops rollback``."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

import click

from gitops.cli.context import Context
from gitops.cli.locking import lock_timeout, waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops.pipeline.project import Project
    from gitops.pipeline.reverts import Changes
    from gitops.pipeline.rollback import WayBack
    from gitops.pipeline.rollback_now import NowRequest


@click.command()
@click.argument("model")
@click.argument("environment", metavar="ENV")
@click.option("--to", metavar="COMMIT", help="The source commit to go back to.")
@click.option("--branch", metavar="NAME", help="What to call the new branch.")
@click.option("--now", is_flag=True, help="Also bring it back on Baseten, and hold what serves.")
@click.option("--check", is_flag=True, help="With --now: run its checks first.")
@click.option("--no-lock", is_flag=True, help="With --now, while the Git host is down.")
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
    from gitops.pipeline.rollback import RollbackRequest, way_back
    from gitops.wiring import api_host, git_changes, open_log_book

    context = ctx.ensure_object(Context)
    if not now and (check or no_lock or lock_timeout is not None):
        raise UsageError(
            "--check, --no-lock and --lock-timeout need --now", hint="Nothing else acts on Baseten."
        )
    project = context.project()
    request = RollbackRequest(model=model, environment=environment, to=to, branch=branch)
    book = open_log_book(project, remote=now and not no_lock)
    unread = now and not no_lock and book.has_remote and not _bring(book)
    changes = git_changes(project)
    way = way_back(project, changes, request, book, api_host(project))
    _tell(way)
    if check:
        _check(project, way)
    if not now:
        _branch(changes, way)
        click.echo(
            "Nothing changed on Baseten yet: push the branch and merge it, or bring it back at once"
            " with --now.",
            err=True,
        )
        return
    from gitops.pipeline.rollback_now import NowRequest

    words = ["gitops", "rollback", model, environment, *(["--to", to] if to else []), "--now"]
    at_once = NowRequest(
        way=way,
        no_lock=no_lock,
        lock_timeout=waits(context, lock_timeout),
        unread=unread,
        again=shlex.join([*words, *(["--check"] if check else [])]),
    )
    ctx.exit(_now(context, project, at_once, partial(_branch, changes, way)))


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

    if way.there:
        click.echo(printable(f"{way.branch} is there already, with this change."), err=True)
    else:
        changes.branch(way.branch, way.commit)
    click.echo(printable(f"Branch {way.branch}, commit {way.commit}."))


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
    context: Context, project: Project, request: NowRequest, branch: Callable[[], None]
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
            emit=terminal.emit,
            stoppable=terminal.stoppable,
            say=terminal.say,
        )
    for notice in outcome.notices:
        terminal.say(notice)
    return outcome.exit_code
