"""What a shell completes: commands without importing them, options, names from release files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from click.shell_completion import ShellComplete

from gitops.cli.completion import NAMES, VARIABLE
from gitops.cli.main import COMMANDS, gitops, run
from tests.repositories import Repository

RELEASE = """\
version: 1
{team}model: {name}
truss: t
environments: {{{environments}}}
"""
Complete = Callable[..., list[str]]


def release(name: str, *environments: str, team: str = "") -> str:
    pins = ", ".join(f"{each}: {{commit: HEAD}}" for each in environments)
    return RELEASE.format(name=name, environments=pins, team=f"team: {team}\n" if team else "")


@pytest.fixture
def complete(repository: Repository) -> Complete:
    repository.commit(
        {
            "releases/bert.yaml": release("bert", "staging", "production"),
            "releases/qwen.yaml": release("qwen", "canary", team="research"),
            "releases/a/twin.yaml": release("twin", "production", team="one"),
            "releases/b/twin.yaml": release("twin", "production", team="two"),
            "releases/broken.yaml": "version: [\n",
        },
        "Begin",
    )

    def complete(*words: str) -> list[str]:
        *before, incomplete = words
        arguments = ["-C", str(repository.path), *before]
        shell = ShellComplete(gitops, {}, "gitops", VARIABLE)
        return [each.value for each in shell.get_completions(arguments, incomplete)]

    return complete


def test_commands_and_options(complete: Complete) -> None:
    assert complete("") == list(COMMANDS)
    assert complete("pr") == ["promote", "prune"]
    assert complete("nothing", "") == list(COMMANDS)
    told = ["approved", "comment", "deployments", "issue", "outputs", "summary"]
    assert complete("forge", "") == told
    assert "--detailed-exitcode" in complete("plan", "--d")
    assert complete("status", "--format", "") == ["text", "json"]
    assert sorted(complete("schema", "st")) == ["standing", "status"]


def test_names_of_models(complete: Complete) -> None:
    every = ["one/twin", "two/twin", "bert", "qwen"]
    assert complete("plan", "") == every
    assert complete("plan", "bert", "") == ["one/twin", "two/twin", "qwen"]
    assert complete("plan", "research/") == ["research/qwen"]
    assert complete("apply", "--exclude", "q") == ["qwen"]
    assert complete("dev", "push", "b") == ["bert"]
    assert complete("apply", "--retry", "bert/") == ["bert/staging", "bert/production"]


def test_names_of_environments(complete: Complete) -> None:
    assert complete("rollback", "bert", "") == ["staging", "production"]
    assert complete("rollback", "research/qwen", "") == ["canary"]
    assert complete("promote", "bert", "--from", "s") == ["staging"]
    assert sorted(complete("plan", "--env", "")) == ["canary", "production", "staging"]


def test_outside_of_a_repository_nothing_is_said(
    complete: Complete, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    assert complete("-C", str(tmp_path), "plan", "") == []
    assert complete("-C", "/nowhere/at/all", "plan", "") == []
    assert capsys.readouterr() == ("", "")


def test_every_model_and_environment_is_completed() -> None:
    context = click.Context(gitops, resilient_parsing=True)
    commands: list[click.Command] = [
        each for name in COMMANDS if (each := gitops.get_command(context, name)) is not None
    ]
    seen = set()
    while commands:
        command = commands.pop()
        commands += list(command.commands.values()) if isinstance(command, click.Group) else []
        for parameter in command.params:
            shown = parameter.make_metavar(context).strip("[].…")
            if shown.split("/")[0] in {"MODEL", "ENV"}:
                assert "shell_complete" in vars(parameter), (command.name, parameter.name)
                seen.add(parameter.name)
    assert seen <= set(NAMES)
    assert {"model", "models", "environment", "source", "retry"} <= seen


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"{VARIABLE}={shell}_complete" in script
    if shell == "bash":
        subprocess.run(["bash", "-n", "-c", script], check=True)


def test_the_table_of_commands_imports_none_of_them() -> None:
    code = (
        "import sys\n"
        "from click.shell_completion import ShellComplete\n"
        "from gitops.cli.main import gitops\n"
        "assert ShellComplete(gitops, {}, 'gitops', 'X').get_completions([], 'p')\n"
        "print(sorted({'pydantic', 'httpx', 'gitops.cli.plan'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
