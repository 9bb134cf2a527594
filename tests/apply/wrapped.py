"""A deploy log in the hands of a test: it writes through, and something may happen to an entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gitops.apply.ports import DeployLog
from gitops.record.entry import Entry
from gitops.state.names import ModelKey

Write = Callable[[ModelKey, Entry], Entry]


@dataclass
class WrappedLog:
    """As `inner` is, but that every entry passes `write`, which is told how it would be written."""

    inner: DeployLog

    @property
    def notices(self) -> tuple[str, ...]:
        return self.inner.notices

    def fetch(self) -> None:
        self.inner.fetch()

    def entries(self, key: ModelKey) -> tuple[Entry, ...]:
        return self.inner.entries(key)

    def is_kept(self, key: ModelKey, entry_id: str) -> bool:
        return self.inner.is_kept(key, entry_id)

    def append(self, key: ModelKey, entry: Entry) -> Entry:
        return self.write(self.inner.append, key, entry)

    def keep(self, key: ModelKey, entry: Entry) -> Entry:
        return self.write(self.inner.keep, key, entry)

    def write(self, inner: Write, key: ModelKey, entry: Entry) -> Entry:
        return inner(key, entry)
