"""What the deploy log remembers: the entries of one model, read as facts that decisions ask for.

Everything here is derived from the entries alone; nothing knows live state or Git. An artifact is
known by its digest; where a side has none (a deployment that somebody else pushed) by its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from gitops.record.entry import Entry, Event, Side
from gitops.record.holds import Hold, holds_in, unverified_in
from gitops.state.differences import equal
from gitops.state.json import Json, JsonObject
from gitops.state.recognise import Identity

CANDIDATE: Final = "candidate"
"""The figure of a ``held`` entry whose artifact never served, but was only on its way."""
BRANCH: Final = "rollback_branch"
"""The figure of a ``held`` entry that began a rollback by hand: the branch that says so in Git."""

STAYS: Final = "stays"
"""The figure that maps settings to what Baseten has, where that stays until somebody consents."""

_SAW_BEFORE: Final = frozenset({Event.INTENT, Event.SETTINGS})
_WAYS_BACK = frozenset({Event.ROLLED_BACK, Event.HELD})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIntent:
    """A promotion that was announced and whose end nobody has written down.

    ``artifact`` is what is being judged, ``origin`` what served before it (None: nothing). For an
    ``intent`` entry these are its ``to`` and ``from``. A ``held`` entry with somewhere to go is the
    intent of a rollback by hand: there ``artifact`` is the bad one (its ``from``), already judged,
    and ``origin`` what is to serve again; ``condemned`` tells the two apart.
    """

    entry: Entry
    artifact: Side
    origin: Side | None
    condemned: bool = False

    @property
    def id(self) -> str:
        """The id of the entry that a result has to close."""
        return self.entry.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A span in which an artifact served successfully; ``end`` None: nothing is known after it."""

    side: Side
    start: datetime
    end: datetime | None = None

    def lasted(self, now: datetime) -> timedelta:
        """How long it has served, up to ``now`` where nothing came after it."""
        return max((self.end or now) - self.start, timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentHistory:
    """One environment's part of the log, oldest entry first. Empty where it has none."""

    name: str
    entries: tuple[Entry, ...] = ()
    open_intent: OpenIntent | None = None
    last_served: Side | None = None
    served: tuple[Served, ...] = ()
    holds: tuple[Hold, ...] = ()
    unverified: Entry | None = None
    last_number: int = 0

    @property
    def last(self) -> Entry | None:
        """The newest entry."""
        return self.entries[-1] if self.entries else None

    @property
    def asked_settings(self) -> JsonObject | None:
        """The settings, flat, that the newest entry which says so left the environment with.

        An intent does not count: its settings are in force only once its promotion has succeeded,
        and then its result says so.
        """
        return self.asked_before(frozenset())

    def asked_before(self, recorded: AbstractSet[str]) -> JsonObject | None:
        """The same without the entries of these ids, which a run under way has written."""
        return next(
            (
                each.settings_after
                for each in reversed(self.entries)
                if each.settings_after is not None
                and each.event is not Event.INTENT
                and each.id not in recorded
            ),
            None,
        )

    def otherwise_at(self, path: str, value: Json) -> datetime | None:
        """The newest moment at which the log saw another value of a setting than this one.

        Before an intent and a change of settings it kept what was there; what an adoption names was
        there. None: it never saw another one, so whoever set it may have done so at any time.
        """
        for entry in reversed(self.entries):
            was = None
            if entry.event in _SAW_BEFORE:
                was = entry.settings_before
            elif entry.event is Event.ADOPTED and entry.settings_before is None:
                was = entry.settings_after
            if was is not None and not equal(path, was.get(path), value):
                return entry.at
        return None

    @property
    def asked_since(self) -> str | None:
        """The applied commit of the oldest mark that Git's history may end.

        Marks are holds, an unverified, and words of ``allow`` that are used up. None where there is
        none: then nobody has to know what Git asked for since.
        """
        marks = [hold.entry for hold in self.holds]
        last = self.last.applied_commit if self.last is not None else ""
        before = self.consented_before(last)
        marks += [each for each in (self.last, before) if each is not None and consents(each)]
        if self.unverified is not None:
            marks.append(self.unverified)
        known = [mark for mark in marks if mark.applied_commit]
        return min(known, key=lambda mark: mark.at).applied_commit if known else None

    def intent(self, entry_id: str | None) -> Entry | None:
        """The entry of that id, which a closing entry named."""
        return next((each for each in self.entries if each.id and each.id == entry_id), None)

    def consented_before(self, applied_commit: str) -> Entry | None:
        """The newest entry of another commit, which used up the words of its `consents`."""
        others = (each for each in reversed(self.entries) if each.applied_commit != applied_commit)
        return next(others, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHistory:
    """The whole log of one model. ``ModelHistory.of(())`` is a model that nobody released yet."""

    entries: tuple[Entry, ...] = ()
    _environments: Mapping[str, EnvironmentHistory] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> ModelHistory:
        """Read entries, oldest first, as the log keeps them."""
        names: dict[str, list[Entry]] = {}
        for entry in entries:
            names.setdefault(entry.environment.lower(), []).append(entry)
        return cls(
            entries=tuple(entries),
            _environments={name: _environment(name, tuple(own)) for name, own in names.items()},
        )

    def environment(self, name: str) -> EnvironmentHistory:
        """One environment's history; an empty one where the log has no entry of it."""
        return self._environments.get(name.lower()) or EnvironmentHistory(name=name.lower())

    @property
    def model_id(self) -> str | None:
        """The model's id when the newest entry that names one was written."""
        return next((each.model_id for each in reversed(self.entries) if each.model_id), None)

    @property
    def model_ids(self) -> tuple[str, ...]:
        """Every model id that the log names, oldest first."""
        return tuple(dict.fromkeys(each.model_id for each in self.entries if each.model_id))

    @property
    def model_names(self) -> frozenset[str]:
        """Every name of the model that the log was written under, with its team where it has one.

        There are several where the model was renamed on Baseten.
        """
        return frozenset(each.model for each in self.entries if each.model)

    @property
    def release_files(self) -> tuple[str, ...]:
        """Every release file that the log names, oldest first."""
        return tuple(dict.fromkeys(each.release_file for each in self.entries if each.release_file))

    @property
    def known(self) -> dict[str, Identity]:
        """Deployment ids of this tool's artifacts, with what the log says they are."""
        found: dict[str, Identity] = {}
        for entry in self.entries:
            for side in (entry.from_, entry.to):
                if side is not None and side.digest is not None:
                    found[side.deployment_id] = Identity(digest=side.digest, commit=side.commit)
        return found

    @property
    def names(self) -> dict[str, str]:
        """Deployment ids with the newest name that the log knows."""
        return {
            side.deployment_id: side.deployment_name
            for entry in self.entries
            for side in (entry.from_, entry.to)
            if side is not None and side.deployment_name is not None
        }


def consents(entry: Entry | None) -> frozenset[str]:
    """The words of ``allow`` that an entry was written under."""
    words = entry.figures.get("allow") if entry is not None else None
    if not isinstance(words, Sequence) or isinstance(words, str):
        return frozenset()
    return frozenset(word for word in words if isinstance(word, str))


def same_artifact(one: Side, other: Side) -> bool:
    """Whether two sides are the same artifact: by digest where both have one, else by id."""
    if one.digest is not None and other.digest is not None:
        return one.digest == other.digest
    return one.deployment_id == other.deployment_id


def _environment(name: str, entries: tuple[Entry, ...]) -> EnvironmentHistory:
    return EnvironmentHistory(
        name=name,
        entries=entries,
        open_intent=_open_intent(entries),
        last_served=_last_served(entries),
        served=_served(entries),
        holds=holds_in(entries),
        unverified=unverified_in(entries),
        last_number=max((entry.number or 0 for entry in entries), default=0),
    )


def _open_intent(entries: Sequence[Entry]) -> OpenIntent | None:
    """The newest intent, unless it was closed; a newer one takes the place of any before it."""
    newest: OpenIntent | None = None
    for position, entry in enumerate(entries):
        opened = _as_intent(entry, entries[:position])
        if opened is not None:
            newest = opened
        elif newest is not None and entry.closes == newest.id:
            newest = None
    return newest


def _as_intent(entry: Entry, before: Sequence[Entry]) -> OpenIntent | None:
    if entry.event is Event.INTENT and entry.to is not None:
        return OpenIntent(entry=entry, artifact=entry.to, origin=entry.from_)
    if entry.event is Event.HELD and entry.from_ is not None and entry.to is not None:
        named = next((each for each in before if each.id and each.id == entry.intent), None)
        if named is None or named.event is not Event.HELD:
            return OpenIntent(entry=entry, artifact=entry.from_, origin=entry.to, condemned=True)
    return None


def _last_served(entries: Sequence[Entry]) -> Side | None:
    """What the newest result says serves."""
    for position in range(len(entries) - 1, -1, -1):
        side = _serves_after(entries[position], entries[:position])
        if side is not None:
            return side
    return None


def _serves_after(entry: Entry, before: Sequence[Entry]) -> Side | None:
    match entry.event:
        case Event.RELEASED | Event.ADOPTED | Event.UNVERIFIED:
            return entry.to
        case Event.ROLLED_BACK:
            return entry.from_ or entry.to
        case Event.NOT_STARTED | Event.REJECTED:
            return entry.from_
        case Event.HELD:
            if entry.figures.get(CANDIDATE) is True:
                return None
            # An open rollback has not happened yet; its end says what serves.
            return entry.from_ if _as_intent(entry, before) or entry.to is None else entry.to
        case Event.SETTINGS | Event.INTENT | Event.LIFTED:
            return None


def _served(entries: Sequence[Entry]) -> tuple[Served, ...]:
    """Spans of success: from a ``released`` or ``adopted`` until another artifact may have served.

    Another artifact may have served from its intent on, unless that was never started. After its
    rollback the clock of an artifact that had succeeded before starts anew.
    """
    never_started = {entry.intent for entry in entries if entry.event is Event.NOT_STARTED}
    spans: list[Served] = []
    running: Served | None = None
    for entry in entries:
        side, success = _takes_over(entry)
        if side is None or entry.id in never_started:
            continue
        if running is not None:
            if same_artifact(side, running.side):
                continue
            spans.append(replace(running, end=max(entry.at, running.start)))
            running = None
        resumes = entry.event in _WAYS_BACK and any(same_artifact(side, it.side) for it in spans)
        if success or resumes:
            running = Served(side=side, start=entry.at)
    return (*spans, running) if running is not None else tuple(spans)


def _takes_over(entry: Entry) -> tuple[Side | None, bool]:
    """What may serve from this entry on, and whether it does so successfully."""
    match entry.event:
        case Event.RELEASED | Event.ADOPTED:
            return entry.to, True
        case Event.INTENT | Event.UNVERIFIED | Event.HELD:
            return entry.to, False
        case Event.ROLLED_BACK:
            return entry.from_, False
        case Event.NOT_STARTED | Event.REJECTED | Event.SETTINGS | Event.LIFTED:
            return None, False
