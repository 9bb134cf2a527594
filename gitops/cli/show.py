"""``gitops show``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from gitops.cli.context import Context
from gitops.cli.forms import formats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops.plan.events import ApplyEvent

MAX_BYTES: Final = 256 * 1024 * 1024
"""What is larger is neither a plan nor the events of one apply."""


@click.command()
@click.argument(
    "file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False), metavar="FILE"
)
@formats("markdown", "json", says="For people, for a comment on a pull request, or for scripts.")
@click.pass_obj
def command(context: Context, file: Path, form: Literal["text", "markdown", "json"]) -> None:
    """Render a saved plan, or the events of an apply, in any format. Needs no network.

    FILE is what `gitops plan --out FILE` saved or `gitops apply --format json` printed; - reads it
    from standard input.

    \b
    Examples:
      gitops show plan.json
      gitops show plan.json --format markdown
      gitops apply --yes --format json | tee apply.jsonl; gitops show apply.jsonl
    """
    from gitops.render.text import printable

    text, name = content_of(context, file), printable(str(file))
    if is_stream(text):
        from gitops.plan import stream

        click.echo(_events(list(stream.read(text, name=name)), form, context), nl=False)
        return
    from gitops.cli.plan import shown
    from gitops.plan.document import from_text

    click.echo(shown(from_text(text, name=name), form, context), nl=False)


def content_of(context: Context, file: Path) -> str:
    """The text of a file, or of standard input for -. Raises ``GitopsError``."""
    from gitops.errors import GitopsError
    from gitops.render.text import printable

    name = printable(str(file))
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(MAX_BYTES).decode("utf-8")
        path = context.directory / file
        if path.stat().st_size > MAX_BYTES:
            raise GitopsError(f"{name} is too large for a plan or the events of an apply")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise GitopsError(
            f"there is no file {name}", hint="Save a plan with `gitops plan --out FILE`."
        ) from None
    except UnicodeDecodeError:
        raise GitopsError(f"{name} is neither a plan nor events: it is not text") from None
    except OSError as error:
        raise GitopsError(f"{name} cannot be read: {error.strerror}") from None


def is_stream(text: str) -> bool:
    """Events are one object a line, each with a type; a plan is one object over many lines."""
    first = text.lstrip().partition("\n")[0]
    try:
        body = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and "type" in body and "format_version" not in body


def _events(
    events: Sequence[ApplyEvent], form: Literal["text", "markdown", "json"], context: Context
) -> str:
    from gitops.render import events as render
    from gitops.render.markdown import block
    from gitops.render.palette import chosen

    match form:
        case "json":
            return "".join(map(render.json_line, events))
        case "markdown":
            return block(render.render(events).rstrip("\n")) + "\n"
        case "text":
            return render.render(events, chosen(colour=context.colour()), context.width())
