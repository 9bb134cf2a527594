"""The emulator in the foreground: by itself, or around a command."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence

from gitops.emulator.background import new_key
from gitops.emulator.options import Options
from gitops.emulator.server import Server
from gitops.emulator.world.create import seed

_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def environ(server: Server, key: str) -> dict[str, str]:
    """The variables that point a client at a server."""
    return {
        "BASETEN_API_KEY": key,
        "BASETEN_API_URL": server.url,
        "BASETEN_INFERENCE_URL": server.inference_url,
        "AWS_ENDPOINT_URL_S3": server.url,
    }


def serve(options: Options, *, port: int = 0, models: int = 0) -> int:
    """Serve until SIGINT or SIGTERM, then 0; prints one `export` line a variable.

    Raises:
        OSError: the port is taken.
        StateError: the state file cannot be used.
    """
    server = Server(options, port=port)
    key = options.keys[0].secret if options.keys else new_key()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.stop)

        def ready() -> None:
            _seed(server, models)
            for name, value in environ(server, key).items():
                sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
            sys.stdout.flush()
            _say(f"listening on {server.url}, {_pace(options)}; Ctrl-C ends it")

        await server.serve(ready)

    asyncio.run(main())
    return 0


def execute(options: Options, command: Sequence[str], *, port: int = 0, models: int = 0) -> int:
    """Run a command against a fresh emulator and give its exit code.

    The command keeps the streams; signals go on to it; a command that a signal ended gives
    128 and the signal's number, as a shell would; one that cannot be started 127 or 126.

    Raises:
        OSError: the port is taken.
        StateError: the state file cannot be used.
    """
    server = Server(options, port=port)
    key = options.keys[0].secret if options.keys else new_key()

    async def main() -> int:
        ready = asyncio.Event()

        def begun() -> None:
            _seed(server, models)
            ready.set()

        serving = asyncio.create_task(server.serve(begun))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            waiting.cancel()
            await serving
        try:
            return await _run(command, {**os.environ, **environ(server, key)})
        finally:
            server.stop()
            await serving

    return asyncio.run(main())


async def _run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    loop = asyncio.get_running_loop()
    process: asyncio.subprocess.Process | None = None
    early: list[int] = []

    def forward(number: int) -> None:
        if process is None:
            early.append(number)
            return
        from_terminal = number in _FROM_TERMINAL and _in_foreground()
        if process.returncode is None and not from_terminal:
            process.send_signal(number)

    # Before the command begins: it may be quicker than what comes after its start.
    for number in _FORWARDED:
        loop.add_signal_handler(number, forward, number)
    try:
        process = await asyncio.create_subprocess_exec(*command, env=dict(variables))
    except FileNotFoundError:
        _say(f"{command[0]}: command not found")
        return 127
    except OSError as problem:
        _say(f"{command[0]}: {problem.strerror}")
        return 126
    for missed in early:
        forward(missed)
    code = await process.wait()
    return code if code >= 0 else 128 - code


def _in_foreground() -> bool:
    """Whether a terminal sends its Ctrl-C to us and, by itself, to the command as well."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _seed(server: Server, models: int) -> None:
    emulator = server.emulator
    if not models or emulator is None:
        return
    if emulator.restored:
        _say(f"{emulator.options.state} holds a workspace already; --seed adds nothing to it")
        return
    seed(emulator.world, models)
    emulator.save()


def _pace(options: Options) -> str:
    return "at Baseten's own pace" if options.speed == 1 else f"{options.speed:g} times as fast"


def _say(message: str) -> None:
    sys.stderr.write(f"gitops emulator: {message}\n")
    sys.stderr.flush()
