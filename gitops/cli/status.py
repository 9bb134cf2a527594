"""``gitops status``."""

from __future__ import annotations

from typing import Literal

import click

from gitops.cli.context import Context


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]…")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A sentence for every environment, or one JSON document.",
)
@click.pass_obj
def command(context: Context, models: tuple[str, ...], form: Literal["text", "json"]) -> None:
    """Say in a sentence how every environment is: what serves, and whether Git wants that.

    MODEL is a model's name, or TEAM/NAME. Reads only, and ends with 0 whatever it finds.

    \b
    Examples:
      gitops status
      gitops status qwen-3-8b
      gitops status --format json | jq -r '.environments[].sentence'
    """
    from gitops.pipeline.plan import PlanRequest, plan
    from gitops.pipeline.selection import Selection
    from gitops.plan.status import build_status
    from gitops.render import status as render
    from gitops.render.palette import chosen
    from gitops.render.text import printable

    request = PlanRequest(selection=Selection(models=models))
    planned = plan(context.project(), request)
    for warning in planned.warnings:
        click.echo(printable(warning), err=True)
    status = build_status(
        planned.desired, planned.live, planned.decisions, now=planned.plan.inputs.now
    )
    match form:
        case "json":
            click.echo(render.as_json(status), nl=False)
        case "text":
            click.echo(render.render(status, chosen(colour=context.colour())), nl=False)
