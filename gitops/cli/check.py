"""``gitops check``."""

from __future__ import annotations

from typing import Literal

import click

from gitops.cli.context import Context
from gitops.cli.forms import formats


@click.command()
@click.argument("model")
@click.argument("environment", metavar="ENV")
@click.option("--serving", is_flag=True, help="Check what serves now, whatever Git asks for.")
@click.option("--rev", metavar="REV", help="Take the release file of this commit instead of HEAD.")
@formats("json", says="For people, or one JSON document.")
@click.pass_obj
def command(
    context: Context,
    *,
    model: str,
    environment: str,
    serving: bool,
    rev: str | None,
    form: Literal["text", "json"],
) -> int:
    """Run the checks of an environment, and release nothing.

    They run against the deployment of what Git asks for there, whether it serves already or was
    only pushed; where none is there yet, nothing is checked and it ends with 4. Nothing is changed
    on Baseten, but what scaled to zero is woken by being asked. Requests that went wrong are kept
    below the Git directory. Ends with 0 where all checks pass and with 5 where one does not.

    \b
    Examples:
      gitops check qwen-3-8b production
      gitops check qwen-3-8b production --serving
      gitops check qwen-3-8b staging --format json | jq .outcome
    """
    from gitops.pipeline.check import CheckRequest, check
    from gitops.render import checks
    from gitops.render.palette import chosen
    from gitops.render.text import printable

    def hear(sentence: str) -> None:
        click.echo(printable(sentence), err=True)

    request = CheckRequest(model=model, environment=environment, rev=rev, serving=serving)
    checked = check(context.project(), request, hear=hear)
    if form == "json":
        click.echo(checks.document(checked), nl=False)
    else:
        style = chosen(colour=context.colour())
        click.echo(checks.render(checked, style, context.width()), nl=False)
    return checked.exit_code
