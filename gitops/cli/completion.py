"""``gitops completion``, and the names that a shell completes: from release files, offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from gitops.cli.context import Context

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

VARIABLE: Final = "_GITOPS_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options, models and environments.

    Names of models and environments are those of the release files in the working tree; nothing is
    asked of Baseten.

    \b
    Examples:
      eval "$(gitops completion bash)"              in ~/.bashrc
      eval "$(gitops completion zsh)"               in ~/.zshrc, after compinit
      gitops completion fish > ~/.config/fish/completions/gitops.fish
    """
    from click.shell_completion import get_completion_class

    root = context.find_root().command
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(found(root, {}, "gitops", VARIABLE).source())


@dataclass(frozen=True, slots=True)
class Place:
    """A model as the release files name it, and its environments."""

    team: str | None
    model: str
    environments: tuple[str, ...]

    @property
    def whole(self) -> str:
        """TEAM/MODEL where a team is set."""
        return f"{self.team}/{self.model}" if self.team else self.model


Names = Callable[[tuple[Place, ...], click.Context, str], Iterator[str]]


def complete_names(command: click.Command) -> None:
    """Have the parameters of a command that take names complete them."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            complete_names(each)
    for parameter in command.params:
        names = NAMES.get(parameter.name or "")
        if names is not None and isinstance(parameter.type, click.types.StringParamType):
            # Public, and what `shell_complete=` sets: said once here, not in every command.
            vars(parameter)["shell_complete"] = partial(_complete, names)


def _complete(names: Names, context: click.Context, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    found = dict.fromkeys(names(_places(context), context, incomplete))
    return [CompletionItem(name) for name in found if name.startswith(incomplete)]


def _places(context: click.Context) -> tuple[Place, ...]:
    """What the release files name; nothing where they cannot be read: nobody reads errors now."""
    from gitops.errors import GitopsError
    from gitops.pipeline import release_files

    try:
        tree = Context(directory=context.find_root().params["directory"]).project().worktree
        configured = release_files.configuration(tree)
        paths, _ = release_files.paths(tree, configured.folder)
        read = [each.value for each in release_files.documents(tree, paths)]
    except (GitopsError, OSError):
        return ()
    team = configured.config.team
    return tuple(
        Place(
            team=each["team"] if isinstance(each.get("team"), str) else team,
            model=each["model"],
            environments=tuple(map(str, environments)) if isinstance(environments, dict) else (),
        )
        for each in read
        if isinstance(each, dict) and isinstance(each.get("model"), str)
        for environments in (each.get("environments"),)
    )


def _models(places: tuple[Place, ...], context: click.Context, incomplete: str) -> Iterator[str]:
    """The name alone where it is enough, until somebody types a team."""
    given = context.params.get("models") or ()
    often = Counter(each.model for each in places)
    for place in places:
        name = place.whole if "/" in incomplete or often[place.model] > 1 else place.model
        if name not in given:
            yield name


def _environments(places: tuple[Place, ...], context: click.Context, _: str) -> Iterator[str]:
    """Those of the model that was given, or of all."""
    model = context.params.get("model")
    for place in places:
        if model is None or model in {place.model, place.whole}:
            yield from place.environments


def _both(places: tuple[Place, ...], _: click.Context, __: str) -> Iterator[str]:
    for place in places:
        for environment in place.environments:
            yield f"{place.whole}/{environment}"


NAMES: Final[dict[str, Names]] = {
    "model": _models,
    "models": _models,
    "exclude": _models,
    "environment": _environments,
    "source": _environments,
    "target": _environments,
    "retry": _both,
}
"""What completes a parameter, by its name."""
