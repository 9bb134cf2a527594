"""``gitops diff``."""

from __future__ import annotations

from typing import Literal

import click

from gitops.cli.context import Context
from gitops.cli.forms import formats


@click.command()
@click.argument("commits", required=False, metavar="[BASE[..HEAD]]")
@formats("markdown", "json", says="For people, for a comment on a pull request, or for scripts.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 where anything changes.")
@click.pass_obj
def command(
    context: Context,
    commits: str | None,
    *,
    form: Literal["text", "markdown", "json"],
    detailed_exitcode: bool,
) -> int:
    """Show what changes between two commits, in terms of releases.

    Pins that move, with the source commits and files in between; settings, checks and watches.
    Compares the last commit with the one before it where none is named, and needs no network.
    BASE...HEAD compares with where the two parted, as for a pull request.

    \b
    Examples:
      gitops diff
      gitops diff origin/main...HEAD --format markdown
      gitops diff v1.4..v1.5 --format json
    """
    from gitops.pipeline.diff import diff
    from gitops.render import release_diff
    from gitops.render.palette import chosen

    found = diff(context.project(), commits)
    match form:
        case "json":
            click.echo(release_diff.as_json(found), nl=False)
        case "markdown":
            click.echo(release_diff.markdown(found), nl=False)
        case "text":
            style = chosen(colour=context.colour())
            click.echo(release_diff.render(found, style, context.width()), nl=False)
    return 2 if detailed_exitcode and found.changes else 0
