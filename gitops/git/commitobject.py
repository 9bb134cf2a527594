"""Commit objects as Git stores them: anybody may write one, in any encoding and of any time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gitops.errors import RepositoryError
from gitops.git.objects import Found
from gitops.state.commit import CommitInfo

_EARLIEST: Final = -62_000_000_000
_LATEST: Final = 253_000_000_000
"""Seconds since 1970, of the years 5 and 9987."""


@dataclass(frozen=True, slots=True)
class Commit:
    """The id of a commit's tree, and what is said about the commit."""

    tree: str
    info: CommitInfo


def parse_commit(found: Found) -> Commit:
    """Read a commit object, whatever it says. Raises ``RepositoryError`` for one that is none."""
    head, _, body = found.content.partition(b"\n\n")
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        fields.setdefault(key, value)
    try:
        encoding = fields.get(b"encoding", b"utf-8").decode("ascii", "replace")
        codec = "utf-8" if encoding.lower() == "utf-8" else encoding
        author = fields[b"author"].rpartition(b" <")[0]
        seconds = int(fields[b"committer"].rsplit(b" ", 2)[1])
        subject = body.lstrip(b"\n").split(b"\n", 1)[0].rstrip()
        info = CommitInfo(
            id=found.oid,
            at=_moment(seconds),
            subject=_text(subject, codec),
            author=_text(author, codec),
        )
        return Commit(fields[b"tree"].decode("ascii"), info)
    except (KeyError, IndexError, ValueError, OverflowError, OSError) as error:
        raise RepositoryError(
            f"Commit {found.oid} cannot be read: {error}.", hint="run `git fsck`"
        ) from error


def _moment(seconds: int) -> datetime:
    """A commit's time; the nearest that a datetime holds, for anybody may write any number."""
    return datetime.fromtimestamp(min(max(seconds, _EARLIEST), _LATEST), UTC)


def _text(content: bytes, codec: str) -> str:
    try:
        return content.decode(codec, "replace")
    except (LookupError, ValueError):
        # Python knows codecs that no editor writes, and some of them refuse to replace.
        return content.decode("utf-8", "replace")
