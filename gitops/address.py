"""Addresses that somebody set and that a secret is sent to."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from gitops.errors import UsageError


def check_address(variable: str, url: str, *, like: str) -> None:
    """Refuse what a secret must not be sent to; ``like`` is an address as it should look.

    Raises ``UsageError``, which names the variable and shows the address without its credentials.
    """
    parts = _split(variable, url)
    shown = _without_credentials(parts)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(
            f"{variable} is {shown!r}, which is not an http or https address",
            hint=f"write it like {like}",
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{variable} has a user name or password in it ({shown})",
            hint="leave them out; the key has a variable of its own",
        )
    if parts.query or parts.fragment:
        raise UsageError(f"{variable} has a query or a fragment in it ({shown})")
    if parts.scheme == "http" and not is_loopback(url):
        raise UsageError(
            f"{variable} is {shown!r}: the key would cross the network unencrypted",
            hint="use https; http is only for an address of this machine",
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


def _split(variable: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url.replace("{model_id}", "model"))
        _ = parts.port
    except ValueError:
        raise UsageError(f"{variable} is not an address that can be read") from None
    return parts


def _without_credentials(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
