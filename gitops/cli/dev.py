"""``gitops dev``: work in progress, and the models that were made for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gitops.cli.context import Context
from gitops.cli.locking import lock_timeout, waits

if TYPE_CHECKING:
    from gitops.pipeline.dev import DevModel


@click.group(name="dev")
def command() -> None:
    """Push work in progress, where it cannot touch what is released.

    \b
    Examples:
      gitops dev push qwen-3-8b
      gitops dev push qwen-3-8b --as qwen-ada
      gitops dev clean
    """


@command.command(name="push")
@click.argument("model")
@click.option("--as", "name", metavar="NAME", help="Push to a model of your own, called NAME.")
@click.option(
    "--branch", is_flag=True, help="Push to a model of its own, named after the current branch."
)
@lock_timeout("How long to wait for another push or apply, as in 5m.")
@click.pass_obj
def push(
    context: Context, model: str, *, name: str | None, branch: bool, lock_timeout: float | None
) -> None:
    """Push the working tree to a model's development deployment, and wait until it is ready.

    There is one development deployment for each model, and a push replaces what is in it. So a
    push waits its turn, or says who is at it; with --as or --branch it goes to a model apart, which
    nobody shares. Files that Git ignores are left out.

    \b
    Examples:
      gitops dev push qwen-3-8b
      gitops dev push qwen-3-8b --branch
    """
    from gitops.cli.terminal import Terminal
    from gitops.errors import UsageError
    from gitops.pipeline.dev import DevRequest, dev_push
    from gitops.render.text import printable

    if name is not None and branch:
        raise UsageError("--as and --branch exclude each other", hint="Give one of them.")
    request = DevRequest(
        model=model,
        name=name,
        branch=_current_branch(context) if branch else None,
        lock_timeout=waits(context, lock_timeout),
    )
    with Terminal(context, form="text", yes=True) as terminal:
        terminal.begin(f"pushing work in progress of {model}")
        done = dev_push(context.project(terminal.say), request, terminal.say, terminal.emit)
    click.echo(
        f"{printable(str(done.key))} development: deployment {printable(done.deployment.id)}"
    )
    click.echo(printable(done.url))


@command.command(name="clean")
@click.option("--all", "everybody", is_flag=True, help="Also those that other people made.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def clean(context: Context, *, everybody: bool, yes: bool) -> None:
    """Delete the models that `gitops dev push --as` and `--branch` made.

    Only models that hold nothing but a development deployment that this command pushed; what is
    managed by a release file is never deleted.

    \b
    Examples:
      gitops dev clean
      gitops dev clean --all --yes
    """
    from gitops.errors import Refused
    from gitops.pipeline.dev import delete_dev_models, find_dev_models
    from gitops.render.text import printable

    project = context.project()
    found = find_dev_models(project, everybody=everybody)
    if not found:
        click.echo("There is nothing to delete.")
        return
    for each in found:
        click.echo(printable(_told(each)))
    if not yes:
        if not sys.stdin.isatty():
            raise Refused("nobody is there to ask", hint="Say --yes to delete them.")
        if not click.confirm(f"Delete {'it' if len(found) == 1 else 'them'}?", err=True):
            raise Refused("nothing was deleted")
    for name in delete_dev_models(project, found, lambda it: click.echo(printable(it), err=True)):
        click.echo(f"deleted {printable(str(name))}")


def _told(model: DevModel) -> str:
    return f"{model.key}, made of {model.of} by {model.by}"


def _current_branch(context: Context) -> str:
    from gitops.errors import UsageError
    from gitops.wiring import current_branch

    branch = current_branch(context.project())
    if branch is None:
        raise UsageError("no branch is checked out here", hint="Name a model with --as.")
    return branch
