"""The process that runs one truss.

Started as a script by `worker.py`, alone: it imports nothing of the emulator but its neighbour
`isolation.py`, and only what the truss's own code imports.

It reads one JSON object a line from the socket it was given: first the start order, then
requests. Standard input is a lifeline: when it closes, whoever started this process is
gone, and so is this process with everything it started.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import resource
import runpy
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_MIB = 1024 * 1024


class _Secrets(dict):  # type: ignore[type-arg]
    """The secrets a truss's config names; asking for another one says so."""

    def __missing__(self, key: str) -> str:
        """Name the secret that is not there."""
        raise KeyError(
            f"Secret '{key}' not found. Please ensure it's available in the secrets of the "
            "workspace and named in config.yaml."
        )


class Channel:
    """Lines of JSON over the socket; several threads may send."""

    def __init__(self, descriptor: int) -> None:
        """Take over the socket of that file descriptor."""
        self._socket = socket.socket(fileno=descriptor)
        self._reader = self._socket.makefile("rb")
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """Send one object; a gone parent ends the process."""
        data = json.dumps(message, default=_plain).encode() + b"\n"
        with self._lock:
            try:
                self._socket.sendall(data)
            except OSError:
                _end()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Objects as they come, until the other side closes."""
        for line in self._reader:
            yield json.loads(line)


def _plain(value: object) -> object:
    """Values that JSON does not know, as truss's own server would show them."""
    for name in ("model_dump", "tolist", "isoformat", "item"):
        method = getattr(value, name, None)
        if callable(method):
            return method()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise TypeError(f"{type(value).__name__} cannot be shown as JSON")


def _end() -> None:
    """Leave at once and take the whole process group along."""
    try:
        os.killpg(os.getpgid(0), signal.SIGKILL)
    finally:
        os._exit(1)


def _hold_the_lifeline() -> None:
    while os.read(0, 4096):
        continue
    _end()


def _limit(memory_mib: int, cpu_seconds: int) -> None:
    for kind, value, most in (
        (resource.RLIMIT_AS, memory_mib * _MIB, memory_mib * _MIB),
        # At the lower bound comes SIGXCPU, by which the emulator knows the reason.
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 5),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, 1024 * _MIB, 1024 * _MIB),
    ):
        _, hard = resource.getrlimit(kind)
        bound, ceiling = (
            each if hard == resource.RLIM_INFINITY else min(each, hard) for each in (value, most)
        )
        try:
            resource.setrlimit(kind, (bound, ceiling))
        except (OSError, ValueError) as problem:
            # Not every system has every limit.
            sys.stderr.write(f"The limit {kind} cannot be set to {bound}: {problem}\n")


class Truss:
    """The truss's model object and the ways to call it."""

    def __init__(self, order: dict[str, Any]) -> None:
        """Import the model class and construct it with what its signature takes."""
        root = Path(order["root"])
        config = order["config"]
        sys.path[:0] = [str(root), str(root / config.get("bundled_packages_dir", "packages"))]
        folder = config.get("model_module_dir", "model")
        file = config.get("model_class_filename", "model.py")
        module = importlib.import_module(f"{folder}.{file.removesuffix('.py')}".replace("/", "."))
        model_class = getattr(module, config.get("model_class_name", "Model"))
        given = {
            "config": config,
            "data_dir": root / config.get("data_dir", "data"),
            "secrets": _Secrets(order["secrets"]),
            "environment": order["environment"],
            "lazy_data_resolver": None,
        }
        self.model = model_class(**_accepted(model_class, given))
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def load(self) -> None:
        """Call the model's `load`, if it has one."""
        if hasattr(self.model, "load"):
            self._call(self.model.load)

    def answer(self, body: Any, request: SimpleNamespace) -> Any:
        """Run `preprocess`, `predict` and `postprocess`, as far as they exist."""
        value = body
        for name in ("preprocess", "predict", "postprocess"):
            step = getattr(self.model, name, None)
            if step is not None:
                value = self._call(step, *_arguments(step, value, request))
        return value

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        value = function(*arguments)
        if inspect.isawaitable(value):
            return asyncio.run_coroutine_threadsafe(_awaited(value), self.loop).result()
        return value

    def chunks(self, value: Any) -> Iterator[Any]:
        """The parts of a streamed answer, whether the model is async or not."""
        if not hasattr(value, "__anext__"):
            yield from value
            return
        while True:
            step = asyncio.run_coroutine_threadsafe(_awaited(value.__anext__()), self.loop)
            try:
                yield step.result()
            except StopAsyncIteration:
                return


async def _awaited(value: Any) -> Any:
    return await value


def _accepted(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return given
    return {name: value for name, value in given.items() if name in parameters}


def _arguments(step: Callable[..., Any], value: Any, request: SimpleNamespace) -> list[Any]:
    """A step takes the value, the value and the request, or the request alone, if so annotated."""
    parameters = [
        each
        for each in inspect.signature(step).parameters.values()
        if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
        and each.default is inspect.Parameter.empty
    ]
    if not parameters:
        return []
    if len(parameters) == 1:
        return [request if _is_request(parameters[0].annotation) else value]
    return [value, request]


def _is_request(annotation: Any) -> bool:
    """Whether a parameter is annotated as Starlette's request; its name says nothing.

    Starlette may not be here: it is recognised by where the class, or one it is made from, is from.
    """
    return isinstance(annotation, type) and any(
        each.__name__ == "Request" and each.__module__.partition(".")[0] == "starlette"
        for each in annotation.__mro__
    )


def _traceback(problem: BaseException) -> str:
    """The traceback from the truss's own first line on."""
    frames = problem.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(problem), problem, frames))


def _serve(truss: Truss, channel: Channel, message: dict[str, Any]) -> None:
    identifier = message["id"]
    try:
        request = SimpleNamespace(headers=message["headers"])
        result = truss.answer(json.loads(message["body"]), request)
        if inspect.isgenerator(result) or hasattr(result, "__anext__"):
            for chunk in truss.chunks(result):
                text = chunk.decode("utf-8", "replace") if isinstance(chunk, bytes) else chunk
                channel.send({"id": identifier, "chunk": text})
            channel.send({"id": identifier, "end": True})
        else:
            channel.send({"id": identifier, "result": result})
    except BaseException as problem:  # noqa: BLE001 - whatever the truss raises is its answer
        status = getattr(problem, "status_code", 500)
        channel.send(
            {
                "id": identifier,
                "status": status if isinstance(status, int) else 500,
                "error": str(getattr(problem, "detail", "Internal Server Error")),
                "traceback": _traceback(problem),
            }
        )


def main() -> None:
    """Load the truss, then answer requests until the lifeline or the socket closes."""
    channel = Channel(int(sys.argv[1]))
    messages = iter(channel)
    order = next(messages, None)
    if order is None:
        return
    if not order["network"]:
        # Before the first thread: the system moves only a process of one thread.
        isolation = runpy.run_path(str(Path(__file__).with_name("isolation.py")))
        reason = isolation["leave_the_network"]()
        if reason is not None:
            channel.send({"event": "not_isolated", "reason": reason})
            return
    threading.Thread(target=_hold_the_lifeline, daemon=True).start()
    _limit(order["memory_mib"], order["cpu_seconds"])
    try:
        truss = Truss(order)
        truss.load()
    except BaseException as problem:  # noqa: BLE001 - SystemExit from a truss is a failed load too
        channel.send({"event": "load_failed", "traceback": _traceback(problem)})
        return
    channel.send({"event": "loaded"})
    pool = ThreadPoolExecutor(max_workers=order["concurrency"])
    for message in messages:
        pool.submit(_serve, truss, channel, message)
    _end()


if __name__ == "__main__":
    main()
