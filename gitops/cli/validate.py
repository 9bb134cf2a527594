"""``gitops validate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from gitops.cli.context import Context
from gitops.cli.forms import formats


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]…", type=click.Path(path_type=Path))
@formats(
    "json",
    "github",
    "gitlab",
    says="Lines for people, one JSON document, annotations for GitHub Actions, or a code quality"
    " report for GitLab.",
)
@click.pass_obj
def command(
    context: Context, files: tuple[Path, ...], form: Literal["text", "json", "github", "gitlab"]
) -> None:
    """Check release files in the working tree, and everything that they name.

    Tells every problem of every file in one run, with file, line and column, and ends with 1 if
    there is any. Warnings do not count. Trusses are read from commits, never from the working tree.
    With FILE, only what is wrong in these files is told.

    \b
    Examples:
      gitops validate
      gitops validate releases/qwen-3-8b.yaml
      gitops validate --format github
    """
    from gitops.pipeline.uncommitted import uncommitted
    from gitops.pipeline.validate import examine
    from gitops.render import problems

    project = context.project()
    repository = project.repository
    head = repository.head()
    only = [_from_root(context.directory, file) for file in files] if files else None
    tree = repository.at(head) if repository.is_bare else project.worktree
    found = examine(repository, tree, head, only=only)
    match form:
        case "json":
            click.echo(
                problems.as_json(
                    found.problems,
                    files=found.files,
                    models=found.models,
                    environments=found.environments,
                ),
                nl=False,
            )
        case "github":
            click.echo(problems.github(found.problems), nl=False)
        case "gitlab":
            click.echo(problems.gitlab(found.problems), nl=False)
        case "text":
            click.echo(problems.text(found.problems), nl=False)
            click.echo(
                problems.summary(
                    found.problems,
                    files=found.files,
                    models=found.models,
                    environments=found.environments,
                )
            )
    told = uncommitted(repository, found.checked)
    if told is not None:
        click.echo(told, err=True)
    if not found.valid:
        sys.exit(1)


def _from_root(directory: Path, file: Path) -> str:
    """A FILE argument as a path from the repository's root. Raises ``UsageError``."""
    from gitops.errors import UsageError
    from gitops.render.text import printable

    # The folder is resolved and the file is not: a link that is named is told of as a link.
    full = directory / file
    parent = full.parent.resolve()
    shown = printable(str(file))
    here = directory.resolve()
    root = next((each for each in (here, *here.parents) if (each / ".git").exists()), here)
    if not parent.is_relative_to(root):
        raise UsageError(f"{shown} is not in this repository.")
    if not full.is_file():
        raise UsageError(f"There is no file {shown}.", hint="name a release file")
    return (parent / full.name).relative_to(root).as_posix()
