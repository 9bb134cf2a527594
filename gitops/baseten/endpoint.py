"""Where Baseten is and with which key: an explicit value, or read from environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gitops.address import check_address, is_loopback
from gitops.errors import UsageError
from gitops.secret import Secret

DEFAULT_API_URL: Final = "https://api.baseten.co"
DEFAULT_INFERENCE_URL: Final = "https://model-{model_id}.api.baseten.co"


class ApiKey(Secret):
    """A key of Baseten's: ``PREFIX.SECRET``.

    ``prefix`` is no secret, and is what Baseten's audit log shows; None where the key has none.
    """

    __slots__ = ("prefix",)

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
        prefix, dot, secret = text.partition(".")
        super().__init__(text, parts=(secret,))
        self.prefix = prefix if dot and prefix else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Which Baseten: ``inference_url`` holds ``{model_id}``; ``s3_endpoint`` None is AWS itself."""

    api_key: ApiKey
    api_url: str = DEFAULT_API_URL
    inference_url: str = DEFAULT_INFERENCE_URL
    s3_endpoint: str | None = None

    def __post_init__(self) -> None:
        """Refuse addresses that a key must not be sent to."""
        check_address("BASETEN_API_URL", self.api_url, like=DEFAULT_API_URL)
        check_address("BASETEN_INFERENCE_URL", self.inference_url, like=DEFAULT_INFERENCE_URL)
        if "{model_id}" not in self.inference_url and not is_loopback(self.inference_url):
            raise UsageError(
                f"BASETEN_INFERENCE_URL is {self.inference_url!r}, which has no {{model_id}} in it",
                hint=f"write it like {DEFAULT_INFERENCE_URL}",
            )
        if self.s3_endpoint is not None:
            check_address("AWS_ENDPOINT_URL_S3", self.s3_endpoint, like="https://s3.example.com")

    @property
    def host(self) -> str:
        """The API's host, with its port where the URL names one."""
        return host_of(self.api_url)

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


def host_of(api_url: str) -> str:
    """The host of an API's URL, with its port where the URL names one.

    Raises ``ValueError`` for a port that is no number.
    """
    parts = urlsplit(api_url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def api_host(environ: Mapping[str, str]) -> str:
    """The host that these variables mean, whatever the key; empty where the URL cannot be one."""
    try:
        return host_of(environ.get("BASETEN_API_URL") or DEFAULT_API_URL)
    except ValueError:
        return ""
