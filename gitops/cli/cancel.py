"""``gitops cancel``."""

from __future__ import annotations

import click

from gitops.cli.context import Context
from gitops.cli.steering import steer


@click.command()
@click.argument("model")
@click.argument("environment", metavar="ENV")
@click.pass_obj
def command(context: Context, model: str, environment: str) -> None:
    """Cancel the promotion that runs in an environment, and wait until its traffic is back.

    What served before goes on serving. The artifact is held there afterwards, until Git asks for
    another one or `gitops apply MODEL --retry MODEL/ENV` tries it again. Ends in 1 where no
    promotion runs.

    \b
    Examples:
      gitops cancel qwen-3-8b production
    """
    steer(context, model, environment, lambda control: control.cancel())
