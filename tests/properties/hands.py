"""What a run reaches the outside with: the one clock, and a wire to the platform."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import httpx

from gitops.apply.clock import StopFlag
from gitops.baseten import upload
from gitops.baseten.client import Baseten
from gitops.baseten.endpoint import ApiKey, Endpoint
from gitops.emulator.uploads import UploadProblem
from gitops.errors import Unavailable
from tests.properties.baseten import URL

if TYPE_CHECKING:
    from tests.properties.stage import Stage
    from tests.properties.turns import Run

KEY: Final = "ourown.k3y-that-nobody-may-ever-see"
VARIABLES: Final = {
    "BASETEN_API_KEY": KEY,
    "BASETEN_API_URL": URL,
    "BASETEN_INFERENCE_URL": f"{URL}/inference/{{model_id}}",
    "AWS_ENDPOINT_URL_S3": URL,
}
ENDPOINT: Final = Endpoint(
    api_key=ApiKey(KEY),
    api_url=URL,
    inference_url=VARIABLES["BASETEN_INFERENCE_URL"],
    s3_endpoint=URL,
)
CONNECTS_WITHIN: Final = 10.0
"""Seconds; a request that could not be sent for so long is not sent any more."""


class Clock:
    """The one clock, as a run sees it. Fulfils ``gitops.apply.ports.Clock``."""

    def __init__(self, run: Run, stop: StopFlag) -> None:
        self.run, self.stop, self.platform = run, stop, run.turns.platform

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.platform.now, tz=UTC)

    def monotonic(self) -> float:
        return self.platform.now - self.platform.begun

    def sleep(self, seconds: float) -> None:
        self.stop.check()
        self.run.sleep(seconds)
        self.stop.check()


class Wire(httpx.BaseTransport):
    """What a run's requests go through; between any two of them anything can happen."""

    def __init__(self, stage: Stage, run: Run) -> None:
        self.stage, self.run = stage, run

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        platform, judge = self.stage.platform, self.stage.judge
        begun = platform.now
        self.run.point()
        if platform.now - begun > CONNECTS_WITHIN:
            raise httpx.ConnectTimeout("timed out", request=request)
        method, path = request.method, request.url.path
        self.stage.counts["requests"] += 1
        if method != "GET":
            judge.sends(method, path)
        try:
            response = platform.send(request, self.run.sleep)
        finally:
            if method != "GET":
                judge.sent(method, path)
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Heard(response.stream, self.run)
        return response


class _Heard(httpx.SyncByteStream):
    """An answer; when all of it has been read, anything can happen."""

    def __init__(self, stream: httpx.SyncByteStream, run: Run) -> None:
        self._stream, self._run = stream, run

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        self._run.point()


def reach(stage: Stage, run: Run, clock: Clock) -> Baseten:
    """The real edge, on the run's wire."""

    def tell(text: str) -> None:
        stage.judge.says("a sentence", text)

    return Baseten(ENDPOINT, clock, transport=Wire(stage, run), tell=tell)


def store(stage: Stage, where: upload.Target, archive: Iterator[bytes], **_: object) -> None:
    """Takes the place of ``gitops.baseten.upload.upload``: straight into the platform's bucket.

    Raises:
        Unavailable: as that does, where the credentials ended while the run stood still.
    """
    run = stage.turns.acting
    assert run is not None
    content = b"".join(archive)
    run.point()
    uploads = stage.platform.emulator.uploads
    try:
        uploads.credentials(where.access_key_id, where.session_token, where.key)
    except UploadProblem as problem:
        raise Unavailable(str(problem), method="PUT", path=f"/{where.bucket}/{where.key}") from None
    path = uploads.new_file()
    path.write_bytes(content)
    uploads.put(where.key, path, hashlib.md5(content).hexdigest())  # noqa: S324
    run.point()
