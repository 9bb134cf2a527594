"""``gitops drift``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import click

from gitops.cli.context import Context
from gitops.cli.forms import formats
from gitops.cli.selecting import environment, models

if TYPE_CHECKING:
    from gitops.pipeline.accept import Accepting
    from gitops.pipeline.project import Project
    from gitops.plan.drift_document import Drift


@click.command()
@models
@environment
@click.option("--accept", is_flag=True, help="Write what Baseten has into the release files.")
@click.option("--commit", "commit", is_flag=True, help="With --accept: commit the change here.")
@click.option(
    "--branch",
    metavar="NAME",
    help="With --accept: commit it to a new branch; nothing here is touched.",
)
@formats("markdown", "json", says="For people, for an issue or a comment, or for scripts.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 where there is drift.")
@click.pass_obj
def command(
    context: Context,
    *,
    models: tuple[str, ...],
    environment: str | None,
    accept: bool,
    commit: bool,
    branch: str | None,
    form: Literal["text", "markdown", "json"],
    detailed_exitcode: bool,
) -> int:
    """Show what was changed on Baseten outside of Git, by whom and when.

    Settings, what serves, models and environments that were renamed or deleted, deployments that
    somebody stopped. What Git asks for anew, a hold and a release under way are no drift. MODEL is
    a model's name, or TEAM/NAME. Reads from Baseten and never changes anything there.

    --accept takes what Baseten has: it writes settings and pins into the release files, and leaves
    comments, order and quotes as they are. Ends with 4 where something could not be written.

    \b
    Examples:
      gitops drift
      gitops drift qwen-3-8b --detailed-exitcode
      gitops drift qwen-3-8b --accept
      gitops drift --accept --branch accept-drift
      gitops drift --format markdown > drift.md
    """
    from gitops.errors import UsageError
    from gitops.pipeline.drift import drift
    from gitops.pipeline.selection import Selection
    from gitops.plan.drift_document import exit_code
    from gitops.render.text import printable

    if (commit or branch) and not accept:
        raise UsageError("--commit and --branch are for --accept", hint="Add --accept.")
    if commit and branch:
        raise UsageError(
            "--commit and --branch exclude each other",
            hint="--commit is for the branch that is checked out, --branch for a new one.",
        )
    project = context.project()
    if accept and project.repository.is_bare and branch is None:
        raise UsageError("there is no working tree here", hint="Name a new branch with --branch.")
    found = drift(project, Selection(models=models, environment=environment))
    for warning in found.warnings:
        click.echo(printable(warning), err=True)
    document = found.drift
    if accept:
        from gitops.pipeline.accept import accept_drift

        accepting = accept_drift(project, found, committed=branch is not None)
        document = _written(project, accepting, commit=commit, branch=branch)
    match form:
        case "json":
            from gitops.render.drift import as_json

            click.echo(as_json(document), nl=False)
        case "markdown":
            from gitops.render.drift_markdown import markdown

            click.echo(markdown(document), nl=False)
        case "text":
            from gitops.render.drift import render
            from gitops.render.palette import chosen

            style = chosen(colour=context.colour())
            click.echo(render(document, style, context.width()), nl=False)
    return exit_code(document, detailed=detailed_exitcode)


def _written(project: Project, accepting: Accepting, *, commit: bool, branch: str | None) -> Drift:
    """Write what was accepted; the document that says where it is now."""
    from gitops.errors import Refused
    from gitops.pipeline.places import CONFIG_FILE
    from gitops.wiring import commit_files, git_changes, write_file
    from gitops.wording import listed

    files, drift = accepting.files, accepting.drift
    made: str | None = None
    if files and (commit or branch) and not project.repository.is_bare:
        # What gitops.yaml says was part of what the new files were held against.
        dirty = project.repository.dirty([*files, CONFIG_FILE])
        if dirty:
            raise Refused(
                f"{listed(dirty)} has changes that are not committed",
                hint="Commit or drop them first.",
            )
    if files and branch is not None:
        changes = git_changes(project)
        changes.check_branch(branch)
        made = changes.commit(project.repository.head(), dict(files), accepting.message)
        changes.branch(branch, made)
    elif files and commit:
        made = commit_files(project, files, accepting.message)
    else:
        for path, data in files.items():
            write_file(project, path, data)
    assert drift.accepted is not None
    accepted = replace(drift.accepted, commit=made, branch=branch if made else None)
    return replace(drift, accepted=accepted)
