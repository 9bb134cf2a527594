"""A headless Chromium, told what to do over its DevTools protocol: only what the tests need.

It speaks the protocol on two pipes: no port is open, nothing is installed besides Chromium.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.patience import HANGS

PROGRAM = "chromium"
_SWITCHES = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # it may run as root, and opens nothing but our own page
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--password-store=basic",
)


class _Pipes:
    """Messages to and from the browser, each ended by a NUL."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._received = b""

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._writes, data) :]

    def receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._reads], [], [], HANGS)
            assert ready, "Chromium does not answer"
            block = os.read(self._reads, 1 << 16)
            assert block, "Chromium ended"
            self._received += block
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)  # type: ignore[no-any-return]


class Tab:
    """One page. `complaints` are console errors, exceptions and refusals since it was made."""

    def __init__(self, pipes: _Pipes) -> None:
        self._pipes = pipes
        self._session: str | None = None
        self._number = 0
        self._loaded = False
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.dialogs = 0
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> Any:
        """One command and its answer."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params}
        self._pipes.send(message | ({"sessionId": self._session} if self._session else {}))
        while True:
            answer = self._next()
            if answer.get("id") == number and answer.get("sessionId") == self._session:
                assert "error" not in answer, answer
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        message = self._pipes.receive()
        params = message.get("params", {})
        if message.get("sessionId") != self._session:
            return message
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Page.javascriptDialogOpening":
                self.complaints.append(f"a dialog: {params}")
                self.send("Page.handleJavaScriptDialog", accept=False)
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Log.entryAdded" if params["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(str(params["entry"]))
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
                self.complaints.append(str(params["args"]))
        return message

    def open(self, url: str) -> None:
        """Go there, and wait until it has loaded."""
        self._loaded = False
        failed = self.send("Page.navigate", url=url).get("errorText")
        assert failed is None, failed
        while not self._loaded:
            self._next()

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true: it is looked at whenever the page has changed."""
        limit = round(HANGS * 800)
        self.evaluate(
            f"""new Promise((resolve, reject) => {{
              if ({condition}) return resolve();
              const late = setTimeout(() => reject(Error(document.body.innerText)), {limit});
              new MutationObserver((_, seen) => {{
                if (!({condition})) return;
                seen.disconnect();
                clearTimeout(late);
                resolve();
              }}).observe(document, {{
                subtree: true, childList: true, attributes: true, characterData: true
              }});
            }})"""
        )

    def resize(self, width: int, height: int) -> None:
        """The window, in CSS pixels; a narrow one is a phone."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def prefer(self, scheme: str) -> None:
        """`light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def forbid_scripts(self) -> None:
        """Pages opened from now on run no script of their own."""
        self.send("Emulation.setScriptExecutionDisabled", value=True)

    def text(self, selector: str = "body") -> str:
        """What can be read there."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.send(
            "Page.captureScreenshot",
            captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1},
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """Close it."""
        self.send("Page.close")


class Chromium:
    """A running browser."""

    def __init__(self, pipes: _Pipes) -> None:
        self._pipes = pipes

    @contextlib.contextmanager
    def tab(self) -> Iterator[Tab]:
        """A fresh tab. One at a time."""
        tab = Tab(self._pipes)
        try:
            yield tab
        finally:
            tab.close()


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """A browser with its profile in `folder`."""
    its_in, our_out = os.pipe()
    our_in, its_out = os.pipe()
    # The protocol's pipes are its descriptors 3 and 4.
    start = f'exec "$0" "$@" 3<&{its_in} 4>&{its_out}'
    with (folder / "stderr").open("wb") as said:
        process = subprocess.Popen(
            ["bash", "-c", start, PROGRAM, *_SWITCHES, f"--user-data-dir={folder / 'profile'}"],
            pass_fds=(its_in, its_out),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    os.close(its_in)
    os.close(its_out)
    pipes = _Pipes(our_in, our_out)
    try:
        yield Chromium(pipes)
        pipes.send({"id": 0, "method": "Browser.close"})
    finally:
        os.close(our_out)
        os.close(our_in)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
