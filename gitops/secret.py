"""A text that must not be seen: it cannot be printed, pickled, or found in a dump of an object."""

from __future__ import annotations

from typing import Final, NoReturn

MASK: Final = "***"
# Shorter texts turn up in ordinary words, and a mask over those would only hide the message.
_SHORTEST_SCRUBBED: Final = 8


class Secret:
    """Only ``header()`` gives the text away.

    ``parts`` are pieces of it that are secret by themselves, as what follows a public prefix.
    """

    __slots__ = ("__parts", "__text")

    def __init__(self, text: str, *, parts: tuple[str, ...] = ()) -> None:
        self.__text = text
        self.__parts = (text, *(each for each in parts if len(each) >= _SHORTEST_SCRUBBED))

    def header(self) -> str:
        """The value of the ``Authorization`` header."""
        return f"Bearer {self.__text}"

    def scrub(self, text: str) -> str:
        """The text with the secret, and each secret part of it, masked."""
        for secret in self.__parts:
            text = text.replace(secret, MASK)
        return text

    def scrub_bytes(self, content: bytes) -> bytes:
        """As ``scrub``, for what came over the wire."""
        for secret in self.__parts:
            content = content.replace(secret.encode(), MASK.encode())
        return content

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never written down")
