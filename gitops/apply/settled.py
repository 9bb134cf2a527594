"""Whether changes of settings can be read back."""

from __future__ import annotations

from collections.abc import Iterable

from gitops.state.differences import equal, flatten
from gitops.state.settings import Change, Settings


def pending(changes: Iterable[Change], settings: Settings) -> tuple[Change, ...]:
    """The changes whose ``after`` is not what Baseten shows; numbers compare as numbers."""
    shown = flatten(settings)
    return tuple(each for each in changes if not equal(each.path, each.after, shown.get(each.path)))
