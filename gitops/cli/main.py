"""The ``gitops`` command: a group whose commands are imported only when they run."""

from __future__ import annotations

import errno
import io
import keyword
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from gitops._version import __version__
from gitops.cli.context import Context
from gitops.errors import GitopsError, InvalidRelease

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

INTERRUPTED: Final = 130
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

COMMANDS: Final = {
    "init": "Write a repository's first files, and its workflows.",
    "import": "Write release files for models that serve already.",
    "validate": "Check release files; needs no network.",
    "compile": "Print desired state as JSON; needs no network.",
    "diff": "Show what changes between two commits; needs no network.",
    "plan": "Show what apply would do.",
    "apply": "Make Baseten serve what Git says.",
    "status": "Say in a sentence how every environment is.",
    "drift": "Show what was changed outside of Git, and by whom.",
    "promote": "Move a pin to what another environment serves.",
    "rollback": "Make the revert of what an environment serves.",
    "check": "Run an environment's checks without releasing.",
    "show": "Render a saved plan or an apply's events.",
    "cancel": "Cancel a promotion in progress.",
    "resume": "Resume a paused promotion.",
    "log": "Read the deploy log, offline.",
    "unlock": "Break a model's lock, after naming its holder.",
    "prune": "Carry out retention: remove deployments that nothing needs.",
    "dev": "Push work in progress, apart from what is released.",
    "forge": "Tell GitHub or GitLab what a CI job has found or done.",
    "doctor": "Say what is needed, and whether it is there.",
    "schema": "Print a JSON Schema.",
    "completion": "Print what makes a shell complete names.",
    "emulator": "Serve a Baseten on this machine.",
    "demo": "Play the whole story against the emulator.",
}
"""Every command with its line of help; ``gitops.cli.NAME`` holds it as ``command``."""


class LazyGroup(click.Group):
    """Lists its commands from a table and imports a command's module when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        # A module cannot well be called `import`.
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"gitops.cli.{module}").command
        if ctx.resilient_parsing:
            from gitops.cli.completion import complete_names

            complete_names(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The table itself: a press of the tab key must not import every command."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=line)
            for name, line in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest command named where there is none."""
        wrong = bool(args) and args[0] not in COMMANDS and not args[0].startswith("-")
        if wrong and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table itself: help must not import every command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


EPILOG: Final = """\b
Examples:
  gitops validate                 check every release file
  gitops plan                     what would change, and why
  gitops apply --yes              do it, as CI does
  gitops emulator --exec gitops plan
                                  try it without an account
"""


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EPILOG,
)
@click.option(
    "-C",
    "directory",
    default=".",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Run in DIR instead of the current directory.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
@click.version_option(__version__, prog_name="gitops")
@click.pass_context
def gitops(ctx: click.Context, directory: Path, *, debug: bool) -> None:
    """Keep the models a team serves on Baseten equal to what its Git repository says."""
    if not directory.is_dir():
        raise click.UsageError(f"-C {directory}: there is no such directory.")
    ctx.obj = Context(directory=directory, debug=debug)


def report(error: GitopsError) -> None:
    """Print an error for people on stderr: every problem, then what to do."""
    from gitops.render.text import printable
    from gitops.wording import sentence

    if isinstance(error, InvalidRelease):
        for problem in error.problems:
            click.echo(printable(str(problem)), err=True)
    click.echo(f"gitops: {printable(str(error))}", err=True)
    if error.hint:
        click.echo(f"  {printable(sentence(error.hint))}", err=True)


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; wrong usage is 1, never 2."""
    debug = "--debug" in (sys.argv[1:] if arguments is None else arguments)
    try:
        code: Any = gitops.main(arguments, prog_name="gitops", standalone_mode=False)
    except GitopsError as error:
        report(error)
        return error.exit_code
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return 1
    except (click.Abort, KeyboardInterrupt) as stopped:
        click.echo("gitops: interrupted", err=True)
        if str(stopped):
            click.echo(f"  {stopped}", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough of it; Python would complain again at exit.
        sys.stderr.close()
        return 1
    except Exception as bug:
        if isinstance(bug, OSError) and bug.errno in _NO_ROOM:
            click.echo(f"gitops: cannot write: {os.strerror(bug.errno)}", err=True)
            # What is buffered goes nowhere, or Python would complain about it at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        if debug:
            raise
        click.echo(f"gitops: internal error: {describe(bug)}", err=True)
        click.echo("  This is a bug in gitops. Run again with --debug to see where.", err=True)
        return 1
    return code if isinstance(code, int) else 0


def describe(bug: Exception) -> str:
    """An unexpected exception in one harmless line: its type and the place that raised it."""
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{type(bug).__name__}{place}"


def main() -> None:
    """The console script. SIGTERM ends a command as Ctrl-C does; output never fails on a letter."""
    signal.signal(signal.SIGTERM, _interrupted)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Closed from the start: its number must not go to the next file that is opened.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(run())


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
