"""``gitops init``."""

from __future__ import annotations

from typing import Literal

import click

from gitops.cli.context import Context


@click.command()
@click.option(
    "--ci",
    type=click.Choice(["github", "gitlab"]),
    help="Also write the workflows: plan on pull requests, apply on merge, drift, rollback.",
)
@click.option(
    "--branch",
    default="main",
    show_default=True,
    metavar="NAME",
    help="The branch that is deployed, for GitHub's workflows; GitLab's jobs take the default"
    " branch.",
)
@click.pass_obj
def command(context: Context, *, ci: Literal["github", "gitlab"] | None, branch: str) -> None:
    """Write gitops.yaml, a first release file and, with --ci, workflows; never overwrite.

    \b
    Examples:
      gitops init
      gitops init --ci github
      gitops init --ci gitlab
    """
    from gitops.render.text import printable
    from gitops.wiring import start

    started = start(context.project(), ci=ci, branch=branch)
    for each in started.files:
        word = "wrote" if each.new else "kept "
        click.echo(f"{word} {printable(each.path)}: {each.purpose}")
    for line in started.next:
        click.echo(printable(line))
