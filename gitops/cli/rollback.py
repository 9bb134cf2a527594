"""``gitops rollback``."""

from __future__ import annotations

import click

from gitops.cli.context import Context


@click.command()
@click.argument("model")
@click.argument("environment", metavar="ENV")
@click.option("--to", metavar="COMMIT", help="The source commit to go back to.")
@click.option("--branch", metavar="NAME", help="What to call the new branch.")
@click.pass_obj
def command(
    context: Context, model: str, environment: str, *, to: str | None, branch: str | None
) -> None:
    """Make the revert of what an environment serves, as a commit on a new branch.

    Finds the commit that last changed what ENV asks for and reverts it, if it changed nothing
    else; otherwise it edits the pin and says why. The working tree and HEAD stay as they are, and
    nothing is pushed. Once it is merged, `gitops apply` promotes the deployment that is already
    there: what Baseten still holds is neither uploaded nor built again.

    \b
    Examples:
      gitops rollback qwen-3-8b production
      gitops rollback qwen-3-8b production --to 4be1c02f0c5d
    """
    from gitops.pipeline.rollback import RollbackRequest, way_back
    from gitops.render.text import printable
    from gitops.wiring import git_changes

    project = context.project()
    request = RollbackRequest(model=model, environment=environment, to=to, branch=branch)
    made = way_back(project, git_changes(project), request)
    click.echo(
        printable(f"{made.model}/{made.environment} goes from {made.before} to {made.after}.")
    )
    if made.culprit is not None:
        culprit = f'{made.culprit.id[:12]} "{made.culprit.subject}" by {made.culprit.author}'
        if made.how == "revert":
            click.echo(printable(f"Reverts {culprit}."))
        else:
            click.echo(printable(f"Edits the pin that {culprit} moved: {made.why}."))
    click.echo(printable(f"Branch {made.branch}, commit {made.commit}."))
