"""Where every value of a YAML text begins and ends, so that one can be changed and no other byte.

The text must have been read without faults before: what is asked for here is only its layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from gitops.yaml.compose import Steps

Kind: TypeAlias = Literal["scalar", "map", "list", "alias"]

# What may stand before a value: anchors and tags, each with the white space behind it.
_PROPERTIES: Final = re.compile(r"(?:(?:&[^\s,\[\]{}]+|!\S*)\s*)*")


@dataclass(slots=True)
class Span:
    """One value as it is written. Positions count characters from the text's begin.

    ``begin`` includes an anchor; the value itself is ``start`` to ``end``. Of a block map or list
    ``end`` is where its last value ends. ``flow``: in braces, brackets, or a scalar. ``style`` is
    a scalar's ``''``, ``"``, ``|`` or ``>``, empty for a plain one.
    """

    begin: int
    start: int
    end: int
    kind: Kind
    flow: bool = True
    style: str = ""
    anchor: str | None = None
    items: list[Item] = field(default_factory=list)
    elements: list[Span] = field(default_factory=list)

    def item(self, name: str | int) -> Item | None:
        """The entry of a map under this key."""
        return next((each for each in self.items if each.name == name), None)

    def inside(self) -> Iterator[Span]:
        """This value and all below it."""
        waiting = [self]
        while waiting:
            span = waiting.pop()
            yield span
            waiting += [*span.elements, *(each.value for each in span.items)]


@dataclass(slots=True)
class Item:
    """A key of a map and its value; the key is written from ``begin`` to ``end``."""

    name: str
    begin: int
    end: int
    value: Span


@dataclass(slots=True)
class Tree:
    """All values of a text, and for each anchored one the aliases that stand for it, in order."""

    root: Span
    uses: dict[int, list[Span]]

    def path(self, steps: Steps) -> list[Span]:
        """The values on the way down, as far as they are written there; an alias ends it."""
        found = [self.root]
        for step in steps:
            span = found[-1]
            if isinstance(step, str):
                item = span.item(step)
                below = item.value if item is not None else None
            else:
                below = span.elements[step] if step < len(span.elements) else None
            if below is None:
                break
            found.append(below)
        return found

    def used(self, span: Span) -> list[Span]:
        """The aliases that stand for this value."""
        return self.uses.get(id(span), [])


def spans(text: str) -> Tree | None:
    """The layout of a text; None where it is no YAML, or empty."""
    from yaml import YAMLError
    from yaml._yaml import CParser

    collected: list[Any] = []
    parser = CParser(text)
    try:
        while parser.check_event():
            collected.append(parser.get_event())
    except YAMLError:
        return None
    finally:
        parser.dispose()
    return _Builder(text).tree(collected)


@dataclass(slots=True)
class _Builder:
    text: str
    anchors: dict[str, Span] = field(default_factory=dict)
    uses: dict[int, list[Span]] = field(default_factory=dict)

    def tree(self, events: list[Any]) -> Tree | None:
        open_: list[tuple[Span, list[tuple[Any, Span]]]] = []
        root: Span | None = None
        for event in events:
            kind = type(event).__name__
            done: Span | None = None
            match kind:
                case "MappingStartEvent" | "SequenceStartEvent":
                    name: Kind = "map" if kind.startswith("Map") else "list"
                    open_.append((self._span(event, name, flow=bool(event.flow_style)), []))
                    continue
                case "MappingEndEvent" | "SequenceEndEvent":
                    done, parts = open_.pop()
                    self._close(done, parts, event.end_mark.index)
                case "ScalarEvent":
                    done = self._span(event, "scalar", flow=True)
                    done.style = event.style or ""
                case "AliasEvent":
                    done = self._span(event, "alias", flow=True)
                    target = self.anchors.get(event.anchor)
                    if target is not None:
                        self.uses.setdefault(id(target), []).append(done)
                case _:
                    continue
            if open_:
                open_[-1][1].append((event, done))
            else:
                root = root or done
        return Tree(root, self.uses) if root is not None else None

    def _span(self, event: Any, kind: Kind, *, flow: bool) -> Span:
        begin, end = event.start_mark.index, event.end_mark.index
        anchor = event.anchor if kind != "alias" else None
        start = begin
        if anchor or getattr(event, "tag", None):
            found = _PROPERTIES.match(self.text, begin)
            start = found.end() if found is not None else begin
        span = Span(begin, start, max(start, end), kind, flow=flow, anchor=anchor)
        if anchor:
            self.anchors[anchor] = span
        return span

    def _close(self, span: Span, parts: list[tuple[Any, Span]], end: int) -> None:
        if span.kind == "map":
            span.items = [
                Item(key.value, below.begin, below.end, value)
                for (key, below), (_, value) in zip(parts[::2], parts[1::2], strict=True)
            ]
            last = span.items[-1].value if span.items else None
        else:
            span.elements = [value for _, value in parts]
            last = span.elements[-1] if span.elements else None
        if span.flow:
            span.end = end
        elif last is not None:
            span.end = last.end
