"""Commits that hold no files: a subject for people, and a JSON object for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import NoReturn

from gitops.git.identity import Identity
from gitops.git.repository import Repository
from gitops.state.json import Json, JsonObject


class Commits:
    """Writes such commits into one repository, in the name of ``writer``; moves no ref."""

    def __init__(self, repository: Repository, writer: Identity) -> None:
        self._repository = repository
        self._writer = writer
        self._empty_tree: str | None = None

    def write(self, subject: str, body: JsonObject, *, at: datetime, parents: Iterable[str]) -> str:
        """Store a commit with the empty tree and return its id; no index or file changes."""
        git = self._repository.git
        if self._writer.notice is not None:
            self._repository.tell(self._writer.notice)
        if self._empty_tree is None:
            self._empty_tree = git.run("hash-object", "-t", "tree", "-w", "--stdin").text
        seconds = int(at.timestamp())
        lines = [
            f"tree {self._empty_tree}",
            *(f"parent {parent}" for parent in parents),
            f"author {self._writer} {seconds} +0000",
            f"committer {self._writer} {seconds} +0000",
            "",
            subject,
            "",
            json.dumps(body, default=plain, allow_nan=False),
            "",
        ]
        commit = "\n".join(lines).encode()
        return git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=commit).text


def body_of(content: str) -> dict[str, Json]:
    """The JSON object in a commit's content. Raises ``ValueError`` where there is none."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant[:20]} is no number")

    def number(digits: str) -> float:
        return found if isfinite(found := float(digits)) else refuse(digits)

    message = content.partition("\n\n")[2]
    try:
        body = json.loads(
            message.partition("\n\n")[2].strip(), parse_constant=refuse, parse_float=number
        )
    except RecursionError as error:
        raise ValueError(str(error)) from error
    if not isinstance(body, dict):
        raise ValueError("its body is not a JSON object")
    return body


def plain(value: object) -> Json:
    """Values that JSON has no word for: read-only mappings, sequences, moments."""
    match value:
        case Mapping():
            return {str(key): inner for key, inner in value.items()}
        case datetime():
            return value.isoformat()
        case Sequence():
            return list(value)
        case _:
            raise TypeError(f"{type(value).__name__} cannot stand in a deploy-log entry")
