"""``gitops unlock``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gitops.cli.context import Context

if TYPE_CHECKING:
    from gitops.pipeline.opened import Project
    from gitops.record.lock import NamedLock


@click.command()
@click.argument("model")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@click.pass_obj
def command(context: Context, model: str, *, yes: bool) -> None:
    """Break the lock of a model, after naming the run that holds it.

    That run notices when it renews the lock, a quarter of a minute later at most, sends nothing
    more, and ends in 6; what Baseten is doing for it goes on, and the next apply continues from
    there. A run that is dead needs no unlocking: its lock ends a minute after its last sign of
    life. Locks of that name in every workspace and team are shown and broken; TEAM/MODEL is those
    of one team. A name that neither a lock nor a release file has is a usage error. Needs the Git
    remote, and not Baseten.

    \b
    Examples:
      gitops unlock qwen-3-8b
      gitops unlock research/qwen-3-8b --yes
    """
    from datetime import UTC, datetime

    from gitops.errors import Locked, Refused
    from gitops.render.text import printable
    from gitops.wiring import open_lock_book

    project = context.project()
    book = open_lock_book(project)
    team, _, name = model.rpartition("/")
    found = book.locks(team=team or None, model=name)
    held = [lock for lock in found if lock.lock is None or lock.lock.holder is not None]
    if not held:
        if not found:
            _raise_if_unknown(project, model)
        click.echo(printable(f"{model} is not locked."))
        return
    for lock in held:
        click.echo(printable(_told(lock)), err=True)
    if not yes:
        if not sys.stdin.isatty():
            raise Refused(
                "there is no terminal to ask on",
                hint="Look at who holds the lock, and run it again with --yes.",
            )
        if not click.confirm("Interrupt that?", default=False, err=True):
            raise Refused("not approved", hint="Nothing was changed.")
    for lock in held:
        if not book.unlock(lock, now=datetime.now(tz=UTC)):
            raise Locked(
                f"the lock of {lock.model} changed meanwhile: its holder lives, or gave it back",
                hint="look again, and run it again if you still want to",
            )
        click.echo(printable(f"Unlocked {lock.team}/{lock.model}."))


def _raise_if_unknown(project: Project, model: str) -> None:
    """A name that is mistyped is not to pass for a model that is free."""
    from gitops.pipeline.project import compile_as_far_as_valid
    from gitops.pipeline.selection import Selection, select

    compilation = compile_as_far_as_valid(project)
    team, _, name = model.rpartition("/")
    # The team of a lock is Baseten's; a release file need not write it.
    known = any(
        each.key.name == name and (not team or each.key.team in {None, team})
        for each in compilation.desired.models
    )
    if not known and not compilation.errors:
        select(compilation.desired, Selection(models=(model,)))


def _told(lock: NamedLock) -> str:
    """Whom breaking a lock interrupts."""
    name = f"{lock.team}/{lock.model} in {lock.workspace}"
    if lock.lock is None or lock.lock.holder is None:
        return f"{name}: something that this version cannot read ({lock.problem})"
    alive = {
        True: "; that run goes on, on this machine",
        False: "; that run was on this machine and is over",
        None: "",
    }[lock.alive]
    return (
        f"{name}: {lock.lock.holder.named}, renewed {lock.lock.at:%Y-%m-%d %H:%M:%S} UTC, counts"
        f" until {lock.lock.ends:%H:%M:%S}{alive}"
    )
