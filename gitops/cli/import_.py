"""``gitops import``."""

from __future__ import annotations

from typing import Literal

import click

from gitops.cli.context import Context
from gitops.cli.forms import formats
from gitops.cli.selecting import models


@click.command(name="import")
@models
@click.option("--dry-run", is_flag=True, help="Show the files; write nothing anywhere.")
@formats("json", says="A summary for people, or one JSON document.")
@click.pass_context
def command(
    ctx: click.Context, *, models: tuple[str, ...], dry_run: bool, form: Literal["text", "json"]
) -> None:
    """Write release files for models that serve already; a plan right after is empty.

    MODEL is a model's name, or TEAM/NAME; without any, all models that no release file names. Only
    settings are written that differ from the defaults. A commit is pinned where it is proved to be
    what serves: every file of the deployment is compared with the trusses in this repository's
    history. Where nothing proves one, the file names the deployment and says what comes nearest.

    Nothing is changed on Baseten and no file is overwritten; what serves is noted in the deploy
    log, so that it counts as released.

    \b
    Exit codes:
      0 every model that serves, or those that were named, have a release file
      1 failed
      4 some of them were left out; the summary says why
      6 another run wrote the same model's deploy log

    \b
    Examples:
      gitops import --dry-run
      gitops import
      gitops import qwen-3-8b ml-platform/whisper
    """
    from gitops.pipeline.importing.live import ImportRequest, import_models
    from gitops.render import imported
    from gitops.render.text import printable

    context = ctx.ensure_object(Context)
    done = import_models(
        context.project(),
        ImportRequest(models=models, dry_run=dry_run),
        lambda line: click.echo(printable(line), err=True),
    )
    for warning in done.warnings:
        click.echo(printable(warning), err=True)
    if form == "json":
        click.echo(imported.as_json(done), nl=False)
    else:
        click.echo(imported.text(done, context.width()), nl=False)
    ctx.exit(done.exit_code)
