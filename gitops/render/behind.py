"""How old what a clone knows of the deploy log is, in a sentence."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from gitops.render.words import instant
from gitops.wording import duration

FRESH: Final = timedelta(minutes=1)
_DAY: Final = 86400


def known_as_of(
    fetched: datetime | None,
    now: datetime,
    *,
    asked: datetime | None = None,
    never: bool = False,
) -> str | None:
    """What to say of a log that was last fetched then; None where it is as good as new.

    Nobody was asked for it.
    ``fetched`` None: not known, or with ``never`` not yet. ``asked`` is the moment that is asked
    about, which the clone may know nothing of.
    """
    if never:
        return (
            "This clone has not asked the remote for the deploy log yet:"
            " `gitops log --fetch` does, and so does every plan."
        )
    if fetched is None:
        return "When this clone last asked the remote is not known: `gitops log --fetch` asks now."
    age = now - fetched
    if age < FRESH:
        return None
    since = f"as of {instant(fetched)}, {_ago(age)} ago"
    if asked is not None and asked > fetched:
        return f"What is known here is {since}, before that time: `gitops log --fetch` asks anew."
    return f"What is known here is {since}: `gitops log --fetch` asks the remote for more."


def unknown(fetched: datetime | None, now: datetime, why: str) -> str:
    """What to say where the log cannot be fetched, with the moment up to which it is known here.

    ``fetched`` None: this clone has never had it, or does not know when.
    """
    if fetched is None:
        return f"history unknown: {why}"
    return f"history unknown since {instant(fetched)}, {_ago(now - fetched)} ago: {why}"


def _ago(age: timedelta) -> str:
    seconds = max(int(age.total_seconds()), 0)
    days = seconds // _DAY
    return f"{days}d" if days else duration(seconds if seconds < 60 else seconds // 60 * 60)
