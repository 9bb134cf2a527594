"""Reading the object database through a ``git cat-file`` that keeps running.

Requests are written ahead of their answers, as many as a pipe surely holds, so there is no round
trip for each. Many at once go through a process of their own, which need not write each answer as
soon as it has it: reading a thousand objects costs no more than ``git cat-file --batch`` does.
"""

from __future__ import annotations

import fcntl
import re
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import IO, Final, Literal, NamedTuple, TypeAlias

from gitops.errors import RepositoryError
from gitops.git.process import Git, without_credentials
from gitops.render.text import printable

IN_FLIGHT: Final = 4096
"""Bytes of unanswered requests: the least that a pipe holds, so writing them never blocks.

Half of what it does hold where the system tells: a last page may be half empty.
"""

MANY: Final = 512
"""So many requests are worth a process of their own."""

CHUNK: Final = 1 << 18
"""Bytes that a streamed object is handed on in."""

Tree: TypeAlias = dict[bytes, tuple[str, str]]
"""Mode and object id by name, in Git's order."""


class MissingObject(RepositoryError):
    """An object is not in this clone. ``oid`` names it, or is empty where Git did not say."""

    def __init__(self, message: str, *, oid: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.oid = oid


class Found(NamedTuple):
    """An object; ``content`` is empty where only its header was asked for. ``size`` in bytes.

    A tuple, since thousands are made in a row and it is the cheapest thing with names.
    """

    oid: str
    kind: str
    size: int
    content: bytes = b""


class CatFile:
    """One ``git cat-file`` process, started at first use and again if it died. Thread-safe."""

    def __init__(self, git: Git, mode: Literal["--batch", "--batch-check"]) -> None:
        self._git = git
        self._mode = mode
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._finalizer: weakref.finalize[..., CatFile] | None = None
        self._room = IN_FLIGHT

    def read(self, names: Sequence[bytes]) -> list[Found | None]:
        """The objects in the order asked for; None for one that is not there."""
        if not names:
            return []
        if len(names) >= MANY:
            return self._read_apart(names)
        with self._lock:
            done = False
            try:
                answers = [self._answer(out) for out in self._exchange(names)]
                done = True
                return answers
            finally:
                # Whatever interrupts us leaves answers in the pipe that belong to nobody.
                if not done:
                    self._stop()

    def _read_apart(self, names: Sequence[bytes]) -> list[Found | None]:
        asked = b"\n".join(names) + b"\n"
        done = self._git.try_run("cat-file", self._mode, "--buffer", stdin=asked)
        if done.code:
            raise _ended_early(done.err)
        out, position = done.out, 0
        has_content = self._mode == "--batch"
        found: list[Found | None] = []
        for _ in names:
            end = out.find(b"\n", position)
            header = _header(out[position:end])
            if end < 0:
                raise _ended_early(done.err)
            position = end + 1
            if header is not None and has_content:
                end = position + header.size
                header = Found(header.oid, header.kind, header.size, out[position:end])
                position = end + 1
            found.append(header)
        return found

    def stream(self, oid: str) -> Iterator[bytes]:
        """One blob in chunks; this process must be nobody else's. Raises ``MissingObject``."""
        with self._lock:
            for out in self._exchange([oid.encode()]):
                header = self._header(out)
                if header is None:
                    raise MissingObject(f"Object {oid} is not in this clone.", oid=oid)
                left = header.size
                while left:
                    piece = out.read(min(CHUNK, left))
                    if not piece:
                        raise self._died()
                    left -= len(piece)
                    yield piece
                out.read(1)

    def close(self) -> None:
        """End the process; a later read starts another."""
        with self._lock:
            self._stop()

    def _exchange(self, names: Sequence[bytes]) -> Iterator[IO[bytes]]:
        """Send the requests, never more than fit; yield once per request when it can be read."""
        process = self._process or self._start()
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise TypeError("cat-file was started without pipes")
        sent, flying = 0, 0
        for index, name in enumerate(names):
            if sent <= index or flying < self._room // 2:
                batch = bytearray()
                while sent < len(names) and (
                    sent <= index or flying + len(names[sent]) < self._room
                ):
                    batch += names[sent] + b"\n"
                    flying += len(names[sent]) + 1
                    sent += 1
                try:
                    stdin.write(batch)
                    stdin.flush()
                except BrokenPipeError as error:
                    raise self._died() from error
            yield stdout
            flying -= len(name) + 1

    def _header(self, out: IO[bytes]) -> Found | None:
        line = out.readline()
        if not line:
            raise self._died()
        return _header(line)

    def _answer(self, out: IO[bytes]) -> Found | None:
        header = self._header(out)
        if header is None or self._mode == "--batch-check":
            return header
        content = out.read(header.size + 1)
        if len(content) <= header.size:
            raise self._died()
        return Found(header.oid, header.kind, header.size, content[:-1])

    def _start(self) -> subprocess.Popen[bytes]:
        # A file, since nobody reads a pipe that a traced Git might fill.
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        try:
            process = self._git.start("cat-file", self._mode, stderr=errors.fileno())
        except BaseException:
            errors.close()
            raise
        self._process, self._errors = process, errors
        self._room = _room(process.stdin)
        self._finalizer = weakref.finalize(self, _end, process, errors)
        return process

    def _stop(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._process = self._errors = self._finalizer = None

    def _died(self) -> RepositoryError:
        said = ""
        if self._process is not None and self._errors is not None:
            self._process.kill()
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode("utf-8", "replace")
        return _ended_early(said)


def _header(line: bytes) -> Found | None:
    words = line.split()
    if len(words) != 3 or not words[2].isdigit():
        return None
    return Found(words[0].decode(), words[1].decode(), int(words[2]))


def _ended_early(said: str) -> RepositoryError:
    said = printable(without_credentials(" / ".join(said.strip().splitlines())))
    promised = re.search(r"could not fetch ([0-9a-f]{40,64}) from promisor remote", said)
    if promised:
        return MissingObject(f"Object {promised[1]} is not in this clone.", oid=promised[1])
    return RepositoryError(f"git cat-file ended early: {said or 'without a word'}")


def _room(pipe: IO[bytes] | None) -> int:
    asks = getattr(fcntl, "F_GETPIPE_SZ", None)
    if pipe is None or asks is None:
        return IN_FLIGHT
    return max(IN_FLIGHT, int(fcntl.fcntl(pipe, asks)) // 2)


def _end(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout, errors):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
    process.wait()


_ENTRY: Final = {
    size: re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{%d})" % size, re.DOTALL) for size in (20, 32)
}


def parse_tree(content: bytes, id_bytes: int) -> Tree:
    """The entries of a tree object; ``id_bytes`` is 20, or 32 in a SHA-256 repository.

    Raises ``RepositoryError`` for bytes that are no tree.
    """
    rows = _ENTRY[id_bytes].findall(content)
    if sum(len(mode) + len(name) + id_bytes + 2 for mode, name, _ in rows) != len(content):
        raise RepositoryError("a tree object in this repository is corrupt", hint="run `git fsck`")
    return {name: (mode.decode().zfill(6), oid.hex()) for mode, name, oid in rows}
