"""What `gitops completion` prints, in the shells that it is for: a Tab is pressed at a prompt."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import HANGS
from tests.repositories import Repository

RELEASE = """\
version: 1
model: bert
truss: trusses/bert
environments: {staging: {commit: HEAD}, production: {commit: HEAD}}
"""
PROMPT = "all set>"
# What a shell is told first; the prompt is put together so that it is not seen before it is there.
SHELLS = {
    "bash": ("bash --norc", "eval \"$(gitops completion bash)\"; PS1='all'' set> '"),
    "zsh": (
        "zsh -f",
        "autoload -U compinit; compinit -D; eval \"$(gitops completion zsh)\"; PS1='all'' set> '",
    ),
    "fish": (
        "fish --no-config",
        """set -g fish_autosuggestion_enabled 0
        gitops completion fish | source
        function fish_prompt; echo 'all'' set> '; end""",
    ),
}
TYPED = {
    "gitops prom": "gitops promote",
    "gitops rollback be": "gitops rollback bert",
    "gitops rollback bert st": "gitops rollback bert staging",
    "gitops plan --env prod": "gitops plan --env production",
}


class Terminal:
    """One shell in a tmux of its own."""

    def __init__(self, folder: Path) -> None:
        self._socket = str(folder / "tmux")
        self._environ = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
        }

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", self._socket, "-f", "/dev/null", *arguments]
        return subprocess.run(
            command, env=self._environ, capture_output=True, encoding="utf-8", check=True
        ).stdout

    @contextmanager
    def running(self, shell: str, directory: Path) -> Iterator[None]:
        self.tmux("new-session", "-d", "-x", "90", "-y", "20", "-c", str(directory), shell)
        try:
            yield
        finally:
            self.tmux("kill-server")

    def type(self, text: str, key: str) -> None:
        self.tmux("send-keys", "-l", text)
        self.tmux("send-keys", key)

    def until_prompt_is(self, wanted: str) -> None:
        deadline = time.monotonic() + HANGS
        while time.monotonic() < deadline:
            text = self.tmux("capture-pane", "-p")
            # A shell may list candidates below its prompt, and what was typed before it listened
            # may stand above it, with or without an empty line between.
            prompts = [line for line in text.splitlines() if line.startswith(PROMPT)]
            if prompts and prompts[-1].rstrip() == wanted:
                return
        pytest.fail(f"{wanted!r} never came to be the last prompt of\n{text}")

    def until_it_listens(self) -> None:
        """Waits for the prompt that a shell comes with, whatever it is."""
        deadline = time.monotonic() + HANGS
        while time.monotonic() < deadline:
            if self.tmux("capture-pane", "-p").strip():
                return
        pytest.fail("the shell printed no prompt")


@pytest.mark.needs("tmux")
@pytest.mark.parametrize(
    "shell", [pytest.param(name, marks=pytest.mark.needs(name)) for name in SHELLS]
)
def test_a_tab_completes_commands_models_and_environments(
    shell: str, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"releases/bert.yaml": RELEASE}, "Begin")
    command, told = SHELLS[shell]
    terminal = Terminal(tmp_path)
    with terminal.running(command, repository.path):
        terminal.until_it_listens()
        terminal.type(told, "Enter")
        terminal.until_prompt_is(PROMPT)
        for typed, completed in TYPED.items():
            terminal.type(typed, "Tab")
            terminal.until_prompt_is(f"{PROMPT} {completed}")
            terminal.tmux("send-keys", "C-u")
            terminal.until_prompt_is(PROMPT)
