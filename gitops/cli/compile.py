"""``gitops compile``."""

from __future__ import annotations

import click

from gitops.cli.context import Context


@click.command()
@click.option("--rev", default="HEAD", show_default=True, metavar="REV", help="The commit.")
@click.option("--explain", is_flag=True, help="Add which file and line gave each value.")
@click.pass_obj
def command(context: Context, rev: str, explain: bool) -> None:
    """Print the desired state of a commit as JSON.

    Reads the commit, never the working tree, and needs no network: the same commit gives the same
    bytes in every clone. Durations are in seconds.

    \b
    Examples:
      gitops compile
      gitops compile --rev HEAD~1
      gitops compile --explain | jq '.models[].environments[].provenance'
    """
    from gitops.pipeline.compile import compile_commit
    from gitops.render.desired import as_json

    repository = context.project().repository
    desired = compile_commit(repository, repository.resolve(rev))
    click.echo(as_json(desired, explain=explain), nl=False)
