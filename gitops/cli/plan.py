"""``gitops plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from gitops.cli.context import Context
from gitops.cli.forms import formats
from gitops.cli.selecting import selecting

if TYPE_CHECKING:
    from gitops.plan.model import Plan


@click.command()
@selecting
@click.option("--rev", metavar="REV", help="Plan this commit instead of HEAD.")
@click.option(
    "--retry", multiple=True, metavar="MODEL/ENV", help="As `gitops apply` with --retry would do."
)
@click.option("--undo-drift", is_flag=True, help="As `gitops apply` with --undo-drift would do.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the plan for `gitops apply --plan FILE`.",
)
@formats("markdown", "json", says="For people, for a comment on a pull request, or for scripts.")
@click.option(
    "--detailed-exitcode", is_flag=True, help="End with 2 where there is anything to change."
)
@click.pass_obj
def command(
    context: Context,
    *,
    models: tuple[str, ...],
    exclude: tuple[str, ...],
    environment: str | None,
    changed: str | None,
    rev: str | None,
    retry: tuple[str, ...],
    undo_drift: bool,
    out: Path | None,
    form: Literal["text", "markdown", "json"],
    detailed_exitcode: bool,
) -> int:
    """Show what apply would do, and why. Reads only.

    MODEL is a model's name, or TEAM/NAME. Ends with 0; with 4 where everything that would change is
    blocked; with --detailed-exitcode with 2 where there is anything to change.

    \b
    Examples:
      gitops plan
      gitops plan qwen-3-8b --env production
      gitops plan --changed --format markdown
      gitops plan --out plan.json && gitops apply --plan plan.json
      gitops plan --retry qwen-3-8b/production
    """
    from gitops.decide.situation import Options
    from gitops.pipeline.plan import PlanRequest, plan
    from gitops.pipeline.selection import Selection
    from gitops.pipeline.uncommitted import uncommitted
    from gitops.plan import document
    from gitops.plan.summary import exit_code
    from gitops.render.text import printable

    request = PlanRequest(
        selection=Selection(models=models, exclude=exclude, environment=environment),
        rev=rev,
        changed=changed,
        options=Options(undo_drift=undo_drift),
        retry=frozenset(retry),
    )
    project = context.project()
    planned = plan(project, request)
    told = uncommitted(project.repository, planned.desired.models) if rev is None else None
    for warning in (*planned.warnings, *([told] if told else ())):
        click.echo(printable(warning), err=True)
    if out is not None and not planned.plan.dirty:
        save(context.directory / out, document.to_text(planned.plan))
    click.echo(shown(planned.plan, form, context), nl=False)
    if out is not None:
        document.savable(planned.plan)
    return exit_code(planned.plan, detailed=detailed_exitcode)


def shown(plan: Plan, form: Literal["text", "markdown", "json"], context: Context) -> str:
    """A plan in one of its formats for stdout, ending with a line break."""
    match form:
        case "json":
            from gitops.plan.document import to_text
            from gitops.render.text import harmless

            return harmless(to_text(plan))
        case "markdown":
            from gitops.render.plan_markdown import render as markdown

            return markdown(plan)
        case "text":
            from gitops.render.palette import chosen
            from gitops.render.plan_text import render

            return render(plan, chosen(colour=context.colour()), context.width())


def save(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises ``GitopsError``, naming what the system said."""
    import os
    import tempfile

    from gitops.errors import GitopsError
    from gitops.render.text import printable

    name = ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as draft:
            name = draft.name
            draft.write(text)
        Path(name).replace(path)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        reason = os.strerror(error.errno) if error.errno else "it could not be written"
        raise GitopsError(
            f"{printable(str(path.name))} was not saved: {reason}",
            hint="Name a file in a folder that is there and that you may write to.",
        ) from None
