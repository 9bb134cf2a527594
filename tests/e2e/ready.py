"""`gitops` on a PATH, forked from a process that has imported it already.

    with ready(tmp_path) as folder:
        subprocess.run(["bash", "-c", "gitops plan | head"], env={"PATH": f"{folder}:{PATH}"})

Most of what a short run takes is its imports, and a story has fifty. Each run is a process of its
own all the same: with its own streams, working directory, environment and exit code.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import marshal
import os
import pkgutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import gitops

_ROOT: Final = Path(__file__).resolve().parents[2]
_APART: Final = ("gitops.__main__", "gitops.demo", "gitops.emulator")
"""Programs of their own."""

_CLIENT: Final = """\
#!{python} -IS
import marshal, os, socket, sys
with socket.socket(socket.AF_UNIX) as there:
    there.connect({address!r})
    socket.send_fds(there, [b"x"], [0, 1, 2])
    there.sendall(marshal.dumps((sys.argv[1:], os.getcwd(), dict(os.environ))))
    there.shutdown(socket.SHUT_WR)
    ended = there.recv(8)
os._exit(int(ended or 70))
"""


@contextmanager
def ready(folder: Path) -> Iterator[Path]:
    """A folder below this one that holds the command, for as long as it lasts."""
    place = folder / "ready"
    place.mkdir()
    # A socket's path has to be short; so it is named from its own folder.
    address = place / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        with _inside(place):
            listening.bind(address.name)
        listening.listen()
        command = place / "gitops"
        command.write_text(_CLIENT.format(python=sys.executable, address=str(address)))
        command.chmod(0o755)
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.ready", str(listening.fileno())],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            pass_fds=(listening.fileno(),),
            stdin=subprocess.DEVNULL,
        )
    try:
        yield place
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _serve(listening: socket.socket) -> None:
    """Fork for every run. Returns in the fork, which is then the command; the server never ends."""
    while True:
        asked, _ = listening.accept()
        _, streams, _, _ = socket.recv_fds(asked, 1, 3)
        with asked.makefile("rb") as reading:
            sent = reading.read()
        child = os.fork()
        if child == 0:
            arguments, folder, environ = marshal.loads(sent)  # noqa: S302 - from our own client
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            # What a stream is (a file, a pipe) is asked when it is made.
            sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
            sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace")
            asked.close()
            listening.close()
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environ)
            sys.argv = ["gitops", *arguments]
            return
        for stream in streams:
            os.close(stream)
        with asked:
            ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            asked.sendall(str(ended if ended >= 0 else 128 - ended).encode())


if __name__ == "__main__":
    for module in pkgutil.walk_packages(gitops.__path__, "gitops."):
        if not module.name.startswith(_APART):
            importlib.import_module(module.name)
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    from gitops.cli.main import main

    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    atexit._run_exitfuncs()
    sys.stdout.flush()
    # To take all modules down again would take longer than most commands.
    os._exit(code if isinstance(code, int) else 70)
