"""Running ``git`` as a program: its environment, its time limits, what it says when it fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gitops.errors import RemoteUnreachable, RepositoryError
from gitops.render.text import printable

MINIMUM_VERSION: Final = (2, 30)
"""``rev-parse --end-of-options`` works since then; SHA-256 repositories since 2.29."""

_ALWAYS: Final = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    # A hook inherits these from `git --literal-pathspecs` and its like; ours have their own magic.
    "GIT_LITERAL_PATHSPECS": "0",
    "GIT_GLOB_PATHSPECS": "0",
    "GIT_NOGLOB_PATHSPECS": "0",
    "GIT_ICASE_PATHSPECS": "0",
}
# A partial clone fetches what it lacks behind one's back. Newer Git has a switch against that;
# older Git only stops where no transport is allowed.
_OFFLINE: Final = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}

_WITHHELD: Final = frozenset({"BASETEN_API_KEY"})
"""Hooks, filters, credential helpers and SSH get what Git gets, and none of them needs the key."""

_AROUND: Final = (
    "hint:",
    "warning:",
    "Warning:",
    "@",
    "fatal: Could not read from remote repository",
    "Please make sure you have the correct access rights",
    "and the repository exists",
)
"""How lines begin that Git and SSH put around what is wrong with a remote."""

_UNWRITABLE: Final = re.compile(
    "insufficient permission for adding an object"
    "|[Uu]nable to create .*: (?:Permission denied|Read-only file system)"
)
"""What Git says where it cannot write; of a remote the same words mean another machine."""

_USERINFO: Final = re.compile(r"(?<=://)[^\s/]*@")


def without_credentials(text: str) -> str:
    """The text with user names, passwords and tokens taken out of every URL in it."""
    return _USERINFO.sub("***@", text)


def encoded(argument: str) -> bytes:
    """An argument or path as Git's bytes: UTF-8, undecodable bytes restored."""
    return argument.encode("utf-8", "surrogateescape")


def decoded(output: bytes) -> str:
    """Git's bytes as text that ``encoded`` turns back into the same bytes."""
    return output.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a finished command left: exit code, standard output, and what it said on stderr."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """The output as text, without the last line break."""
        return decoded(self.out).removesuffix("\n")

    @property
    def said(self) -> str:
        """What Git said on stderr, on one line, safe to print, without credentials."""
        lines = [line.strip() for line in self.err.splitlines()]
        joined = " / ".join(line for line in lines if line and not line.startswith("hint:"))
        return printable(without_credentials(joined)) or f"git ended with code {self.code}"

    @property
    def gist(self) -> str:
        """The first line of it that says what is wrong; like ``said`` otherwise."""
        lines = [line.strip() for line in self.err.splitlines()]
        told = next((line for line in lines if line and not line.startswith(_AROUND)), "")
        return printable(without_credentials(told)) or self.said


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """``git`` in one directory, with a fixed environment.

    Every command runs in a session of its own: a Ctrl-C for us does not kill a push half way, and
    nothing can ask questions on the terminal.
    """

    directory: Path
    environ: Mapping[str, str]

    def environment(self, *, network: bool = False) -> dict[str, str]:
        """The variables that a command gets; ``GIT_DIR`` and its like are the user's."""
        inherited = {name: self.environ[name] for name in self.environ if name not in _WITHHELD}
        return {**inherited, **_ALWAYS, **({} if network else _OFFLINE)}

    def named(self, name: str, email: str) -> Git:
        """The same, in somebody's name."""
        given = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", name), ("EMAIL", email))
        }
        return replace(self, environ={**self.environ, **given})

    def start(
        self, *arguments: str | bytes, network: bool = False, stderr: int = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        """Start ``git ARGUMENTS`` with pipes. Raises ``RepositoryError`` where that cannot be."""
        command = [b"git", *(a if isinstance(a, bytes) else encoded(a) for a in arguments)]
        try:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                env=self.environment(network=network),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=1 << 16,
                start_new_session=True,
            )
        except (FileNotFoundError, NotADirectoryError) as error:
            if not self.directory.is_dir():
                raise RepositoryError(
                    f"There is no directory {printable(str(self.directory))}.",
                    hint="name a directory inside a Git repository with -C",
                ) from error
            raise RepositoryError(
                "Git is not installed, or not on PATH.", hint="install Git 2.30 or newer"
            ) from error
        except PermissionError as error:
            raise RepositoryError(
                f"Git cannot be run in {printable(str(self.directory))}: {error.strerror}."
            ) from error

    def try_run(
        self,
        *arguments: str | bytes,
        stdin: bytes = b"",
        network: bool = False,
        timeout: float | None = None,
    ) -> Done:
        """Run ``git ARGUMENTS`` to its end, whatever its exit code.

        ``timeout`` is in seconds; past it the command and all it started are killed, and
        ``RemoteUnreachable`` is raised.
        """
        process = self.start(*arguments, network=network)
        with process:
            try:
                out, err = process.communicate(stdin, timeout=timeout)
            except subprocess.TimeoutExpired as error:
                with suppress(ProcessLookupError):  # it may have ended just now
                    os.killpg(process.pid, signal.SIGKILL)
                raise RemoteUnreachable(
                    f"git {_verb(arguments)} had no answer after {timeout:g} seconds."
                ) from error
        return Done(code=process.returncode, out=out, err=err.decode("utf-8", "replace"))

    def run(
        self,
        *arguments: str | bytes,
        stdin: bytes = b"",
        network: bool = False,
        timeout: float | None = None,
    ) -> Done:
        """Run ``git ARGUMENTS``; ``RepositoryError`` with what Git said where it fails."""
        done = self.try_run(*arguments, stdin=stdin, network=network, timeout=timeout)
        if done.code:
            hint = None
            if "promisor remote" in done.err:
                hint = (
                    "this partial clone lacks trees that the history is searched by: bring them"
                    " with `git fetch --refetch --filter=blob:none`, or clone with that filter"
                )
            elif not network and _UNWRITABLE.search(done.err):
                hint = (
                    "the repository's .git cannot be written by this user: run as its owner"
                    " (`ls -ld .git .git/objects .git/refs` names it), or correct the permissions"
                )
            raise RepositoryError(f"git {_verb(arguments)} failed: {done.said}", hint=hint)
        return done


def _verb(arguments: tuple[str | bytes, ...]) -> str:
    texts = iter(a if isinstance(a, str) else decoded(a) for a in arguments)
    for text in texts:
        if text == "-c":
            next(texts, None)
        elif not text.startswith("-"):
            return printable(text)
    return ""


def version(said: str) -> tuple[int, int] | None:
    """The version that ``git version`` prints, such as ``git version 2.39.5 (Apple Git-154)``."""
    found = re.search(r"(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None
