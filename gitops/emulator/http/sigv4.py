"""Checking AWS Signature Version 4 of an upload request."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from starlette.requests import Request


from gitops.emulator.uploads import Credentials, UploadProblem

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<id>[^/]+)/(?P<scope>[^,\s]+),\s*"
    r"SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]+)"
)
_SAFE = "-_.~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The parts of an Authorization header."""

    access_key_id: str
    scope: str
    signed_headers: tuple[str, ...]
    signature: str


def read(request: Request) -> Signature:
    """The signature of a request. Raises: UploadProblem 403."""
    match = _HEADER.match(request.headers.get("authorization", ""))
    if match is None:
        raise UploadProblem(403, "AccessDenied", "The request is not signed.")
    return Signature(
        access_key_id=match["id"],
        scope=match["scope"],
        signed_headers=tuple(match["headers"].split(";")),
        signature=match["signature"],
    )


def verify(request: Request, signature: Signature, credentials: Credentials) -> None:
    """Compute the signature again with the secret that was given out.

    Raises:
        UploadProblem: 403, it is another one.
    """
    canonical = "\n".join(
        (
            request.method,
            request.scope["raw_path"].partition(b"?")[0].decode("ascii"),
            _canonical_query(request.url.query),
            *(f"{name}:{_header(request, name)}" for name in signature.signed_headers),
            "",
            ";".join(signature.signed_headers),
            request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        )
    )
    to_sign = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            request.headers.get("x-amz-date", ""),
            signature.scope,
            hashlib.sha256(canonical.encode()).hexdigest(),
        )
    )
    key = ("AWS4" + credentials.secret_access_key).encode()
    for part in signature.scope.split("/"):
        key = _hmac(key, part)
    if not hmac.compare_digest(_hmac(key, to_sign).hex(), signature.signature):
        raise UploadProblem(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _header(request: Request, name: str) -> str:
    return ",".join(" ".join(value.split()) for value in request.headers.getlist(name))


def _canonical_query(query: str) -> str:
    pairs = []
    for item in query.split("&") if query else []:
        name, _, value = item.partition("=")
        pairs.append((quote(unquote(name), safe=_SAFE), quote(unquote(value), safe=_SAFE)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
