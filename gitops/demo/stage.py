"""The stage of the demo: a folder, a Git remote, an emulator; runs commands and shows them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gitops.errors import GitopsError

GITOPS: Final = (sys.executable, "-m", "gitops")
VARIABLES: Final = frozenset(
    {"BASETEN_API_KEY", "BASETEN_API_URL", "BASETEN_INFERENCE_URL", "AWS_ENDPOINT_URL_S3"}
)
STOPS_WITHIN: Final = 10.0
WIDTH: Final = 80


class StoryBroken(GitopsError):
    """A command of the story ended in another way than the story tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the story plays. ``colour`` only where stdout is a terminal, ``width`` in columns."""

    work: Path
    environ: Mapping[str, str]
    colour: bool
    width: int = WIDTH

    def say(self, text: str) -> None:
        """A sentence of narration."""
        told = "\n".join(textwrap.wrap(text, self.width))
        print(f"\033[1m{told}\033[0m" if self.colour else told, flush=True)

    def chapter(self, number: int, title: str) -> None:
        """A chapter's heading, as wide as the page."""
        line = f"── {number}. {title} ".ljust(self.width, "─")
        print(f"\n\033[36;1m{line}\033[0m\n" if self.colour else f"\n{line}\n", flush=True)

    def run(self, command: str, *, ends_in: int = 0) -> None:
        """Show a command, run it on our own stdout and stderr, and hold it to its exit code.

        Raises:
            StoryBroken: it ended with another exit code.
        """
        prompt = f"\033[32m$\033[0m \033[1m{command}\033[0m" if self.colour else f"$ {command}"
        print(prompt, flush=True)
        words = shlex.split(command)
        program = [*GITOPS, *words[1:]] if words[0] == "gitops" else words
        sys.stdout.flush()
        done = subprocess.run(program, cwd=self.work, env=dict(self.environ), check=False)
        if ends_in:
            grey = ("\033[2m", "\033[0m") if self.colour else ("", "")
            print(f"{grey[0]}[exit code {done.returncode}]{grey[1]}", flush=True)
        print(flush=True)
        if done.returncode != ends_in:
            raise StoryBroken(f"{command!r} ended with {done.returncode}; the story says {ends_in}")

    def git(self, *arguments: str) -> str:
        """A Git command that is not part of the show; its output, stripped."""
        return git(self.work, self.environ, *arguments)

    def commit(self, message: str) -> str:
        """Commit and push everything; the new commit's id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def read(self, path: str) -> str:
        """A file of the repository."""
        return (self.work / path).read_text(encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        """Change a file of the repository."""
        (self.work / path).write_text(text, encoding="utf-8")

    def replace(self, path: str, before: str, after: str) -> None:
        """Replace the one place in a file where ``before`` stands."""
        text = self.read(path)
        if text.count(before) != 1:
            raise StoryBroken(f"{path}: {before!r} should stand there once")
        self.write(path, text.replace(before, after))


def git(folder: Path, environ: Mapping[str, str], *arguments: str) -> str:
    """Run Git quietly. Raises ``StoryBroken`` with its message where it fails."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StoryBroken(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without anything that could reach a real workspace or user."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("BASETEN_", "AWS_", "GIT_"))
    }
    # A pager would wait for somebody to press a key.
    return kept | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_PAGER": "cat",
    }


@contextmanager
def repository(folder: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """An empty clone of a new bare remote, on branch ``main``."""
    remote, work = folder / "remote.git", folder / "models"
    git(folder, environ, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(folder, environ, "init", "--quiet", "--initial-branch=main", str(work))
    git(work, environ, "remote", "add", "origin", str(remote))
    git(work, environ, "config", "user.name", "Demo")
    git(work, environ, "config", "user.email", "demo@example.com")
    yield work


@contextmanager
def emulator(environ: Mapping[str, str], options: Sequence[str]) -> Iterator[dict[str, str]]:
    """Run ``gitops emulator`` as a process of its own; yields the variables that point to it."""
    process = subprocess.Popen(
        [*GITOPS, "emulator", *options],
        env=dict(environ),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield _exports(process)
    finally:
        process.terminate()
        try:
            process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _exports(process: subprocess.Popen[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        words = shlex.split(line)
        if len(words) == 2 and words[0] == "export" and "=" in words[1]:
            name, _, value = words[1].partition("=")
            found[name] = value
        if found.keys() >= VARIABLES:
            return found
    raise StoryBroken(f"the emulator ended with {process.wait()} before it listened")
