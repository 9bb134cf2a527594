"""``gitops doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from gitops.cli.context import Context

if TYPE_CHECKING:
    from gitops.pipeline.doctor import GitSide, Verdict
    from gitops.pipeline.opened import Project
    from gitops.render.palette import Role

SIGNS: Final[dict[Verdict, tuple[str, Role]]] = {
    "good": ("ok", "good"),
    "missing": ("missing", "bad"),
    "note": ("note", "held"),
}


@click.command()
@click.pass_obj
def command(context: Context) -> int:
    """Say what is needed and whether it is there: Git, remote, key. Changes nothing.

    Looks at Git and this clone, the release files, whether the deploy log may be pushed, the
    addresses that are set, what the key may see, whether this Baseten has the endpoints that plans
    are better with, and the clock. Ends with 1 where anything is missing.

    \b
    Examples:
      gitops doctor
      gitops emulator --exec gitops doctor
    """
    from gitops.pipeline.doctor import diagnose
    from gitops.render.layout import safe, styled
    from gitops.render.palette import chosen
    from gitops.render.words import count
    from gitops.wiring import look_at_baseten, open_diagnosis

    def opened() -> tuple[Project, GitSide]:
        project = context.project()
        return project, open_diagnosis(project)

    style, width = chosen(colour=context.colour()), context.width()
    missing = 0
    for each in diagnose(context.environ, opened, lambda: look_at_baseten(context.environ)):
        sign, role = SIGNS[each.verdict]
        missing += each.verdict == "missing"
        text = safe(f"{sign}: {each.about}: {each.text}")
        for line in styled(text, style, role, width, lead=f"{sign}:"):
            click.echo(line)
        if each.remedy:
            for line in styled(safe(each.remedy), style, None, width, first="    ", rest="    "):
                click.echo(line)
    if missing:
        click.echo(f"Doctor: {count(missing, 'thing')} to mend.")
        return 1
    click.echo("Doctor: all that is needed is there.")
    return 0
