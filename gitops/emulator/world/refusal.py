"""How the world says no. The HTTP layer turns it into Baseten's error body."""

from __future__ import annotations


class Refusal(Exception):
    """A request that Baseten would answer with an error.

    `status` is the HTTP status, `code` the machine-readable word beside the message.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        """Keep the three parts; the exception's text is the message."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def not_found(what: str) -> Refusal:
    """404 for an object that does not exist or cannot be seen yet."""
    return Refusal(404, "NOT_FOUND", f"{what} not found.")


def invalid(message: str) -> Refusal:
    """400 for input that Baseten would refuse."""
    return Refusal(400, "VALIDATION_ERROR", message)
