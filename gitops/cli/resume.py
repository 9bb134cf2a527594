"""``gitops resume``."""

from __future__ import annotations

import click

from gitops.cli.context import Context
from gitops.cli.steering import steer


@click.command()
@click.argument("model")
@click.argument("environment", metavar="ENV")
@click.pass_obj
def command(context: Context, model: str, environment: str) -> None:
    """Let a paused promotion go on.

    It is not waited for: `gitops apply` follows it, watches what it brings, and records it. Ends
    in 1 where no promotion runs, or where the one that runs is not paused.

    \b
    Examples:
      gitops resume qwen-3-8b production
    """
    steer(context, model, environment, lambda control: control.resume())
