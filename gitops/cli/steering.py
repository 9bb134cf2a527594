"""What ``gitops cancel`` and ``gitops resume`` share: from their arguments to one promotion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from gitops.cli.context import Context
from gitops.errors import UsageError
from gitops.state.names import ModelKey

if TYPE_CHECKING:
    from gitops.apply.control import Control
    from gitops.pipeline.compile import Compilation


def steer(context: Context, model: str, environment: str, act: Callable[[Control], str]) -> None:
    """Do something to the promotion in one managed environment, and print what was done.

    A release file with a problem does not stand in the way: this is for bad days.
    """
    from gitops.apply.control import Control
    from gitops.pipeline.project import compile_as_far_as_valid
    from gitops.render.text import printable
    from gitops.wiring import connect

    project = context.project()
    compilation = compile_as_far_as_valid(project)
    key = _key(compilation, model, environment)
    if compilation.errors:
        click.echo(_warning(compilation, key), err=True)
    with connect(project, compilation.desired) as outside:
        control = Control(
            reader=outside.ports.reader,
            writer=outside.ports.writer,
            log=outside.log,
            clock=outside.ports.clock,
            by=outside.by,
            where=outside.where,
            key=key,
            environment=environment,
        )
        try:
            click.echo(printable(act(control)))
        finally:
            for notice in outside.log.notices:
                click.echo(printable(notice), err=True)


def _warning(compilation: Compilation, key: ModelKey) -> str:
    from gitops.render.text import printable
    from gitops.render.words import count

    first, number = compilation.errors[0], len(compilation.errors)
    return printable(
        f"Warning: {first.where} and other places have {count(number, 'problem')}"
        if number > 1
        else f"Warning: {first.where} has a problem"
    ) + printable(f" (`gitops validate` lists them); going on with model {key} as it is written")


def _key(compilation: Compilation, model: str, environment: str) -> ModelKey:
    """The model that is meant; as it was written, where its file may be one with problems."""
    from gitops.pipeline.selection import Selection, select

    selection = Selection(models=(model,), environment=environment)
    try:
        (chosen,) = select(compilation.desired, selection).models
    except UsageError:
        if not compilation.errors:
            raise
        team, _, name = model.rpartition("/")
        return ModelKey(team or None, name)
    return chosen.key
