"""``gitops prune``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from gitops.cli.context import Context
from gitops.cli.forms import formats
from gitops.cli.locking import lock_timeout, waits
from gitops.cli.selecting import exclude, models

if TYPE_CHECKING:
    from gitops.pipeline.prune import PruneOutcome
    from gitops.plan.prune import PrunePlan


@click.command()
@models
@exclude
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@click.option("--dry-run", is_flag=True, help="Show what would go and why the rest stays; stop.")
@formats(
    "json", "markdown", says="Lines for people, one JSON document, or a comment for a pull request."
)
@lock_timeout()
@click.pass_context
def command(
    ctx: click.Context,
    models: tuple[str, ...],
    *,
    exclude: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    form: Literal["text", "json", "markdown"],
    lock_timeout: float | None,
) -> None:
    """Carry out `retention`: deactivate or delete deployments that nothing needs any more.

    Plans first and asks. Only models whose release file has `retention`, and of them only what was
    pushed from this repository. What serves, what is on its way, what a rollback would take and
    what a shadow rule sends to stays, and everything is looked at again right before each request.

    \b
    Exit codes:
      0 done, or nothing to do       6 another run holds the lock
      1 failed                       7 something still stops; the next prune goes on
      4 refused, or something was    8 a person is needed
        taken into use meanwhile   130 interrupted

    \b
    Examples:
      gitops prune
      gitops prune --dry-run
      gitops prune qwen-3-8b --yes
      gitops prune --yes --format json
    """
    from gitops.cli.terminal import Terminal
    from gitops.pipeline.prune import PruneRequest, prune
    from gitops.pipeline.selection import Selection

    context = ctx.ensure_object(Context)
    terminal = Terminal(context, form="text", yes=yes)

    def approve(plan: PrunePlan) -> bool:
        return terminal.confirm(_plan_text(context, plan, err=True), "Prune this?")

    outcome = prune(
        context.project(terminal.say),
        PruneRequest(
            selection=Selection(models=models, exclude=exclude),
            dry_run=dry_run,
            lock_timeout=waits(context, lock_timeout),
        ),
        approve=approve,
        stoppable=terminal.stoppable,
        say=terminal.say,
    )
    click.echo(_shown(context, outcome, form), nl=False)
    ctx.exit(outcome.exit_code)


def _plan_text(context: Context, plan: PrunePlan, *, err: bool = False) -> str:
    from gitops.render import prune as render
    from gitops.render.palette import chosen

    return render.text(plan, chosen(colour=context.colour(err=err)), context.width(err=err))


def _shown(context: Context, outcome: PruneOutcome, form: str) -> str:
    from gitops.render import prune as render
    from gitops.render.palette import chosen

    if form == "json":
        return render.document(outcome.plan, outcome.results, outcome.exit_code)
    if form == "markdown":
        return render.markdown(outcome.plan, outcome.results)
    if outcome.results is None:
        return _plan_text(context, outcome.plan)
    return render.ended(outcome.results, chosen(colour=context.colour()), context.width())
