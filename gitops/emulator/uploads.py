"""The object store behind uploads: temporary credentials, objects and multipart uploads."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gitops.emulator.world.kept import Entity, Rows, StoredFile

BUCKET = "emulator-model-uploads"
REGION = "us-west-2"
_LIFETIME_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What prepare gives out; good for one key, for an hour."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    key: str
    expires_at: float


@dataclass(slots=True, kw_only=True)
class Stored(Entity):
    """One uploaded object."""

    path: StoredFile
    etag: str
    size: int
    modified_at: float


@dataclass(slots=True, kw_only=True)
class Multipart(Entity):
    """A multipart upload that has not been completed."""

    key: str
    parts: dict[int, tuple[StoredFile, str]] = field(default_factory=dict)
    """Files and their MD5, by number."""


@dataclass(slots=True, kw_only=True, eq=False)
class Bucket(Entity):
    """What a state file holds of the object store."""

    issued: Rows[str, Credentials] = field(default_factory=Rows)
    """By access key id."""
    downloads: Rows[str, str] = field(default_factory=Rows)
    """Tokens, and the keys that they are good for."""
    objects: Rows[str, Stored] = field(default_factory=Rows)
    multiparts: Rows[str, Multipart] = field(default_factory=Rows)


class UploadProblem(Exception):
    """An S3 error: its HTTP status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Keep the parts."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Uploads(Bucket):
    """Objects on disk below `folder`. Times come from `now` (epoch seconds)."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        """Start empty."""
        super().__init__()
        self._folder = folder
        self._now = now

    def prepare(self) -> Credentials:
        """Fresh credentials for a fresh key."""
        credentials = Credentials(
            access_key_id="ASIA" + secrets.token_hex(8).upper(),
            secret_access_key=secrets.token_hex(20),
            session_token=secrets.token_urlsafe(48),
            key=f"models/{secrets.token_hex(8)}/model.tgz",
            expires_at=self._now() + _LIFETIME_SECONDS,
        )
        self.issued[credentials.access_key_id] = credentials
        return credentials

    def credentials(self, access_key_id: str, token: str | None, key: str) -> Credentials:
        """The credentials of a request for `key`.

        Raises:
            UploadProblem: 403, they are unknown, expired, or good for another key.
        """
        found = self.issued.get(access_key_id)
        if found is None:
            raise UploadProblem(403, "InvalidAccessKeyId", "The access key id is not known.")
        if token is None or not secrets.compare_digest(token, found.session_token):
            raise UploadProblem(403, "InvalidToken", "The session token does not match.")
        if self._now() > found.expires_at:
            raise UploadProblem(403, "ExpiredToken", "The session token has expired.")
        if key != found.key:
            raise UploadProblem(403, "AccessDenied", "The credentials are for another key.")
        return found

    def new_file(self) -> Path:
        """A path for bytes that are about to be written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / secrets.token_hex(12)

    def put(self, key: str, path: Path, md5: str) -> Stored:
        """Store a whole object."""
        stored = Stored(
            path=path, etag=f'"{md5}"', size=path.stat().st_size, modified_at=self._now()
        )
        self.objects[key] = stored
        return stored

    def begin(self, key: str) -> str:
        """Begin a multipart upload and give its id."""
        upload_id = secrets.token_hex(16)
        self.multiparts[upload_id] = Multipart(key=key)
        return upload_id

    def multipart(self, upload_id: str, key: str) -> Multipart:
        """The upload of that id. Raises: UploadProblem 404."""
        found = self.multiparts.get(upload_id)
        if found is None or found.key != key:
            raise UploadProblem(404, "NoSuchUpload", "The upload does not exist.")
        return found

    def complete(self, upload_id: str, key: str, parts: list[tuple[int, str]]) -> Stored:
        """Join the named parts in their order.

        Raises:
            UploadProblem: a part is missing, differs, or the order is wrong.
        """
        upload = self.multipart(upload_id, key)
        if not parts or [number for number, _ in parts] != sorted(n for n, _ in parts):
            raise UploadProblem(400, "InvalidPartOrder", "Parts must be in ascending order.")
        target = self.new_file()
        digests = b""
        with target.open("wb") as joined:
            for number, etag in parts:
                path, md5 = upload.parts.get(number, (None, ""))
                if path is None or etag.strip('"') != md5:
                    raise UploadProblem(400, "InvalidPart", f"Part {number} does not match.")
                digests += bytes.fromhex(md5)
                with path.open("rb") as part:
                    while block := part.read(1024 * 1024):
                        joined.write(block)
        stored = self.put(key, target, hashlib.md5(digests).hexdigest())  # noqa: S324
        stored.etag = f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'  # noqa: S324
        self.abort(upload_id, key)
        return stored

    def abort(self, upload_id: str, key: str) -> None:
        """Drop a multipart upload and its parts."""
        upload = self.multipart(upload_id, key)
        for path, _ in upload.parts.values():
            path.unlink(missing_ok=True)
        del self.multiparts[upload_id]

    def get(self, key: str) -> Stored:
        """An object. Raises: UploadProblem 404."""
        found = self.objects.get(key)
        if found is None:
            raise UploadProblem(404, "NoSuchKey", "The specified key does not exist.")
        return found

    def sign_download(self, key: str) -> str:
        """A token that lets whoever has it read one object."""
        token = secrets.token_urlsafe(24)
        self.downloads[token] = key
        return token

    def may_download(self, token: str, key: str) -> bool:
        """Whether the token is for that object."""
        return self.downloads.get(token) == key
