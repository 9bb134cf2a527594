"""Where Baseten is and with which key: an explicit value, or read from environment variables."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import SplitResult, urlsplit

from gitops.errors import UsageError

DEFAULT_API_URL: Final = "https://api.baseten.co"
DEFAULT_INFERENCE_URL: Final = "https://model-{model_id}.api.baseten.co"
MASK: Final = "***"
# Shorter texts turn up in ordinary words, and a mask over those would only hide the message.
_SHORTEST_SCRUBBED: Final = 8


class ApiKey:
    """A key that cannot be printed, compared by content, copied into a pickle, or seen in a dump.

    Only ``header()`` gives it away. A Baseten key is ``PREFIX.SECRET``; the prefix is no secret
    and is what Baseten's audit log shows.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        """Take the key as it is; raises ``UsageError`` where it cannot be one."""
        if not text:
            raise UsageError(
                "BASETEN_API_KEY is not set",
                hint="create a key at https://app.baseten.co/settings/api_keys and export it as "
                "BASETEN_API_KEY",
            )
        if text != text.strip():
            raise UsageError(
                "BASETEN_API_KEY starts or ends with white space or a line break",
                hint="the secret was probably stored with a trailing newline; store it again "
                "without one",
            )
        if not all("!" <= letter <= "~" for letter in text):
            raise UsageError(
                "BASETEN_API_KEY has characters in it that no key has (white space, control "
                "characters or letters beyond ASCII)",
                hint="copy the key again; it looks like PREFIX.SECRET",
            )
        self.__text = text

    @property
    def prefix(self) -> str | None:
        """The public part; None where the key has none."""
        prefix, dot, _ = self.__text.partition(".")
        return prefix if dot and prefix else None

    def header(self) -> str:
        """The value of the ``Authorization`` header."""
        return f"Bearer {self.__text}"

    def scrub(self, text: str) -> str:
        """The text with the key, and its secret part alone, masked."""
        for secret in self._secrets():
            text = text.replace(secret, MASK)
        return text

    def scrub_bytes(self, content: bytes) -> bytes:
        """As ``scrub``, for what came over the wire."""
        for secret in self._secrets():
            content = content.replace(secret.encode(), MASK.encode())
        return content

    def _secrets(self) -> tuple[str, ...]:
        secret = self.__text.partition(".")[2]
        return (self.__text, secret) if len(secret) >= _SHORTEST_SCRUBBED else (self.__text,)

    def __repr__(self) -> str:
        return f"ApiKey({MASK})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is never written down")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Which Baseten: ``inference_url`` holds ``{model_id}``; ``s3_endpoint`` None is AWS itself."""

    api_key: ApiKey
    api_url: str = DEFAULT_API_URL
    inference_url: str = DEFAULT_INFERENCE_URL
    s3_endpoint: str | None = None

    def __post_init__(self) -> None:
        """Refuse addresses that a key must not be sent to."""
        _check("BASETEN_API_URL", self.api_url)
        _check("BASETEN_INFERENCE_URL", self.inference_url)
        if "{model_id}" not in self.inference_url and not is_loopback(self.inference_url):
            raise UsageError(
                f"BASETEN_INFERENCE_URL is {self.inference_url!r}, which has no {{model_id}} in it",
                hint=f"write it like {DEFAULT_INFERENCE_URL}",
            )
        if self.s3_endpoint is not None:
            _check("AWS_ENDPOINT_URL_S3", self.s3_endpoint)

    @property
    def host(self) -> str:
        """The API's host, with its port where the URL names one."""
        parts = urlsplit(self.api_url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    def inference(self, model_id: str) -> str:
        """The inference base of one model, without a slash at its end."""
        return self.inference_url.replace("{model_id}", model_id).rstrip("/")


def from_environment(environ: Mapping[str, str]) -> Endpoint:
    """Read the ``BASETEN_*`` variables and ``AWS_ENDPOINT_URL_S3``.

    The last counts only where the API is not Baseten's own, so that an address meant for other
    programs never receives a model. No other variable is read.

    Raises:
        UsageError: a missing or damaged key, or an address that a key must not be sent to.
    """
    api_url = (environ.get("BASETEN_API_URL") or DEFAULT_API_URL).rstrip("/")
    return Endpoint(
        api_key=ApiKey(environ.get("BASETEN_API_KEY", "")),
        api_url=api_url,
        inference_url=environ.get("BASETEN_INFERENCE_URL") or DEFAULT_INFERENCE_URL,
        s3_endpoint=(
            environ.get("AWS_ENDPOINT_URL_S3") or None if api_url != DEFAULT_API_URL else None
        ),
    )


def is_loopback(url: str) -> bool:
    """Whether the URL leads to this machine."""
    host = urlsplit(url.replace("{model_id}", "model")).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check(variable: str, url: str) -> None:
    parts = _split(variable, url)
    shown = _without_credentials(parts)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(
            f"{variable} is {shown!r}, which is not an http or https address",
            hint=f"write it like {DEFAULT_API_URL}",
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{variable} has a user name or password in it ({shown})",
            hint="leave them out; the key goes into BASETEN_API_KEY",
        )
    if parts.query or parts.fragment:
        raise UsageError(f"{variable} has a query or a fragment in it ({shown})")
    if parts.scheme == "http" and not is_loopback(url):
        raise UsageError(
            f"{variable} is {shown!r}: the key would cross the network unencrypted",
            hint="use https; http is only for an address of this machine",
        )


def _split(variable: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url.replace("{model_id}", "model"))
        _ = parts.port
    except ValueError:
        raise UsageError(f"{variable} is not an address that can be read") from None
    return parts


def _without_credentials(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
