"""``gitops emulator``: a Baseten on this machine, by itself or around a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gitops.emulator.options import Key, Options

_KEY_TYPES = (
    "PERSONAL",
    "WORKSPACE_MANAGE_ALL",
    "WORKSPACE_INVOKE",
    "WORKSPACE_EXPORT_METRICS",
    "WORKSPACE_MANAGE_API_KEYS",
    "ROUTES",
)


class _BeforeExec(click.Group):
    """Takes everything behind ``--exec`` as the command to run, whatever it looks like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Split the arguments at ``--exec``, then parse the first part."""
        if "--exec" in args:
            position = args.index("--exec")
            args, ctx.meta["exec"] = args[:position], tuple(args[position + 1 :])
            if not ctx.meta["exec"]:
                ctx.fail("--exec needs a command to run.")
        return super().parse_args(ctx, args)


def _key(text: str) -> Key:
    from gitops.emulator.options import Key

    secret, _, kind = text.partition(":")
    if kind and kind not in _KEY_TYPES:
        expected = ", ".join(_KEY_TYPES)
        raise click.BadParameter(
            f"unknown type {kind!r}; expected one of {expected}.", param_hint="--key"
        )
    return Key(secret=secret, type=kind or "PERSONAL")  # type: ignore[arg-type]


def _switch(text: str) -> tuple[str, Any]:
    """`NAME=VALUE` as the option has it; the value is JSON, or a word."""
    import json
    from typing import get_type_hints

    from pydantic import TypeAdapter, ValidationError

    from gitops.emulator.options import SWITCHES, Options

    name, _, value = text.partition("=")
    if name not in SWITCHES:
        raise click.BadParameter(
            f"unknown switch {name!r}; expected one of {', '.join(SWITCHES)}.",
            param_hint="--switch",
        )
    try:
        found: Any = json.loads(value)
    except ValueError:
        found = value
    kind = get_type_hints(Options)[name]
    try:
        return name, TypeAdapter(kind).validate_python(found, strict=True)
    except ValidationError as problem:
        expected = "; ".join(dict.fromkeys(each["msg"] for each in problem.errors()))
        raise click.BadParameter(f"{name}: {expected}.", param_hint="--switch") from None


@click.group(
    cls=_BeforeExec,
    invoke_without_command=True,
    options_metavar="[OPTIONS]",
    subcommand_metavar="[--exec CMD... | seed]",
    epilog="""\b
Examples:
  gitops emulator --speed 60           serve, and print the variables to export
  gitops emulator --speed 60 --exec gitops apply --yes
                                       run one command against a fresh emulator
  gitops emulator --state demo.state   go on where it was ended the last time
""",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: a free one.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    help="How many times faster than Baseten everything goes. Default 1.",
)
@click.option(
    "--mode",
    type=click.Choice(["newest", "july"]),
    default="newest",
    help="The platform of autumn, or of July 2026.",
)
@click.option("--key", "keys", multiple=True, metavar="KEY[:TYPE]", help="Accept only these.")
@click.option("--workspace", help="The workspace's name. Default: a new one each time.")
@click.option(
    "--traffic",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Requests per second sent to every production environment.",
)
@click.option(
    "--first-push",
    type=click.Choice(["production", "serving", "none"]),
    default="production",
    help="What becomes of a model's first deployment.",
)
@click.option(
    "--seed",
    "models",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Start with N models that serve already, unless the state holds a workspace.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep everything in this file. Default: in memory.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="Something to go wrong, e.g. drop_after:POST:/promote or build_fails:model=chat.",
)
@click.option(
    "--random-seed",
    "seed",
    type=int,
    metavar="N",
    help="Repeat ids, and when faults of chance strike.",
)
@click.option(
    "--truss-network",
    type=click.Choice(["auto", "off", "on"]),
    default="auto",
    help="Whether trusses reach the network. Default auto: not, where the system can prevent it.",
)
@click.option(
    "--idle-out",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Deactivate what was at zero for so long; 0: never. Default two weeks.",
)
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="NAME=VALUE",
    help="Choose where the sources disagree, e.g. invalid_status=422.",
)
@click.option("--control", is_flag=True, help="Serve /__emulator__/ for tests.")
@click.option("--no-rate-limits", is_flag=True, help="Never answer 429.")
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Serve a Baseten on this machine, or run CMD against a fresh one.

    Trusses really run: a model.py in a process of its own, anything else as an echo.
    Everything behind --exec is the command; it finds the emulator in its environment.
    Without --exec the four variables are printed for the shell to export.
    """
    if ctx.invoked_subcommand is not None:
        return
    from gitops.emulator.launch import execute, serve
    from gitops.emulator.storage.problem import StateError

    options = _options(given)
    to_run = ctx.meta.get("exec")
    try:
        if to_run:
            code = execute(options, to_run, port=given["port"], models=given["models"])
        else:
            code = serve(options, port=given["port"], models=given["models"])
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise click.ClickException(f"The emulator cannot listen: {reason}.") from None
    except StateError as problem:
        raise click.ClickException(str(problem)) from None
    ctx.exit(code)


@command.command(
    epilog="""\b
Examples:
  gitops emulator seed --models 2000 --state fleet.state
                                       before an emulator is started with that state
  gitops emulator seed --models 20     in the one that BASETEN_API_URL leads to
"""
)
@click.option("--models", type=click.IntRange(1, 5000), required=True, help="How many.")
@click.option(
    "--environment",
    "environments",
    multiple=True,
    metavar="NAME",
    help="Besides production; repeatable. Default: staging.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A state file that no emulator has open; made where it is missing.",
)
@click.option(
    "--url",
    envvar="BASETEN_API_URL",
    show_envvar=True,
    help="An emulator on this machine that was started with --control.",
)
def seed(models: int, environments: tuple[str, ...], state: Path | None, url: str | None) -> None:
    """Add models that serve at once, in production and staging; they echo."""
    from gitops.emulator import seeding
    from gitops.emulator.storage.problem import StateError

    names = environments or ("staging",)
    try:
        if state is not None:
            seeding.into_file(state, models, names)
        elif url is not None:
            seeding.into_running(url, models, names)
        else:
            raise click.UsageError("Say where: --state FILE, or --url of a running emulator.")
    except (StateError, seeding.SeedError) as problem:
        raise click.ClickException(str(problem)) from None
    noun = "model" if models == 1 else "models"
    click.echo(f"Seeded {models:,} {noun} in {', '.join(('production', *names))}.")


def _checked_fault(text: str) -> str:
    from gitops.emulator.faults import FaultError, parse

    try:
        parse(text)
    except FaultError as problem:
        raise click.BadParameter(f"{text!r}: {problem}.", param_hint="--fault") from None
    return text


def _options(given: dict[str, Any]) -> Options:
    from gitops.emulator.options import Durations, Options

    idle_out = given["idle_out"]
    switches = {"first_push": given["first_push"], **dict(map(_switch, given["switches"]))}
    return Options(
        durations=Durations() if idle_out is None else Durations(idle_out=idle_out),
        faults=tuple(_checked_fault(text) for text in given["faults"]),
        seed=given["seed"],
        truss_network=given["truss_network"],
        speed=given["speed"],
        mode=given["mode"],
        keys=tuple(_key(text) for text in given["keys"]),
        rate_limits=not given["no_rate_limits"],
        workspace=given["workspace"],
        control=given["control"],
        state=given["state"],
        traffic=given["traffic"],
        **switches,
    )
