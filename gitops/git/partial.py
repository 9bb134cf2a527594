"""A partial clone's missing objects: fetched all at once, and never without a word."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from typing import Final

from gitops.errors import RemoteUnreachable
from gitops.git.process import Git, encoded
from gitops.render.text import printable

Say = Callable[[str], None]

_PROMISOR: Final = re.compile(r"^remote\.(.+)\.promisor\s+(?:true|yes|on|1)$", re.IGNORECASE)
TIMEOUT: Final = 600.0
"""Seconds that a fetch of objects may take."""


class Partial:
    """What a clone that was made with ``--filter`` has left with its remote. Thread-safe.

    ``say`` hears of every fetch before it begins; without it nothing is fetched at all.
    """

    def __init__(self, git: Git, say: Say | None) -> None:
        self._git = git
        self._say = say
        self._lock = threading.Lock()
        self._remote: str | None = None
        self._looked = False
        self._failed: RemoteUnreachable | None = None

    @property
    def remote(self) -> str | None:
        """The remote that has the rest; None: this is no partial clone."""
        if not self._looked:
            asked = self._git.try_run("config", "--get-regexp", r"^remote\..*\.promisor$")
            found = (_PROMISOR.match(line) for line in asked.text.splitlines())
            self._remote = next((each[1] for each in found if each), None)
            self._looked = True
        return self._remote

    def fetch(self, oids: Iterable[str], kind: str) -> bool:
        """Fetch those of these objects that are not here, in one exchange; whether it was done.

        ``kind`` is what they are, for people. Raises ``RemoteUnreachable``; once that has happened
        nothing more is tried.
        """
        if self._say is None or self.remote is None:
            return False
        with self._lock:
            if self._failed is not None:
                raise self._failed
            missing = self._missing(oids)
            if not missing:
                return False
            what = f"{len(missing):,} {kind}{'' if len(missing) == 1 else 's'}"
            remote = printable(self.remote)
            self._say(f"This is a partial clone: fetching {what} from {remote}, all at once.")
            try:
                done = self._git.try_run(
                    *("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags"),
                    *("--no-write-fetch-head", "--recurse-submodules=no", "--no-auto-maintenance"),
                    *("--refmap=", "--filter=blob:none", "--stdin", self.remote),
                    stdin=encoded("".join(f"{oid}\n" for oid in missing)),
                    network=True,
                    timeout=TIMEOUT,
                )
                if done.code:
                    raise RemoteUnreachable(
                        f"{what} that this partial clone lacks cannot be fetched from {remote}:"
                        f" {done.said}",
                        hint="fetch it while the Git host is there, or clone without --filter",
                    )
            except RemoteUnreachable as error:
                self._failed = error
                raise
            return True

    def _missing(self, oids: Iterable[str]) -> list[str]:
        # Asking for each of them would have Git fetch it, or die.
        listed = self._git.run(
            *("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)")
        )
        here = set(listed.text.split())
        return [oid for oid in dict.fromkeys(oids) if oid not in here]
