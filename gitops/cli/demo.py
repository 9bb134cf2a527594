"""``gitops demo``."""

from __future__ import annotations

from pathlib import Path

import click

from gitops.cli.context import Context


@click.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Leave the story's repository and remote in DIR.",
)
@click.pass_obj
def command(context: Context, keep: Path | None) -> None:
    """Play the whole story against the emulator, in a temporary folder.

    Validates, plans and applies an example fleet; ships a new version by a one-line diff; has a
    wrong version stopped by its checks, and a version that breaks under traffic rolled back by
    itself; reverts. Takes about two minutes, needs no account, and leaves nothing behind.

    \b
    Examples:
      gitops demo
      gitops demo --keep /tmp/story
    """
    from gitops.demo.story import play

    play(context.environ, keep=keep.resolve() if keep else None)
