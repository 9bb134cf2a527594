"""What ``gitops cancel`` and ``gitops resume`` share: from their arguments to one promotion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from gitops.cli.context import Context

if TYPE_CHECKING:
    from gitops.apply.control import Control


def steer(context: Context, model: str, environment: str, act: Callable[[Control], str]) -> None:
    """Do something to the promotion in one managed environment, and print what was done."""
    from gitops.apply.control import Control
    from gitops.pipeline.project import desired_state
    from gitops.pipeline.selection import Selection, select
    from gitops.render.text import printable
    from gitops.wiring import connect

    project = context.project()
    desired = desired_state(project)
    (chosen,) = select(desired, Selection(models=(model,), environment=environment)).models
    with connect(project, desired) as outside:
        control = Control(
            reader=outside.ports.reader,
            writer=outside.ports.writer,
            clock=outside.ports.clock,
            key=chosen.key,
            environment=environment,
        )
        click.echo(printable(act(control)))
