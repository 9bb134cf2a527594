"""The upload: only Baseten's credentials count, whatever this machine knows of AWS."""

from __future__ import annotations

import http.server
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitops.baseten.upload import PART, Target, target, upload
from gitops.errors import BasetenError, RepositoryError, Unavailable

WHERE = Target(
    bucket="bucket",
    key="models/abc/model.tgz",
    region="us-west-2",
    access_key_id="ASIATEMPORARY",
    secret_access_key="temporarySECRET",
    session_token="temporaryTOKEN",
)
CREDS = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_session_token": "c"}
VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_RETRY_MODE",
    "AWS_MAX_ATTEMPTS",
    "AWS_DEFAULTS_MODE",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_RESPONSE_CHECKSUM_VALIDATION",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT",
    "AWS_S3_USE_ARN_REGION",
    "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH",
    "AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS",
    "AWS_SIGV4A_SIGNING_REGION_SET",
    "AWS_AUTH_SCHEME_PREFERENCE",
    "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_DISABLE_REQUEST_COMPRESSION",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_SDK_UA_APP_ID",
)
CONFIG = """\
[default]
region = eu-north-1
retry_mode = garbage
request_checksum_calculation = when_required
endpoint_url = http://127.0.0.1:9
s3 =
  addressing_style = virtual
  use_accelerate_endpoint = true
  payload_signing_enabled = true
"""
DONE = (
    b'<?xml version="1.0"?><R><Bucket>b</Bucket><Key>k</Key><UploadId>u1</UploadId>'
    b"<ETag>e</ETag></R>"
)


class Storage(http.server.ThreadingHTTPServer):
    """As much of S3 as an upload meets; `failures` are answered first, None breaks off."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.parts: dict[int, bytes] = {}
        self.stored: bytes | None = None
        self.failures: list[int | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that a test breaks off is no news."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Storage

    def log_message(self, *unused: Any) -> None:
        """Quiet."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        storage = self.server
        with storage.lock:
            storage.seen.append((self.command, self.path, dict(self.headers)))
            failure = storage.failures.pop(0) if storage.failures else 200
            if failure == 200 and self.command == "PUT":
                part = re.search(r"partNumber=(\d+)", self.path)
                if part:
                    storage.parts[int(part[1])] = body
                else:
                    storage.stored = body
            elif failure == 200 and self.command == "POST" and "uploadId" in self.path:
                storage.stored = b"".join(storage.parts[key] for key in sorted(storage.parts))
        if failure is None:
            self.close_connection = True
            return
        reply = DONE if failure == 200 else b"<Error><Code>AccessDenied</Code></Error>"
        self.send_response(failure)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    do_PUT = do_POST = do_DELETE = answer  # noqa: N815  # the names that http.server looks for


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def pieces(*sizes: int) -> Iterator[bytes]:
    for number, size in enumerate(sizes):
        yield bytes([number % 256]) * size


def without_time(seen: tuple[str, str, dict[str, str]]) -> tuple[str, str, dict[str, str]]:
    """What is said, less what differs from one moment and one request to the next."""
    method, path, headers = seen
    kept = {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() not in {"x-amz-date", "amz-sdk-invocation-id", "host"}
    }
    signed = re.match(r"(.*Credential=[^/]+)/\d+(/.*SignedHeaders=[^,]+)", kept["authorization"])
    assert signed is not None
    return method, path, kept | {"authorization": signed[1] + signed[2]}


@pytest.mark.parametrize(
    "sizes",
    [(), (1,), (PART,), (PART, 1), (3 << 20,) * 7, (PART * 2 + 5,)],
    ids=["empty", "byte", "part", "part and a byte", "odd pieces", "one large piece"],
)
def test_what_arrives_is_what_was_streamed(storage: Storage, sizes: tuple[int, ...]) -> None:
    upload(WHERE, pieces(*sizes), endpoint=storage.url)
    assert storage.stored == b"".join(pieces(*sizes))
    assert all(path.startswith("/bucket/models/abc/model.tgz") for _, path, _ in storage.seen)


def test_nothing_that_this_machine_knows_of_aws_counts(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    upload(WHERE, pieces(10), endpoint=storage.url)
    (plain,) = storage.seen
    storage.seen.clear()
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(CONFIG)
    (tmp_path / ".aws" / "credentials").write_text("not even\n = [an ini file")
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "http://127.0.0.1:9/garbage")
    upload(WHERE, pieces(10), endpoint=storage.url)
    (ambient,) = storage.seen
    assert without_time(ambient) == without_time(plain)
    assert "Credential=ASIATEMPORARY/" in ambient[2]["Authorization"]
    assert ambient[2]["X-Amz-Security-Token"] == "temporaryTOKEN"


@pytest.mark.parametrize("failure", [500, 503, None], ids=["500", "503", "broken off"])
def test_a_part_that_fails_is_sent_again(storage: Storage, failure: int | None) -> None:
    storage.failures = [failure]
    upload(WHERE, pieces(10), endpoint=storage.url)
    assert storage.stored == b"\0" * 10


def test_what_fails_for_good_is_taken_back(storage: Storage) -> None:
    storage.failures = [200, 403, 403, 403]
    with pytest.raises(Unavailable) as caught:
        upload(WHERE, pieces(PART, PART, PART), endpoint=storage.url)
    assert "could not be uploaded to 127.0.0.1:" in caught.value.message
    assert "AccessDenied" in caught.value.message
    assert caught.value.hint == "nothing was created; run it again"
    assert storage.seen[-1][0] == "DELETE"
    assert storage.stored is None
    for secret in ("ASIATEMPORARY", "temporarySECRET", "temporaryTOKEN"):
        assert secret not in str(caught.value) + repr(caught.value) + repr(WHERE)


def test_storage_that_cannot_be_reached() -> None:
    # Bound but not listening: nobody else can take the port, and nobody answers.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"could not be uploaded to {address}"):
            upload(WHERE, pieces(10), endpoint=f"http://{address}", attempts=1)


def test_an_archive_that_cannot_be_read_ends_the_upload(storage: Storage) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * (PART + 1)
        raise RepositoryError("object 4be1 is missing")

    with pytest.raises(RepositoryError, match="4be1"):
        upload(WHERE, broken(), endpoint=storage.url)
    assert storage.stored is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"creds": None, "s3_bucket": None, "s3_key": None},
        {"creds": {"aws_access_key_id": "a"}, "s3_bucket": "b", "s3_key": None},
    ],
)
def test_a_push_without_a_place_to_upload_to(answer: dict[str, Any]) -> None:
    assert target(answer) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"creds": {}},
        {"creds": {"aws_access_key_id": "a"}},
        {"creds": dict.fromkeys(CREDS, "")},
        {"creds": dict.fromkeys(CREDS)},
        {"creds": {name: ["a"] for name in CREDS}},
        {"s3_region": "example.com/"},
        {"s3_region": "\n"},
        {"s3_region": {"a": 1}},
    ],
)
def test_credentials_that_are_none_are_not_made_good_by_this_machines(
    changed: dict[str, Any],
) -> None:
    answer = {"creds": CREDS, "s3_bucket": "b", "s3_key": "k", "s3_region": "us-east-1"}
    assert target(answer) is not None
    with pytest.raises(BasetenError, match="without credentials to upload with"):
        target(answer | changed)


def test_a_place_to_upload_to() -> None:
    found = target({"creds": CREDS, "s3_bucket": "d", "s3_key": "e", "s3_region": "f"})
    assert found == Target(
        access_key_id="a", secret_access_key="b", session_token="c", bucket="d", key="e", region="f"
    )
