"""When this clone last asked a remote for the deploy log: the time of a file of its own.

``gitops/fetched/REMOTE`` below the common Git directory. Git keeps no such time: other fetches
write FETCH_HEAD too, and a log that has not changed leaves no trace.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gitops.git.refnames import segment

FOLDER: Final = "gitops/fetched"


def note_fetch(common_dir: Path, remote: str) -> None:
    """The whole log of a remote was fetched just now."""
    folder = common_dir / FOLDER
    # It is for people only: where it cannot be written, the log is as good without it.
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / segment(remote)).touch()


def last_fetch(common_dir: Path) -> datetime | None:
    """The newest fetch from any remote, in UTC; None where none is known of."""
    times: list[float] = []
    with suppress(OSError):
        times = [each.stat().st_mtime for each in (common_dir / FOLDER).iterdir()]
    return datetime.fromtimestamp(max(times), tz=UTC) if times else None
