"""``gitops promote``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitops.cli.context import Context

if TYPE_CHECKING:
    from gitops.pipeline.project import Project
    from gitops.pipeline.promote import PinMove


@click.command()
@click.argument("model")
@click.option("--from", "source", metavar="ENV", required=True, help="Whose artifact to take.")
@click.option("--to", "target", metavar="ENV", required=True, help="Whose pin to move.")
@click.option("--commit", "commit", is_flag=True, help="Commit the change here.")
@click.option(
    "--branch", metavar="NAME", help="Commit it to a new branch; nothing here is touched."
)
@click.pass_obj
def command(
    context: Context, model: str, *, source: str, target: str, commit: bool, branch: str | None
) -> None:
    """Move one environment's pin to what another environment serves.

    Reads from Baseten what ENV serves, finds the commit it was built from, and writes that commit
    into the release file. One line changes; comments, order and quotes stay. Nothing is released:
    that is what `gitops apply` does once the change is merged.

    \b
    Examples:
      gitops promote qwen-3-8b --from staging --to production
      gitops promote qwen-3-8b --from staging --to production --branch ship-qwen
    """
    from gitops.errors import UsageError
    from gitops.pipeline.promote import move_pin
    from gitops.render.text import printable

    if commit and branch:
        raise UsageError(
            "--commit and --branch exclude each other",
            hint="--commit is for the branch that is checked out, --branch for a new one.",
        )
    project = context.project()
    if project.repository.is_bare and branch is None:
        raise UsageError("there is no working tree here", hint="Name a new branch with --branch.")
    move = move_pin(project, model, source=source, target=target, committed=branch is not None)
    place = f"{move.model}/{target}"
    if not move.changes:
        click.echo(
            f"{printable(place)} asks for what {printable(source)} serves already:"
            f" commit {move.commit.id[:12]}."
        )
        return
    _refuse_what_cannot_be_written(project, move, commit=commit, branch=branch)
    before = f"commit {move.before[:12]}" if move.before else "HEAD"
    click.echo(f"{printable(place)} moves from {before} to commit {move.commit.id[:12]}:")
    for line in move.diff.splitlines():
        click.echo(f"    {printable(line)}")
    for shipped in move.ships:
        click.echo(f"  ships {shipped.id[:12]} {printable(shipped.subject)}")
    if move.cancelled:
        click.echo(f"  {move.cancelled} more commits cancel each other out")
    if move.before is None:
        click.echo(f"{printable(place)} does not follow HEAD any more: it is pinned.")
    click.echo(_written(project, move, commit=commit, branch=branch))
    _warn_of_a_hold(project, move)


def _warn_of_a_hold(project: Project, move: PinMove) -> None:
    """Asking anew for what was rolled back tries it again; nobody should do that unawares."""
    from gitops.pipeline.promote import held_there
    from gitops.render.text import printable
    from gitops.wiring import api_host, open_log_book

    logs = open_log_book(project).logs(model=move.model.rpartition("/")[2])
    why = held_there(move, logs, api_host(project))
    if why is not None:
        click.echo(
            printable(
                f"{move.target}: commit {move.commit.id[:12]} {why}; once this is merged it is"
                " tried again."
            ),
            err=True,
        )


def _refuse_what_cannot_be_written(
    project: Project, move: PinMove, *, commit: bool, branch: str | None
) -> None:
    """A commit holds the pin's one line, and nothing that somebody has not committed yet."""
    from gitops.errors import Refused
    from gitops.render.text import printable
    from gitops.wiring import git_changes

    if branch is not None:
        git_changes(project).check_branch(branch)
    commits = (commit or branch is not None) and not project.repository.is_bare
    if commits and project.repository.dirty([move.file]):
        raise Refused(
            f"{printable(move.file)} has changes that are not committed",
            hint="Commit or drop them first.",
        )


def _written(project: Project, move: PinMove, *, commit: bool, branch: str | None) -> str:
    from gitops.render.text import printable
    from gitops.wiring import commit_files, git_changes, write_file

    if branch is not None:
        changes = git_changes(project)
        made = changes.commit(project.repository.head(), {move.file: move.new}, move.message)
        changes.branch(branch, made)
        return f"Branch {printable(branch)}, commit {made}."
    if commit:
        made = commit_files(project, {move.file: move.new}, move.message)
        return f"Committed as {made}."
    write_file(project, move.file, move.new)
    return f"Written to {printable(move.file)}, not committed."
