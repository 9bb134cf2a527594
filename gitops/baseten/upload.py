"""Uploads an archive to S3 with the temporary credentials that Baseten hands out.

The credentials, the bucket and the region are Baseten's, so nothing that a machine's AWS
configuration says may play a part: neither ``AWS_*`` variables nor the files in ``~/.aws``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gitops.baseten.transport import host_of
from gitops.errors import BasetenError, Unavailable

if TYPE_CHECKING:
    from botocore.session import Session

PART: Final = 8 << 20
PARTS_IN_MEMORY: Final = 4
PARTS_AT_ONCE: Final = 4
ATTEMPTS: Final = 5
_REGION: Final = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where Baseten wants an archive; the credentials end by themselves after a while."""

    bucket: str
    key: str
    region: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)

    def scrub(self, text: str) -> str:
        """The text without the credentials."""
        for secret in (self.session_token, self.secret_access_key, self.access_key_id):
            text = text.replace(secret, "***") if secret else text
        return text


def target(answer: Mapping[str, Any]) -> Target | None:
    """Where to upload, from the answer of a prepared upload; None where no archive is asked for.

    Raises ``BasetenError`` for credentials that are none: the library would look for this machine's
    own in their place.
    """
    creds = answer.get("creds")
    bucket, key = answer.get("s3_bucket"), answer.get("s3_key")
    if not isinstance(creds, Mapping) or not bucket or not key:
        return None
    region = answer.get("s3_region") or "us-west-2"
    given = [
        creds.get(name)
        for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    ]
    if not all(isinstance(each, str) and each for each in given) or not _is_region(region):
        raise BasetenError(
            "Baseten prepared the push without credentials to upload with",
            method="POST",
            path="/v1/prepare_model_upload",
            hint="nothing was created; run it again",
        )
    access_key_id, secret_access_key, session_token = map(str, given)
    return Target(
        bucket=str(bucket),
        key=str(key),
        region=str(region),
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        session_token=session_token,
    )


def _is_region(region: object) -> bool:
    return isinstance(region, str) and _REGION.fullmatch(region) is not None


def upload(
    where: Target, archive: Iterator[bytes], *, endpoint: str | None, attempts: int = ATTEMPTS
) -> None:
    """Stream an archive in parts; what failed is taken back, so that no part of it stays.

    Holds a few parts of 8 MiB in memory, however long the archive is.

    Raises:
        Unavailable: the upload failed to the end of its retries. Nothing was created by it.
        GitopsError: whatever the archive raised while it was read.
    """
    # Slow to load, and only a push needs it.
    import boto3
    from boto3.exceptions import Boto3Error
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    session = boto3.session.Session(
        aws_access_key_id=where.access_key_id,
        aws_secret_access_key=where.secret_access_key,
        aws_session_token=where.session_token,
        region_name=where.region,
        botocore_session=_isolated(),
    )
    transfer = TransferConfig(
        multipart_threshold=PART,
        multipart_chunksize=PART,
        max_concurrency=PARTS_AT_ONCE,
        preferred_transfer_client="classic",
    )
    transfer.max_in_memory_upload_chunks = PARTS_IN_MEMORY
    failure = ""
    try:
        client = session.client(
            "s3",
            endpoint_url=endpoint,
            config=Config(
                connect_timeout=10,
                read_timeout=60,
                max_pool_connections=PARTS_AT_ONCE,
                ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # newer than its stubs
                retries={"mode": "standard", "total_max_attempts": attempts},
                s3={"addressing_style": "path" if endpoint else "auto"},
            ),
        )
        client.upload_fileobj(_Stream(archive), where.bucket, where.key, Config=transfer)
    except (Boto3Error, BotoCoreError, ClientError, HTTPClientError) as error:
        failure = where.scrub(str(error)) or type(error).__name__
    if failure:
        host = host_of(endpoint) if endpoint else f"S3 in {where.region}"
        raise Unavailable(
            f"the archive could not be uploaded to {host}: {failure}",
            method="PUT",
            path=f"/{where.bucket}/{where.key}",
            hint="nothing was created; run it again",
        )


def _isolated() -> Session:
    """A session of botocore for which this machine has no AWS configuration."""
    import botocore.session
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

    session = botocore.session.Session()
    store = session.get_component("config_store")
    for name, (_, _, default, _) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items():
        store.set_config_variable(name, default)
    for section in ("s3", "proxies_config"):
        store.set_config_variable(section, {})
    for path in ("config_file", "credentials_file"):
        store.set_config_variable(path, os.devnull)
    return session


class _Stream:
    """An iterator of pieces as a file that can be read, but not rewound."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = bytearray()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        end = len(self._rest) if size < 0 else size
        read = bytes(self._rest[:end])
        del self._rest[:end]
        return read


def no_target() -> BasetenError:
    """Baseten took the config but gives no place for an archive, which this tool always has."""
    return BasetenError(
        "Baseten prepared the push without a place to upload to",
        method="POST",
        path="/v1/prepare_model_upload",
        hint="models that are built without an archive (BIS-LLM) cannot be pushed by this tool",
    )
