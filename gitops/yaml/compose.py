"""Parser events to a tree that remembers where everything stands; nothing here recurses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from gitops.state.json import Json
from gitops.yaml.limits import MAX_BYTES, MAX_DEPTH, MAX_VALUES
from gitops.yaml.scalars import NotAValue, plain

Step: TypeAlias = str | int
Steps: TypeAlias = tuple[Step, ...]

_CORE: Final = "tag:yaml.org,2002:"
_TAGS: Final = {
    "scalar": frozenset({None, "!", f"{_CORE}str"}),
    "map": frozenset({None, "!", f"{_CORE}map"}),
    "list": frozenset({None, "!", f"{_CORE}seq"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong in the text itself. ``line``, ``column`` count from 1; 0: the whole file."""

    message: str
    hint: str | None = None
    line: int = 0
    column: int = 0
    steps: Steps = ()
    number: bool = False
    """Whether it is about the value of an unquoted number, which may have been meant as text."""


@dataclass(slots=True)
class Node:
    """One value and its place. ``text`` is a plain scalar as written, None for anything else."""

    line: int
    column: int
    value: Json
    text: str | None = None
    items: dict[str, tuple[int, int, Node]] | None = None
    elements: list[Node] | None = None
    size: int = 1

    def child(self, step: Step) -> Node | None:
        """The value below a key or at an index."""
        if isinstance(step, str):
            found = (self.items or {}).get(step)
            return found[2] if found else None
        elements = self.elements or []
        return elements[step] if 0 <= step < len(elements) else None


@dataclass(slots=True)
class _Open:
    """A map or list whose end is not reached yet; ``key`` waits for its value."""

    node: Node
    anchor: str | None
    steps: Steps
    key: tuple[str, int, int] | None = None
    duplicate: bool = False


class Stop(Exception):
    """The rest of the file cannot be read."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(slots=True)
class Composer:
    """Collects one document; ``faults`` holds what is wrong without ending the reading."""

    faults: list[Fault] = field(default_factory=list)
    root: Node | None = None
    _stack: list[_Open] = field(default_factory=list)
    _anchors: dict[str, Node] = field(default_factory=dict)
    _pending: set[str] = field(default_factory=set)
    _count: int = 0
    _documents: int = 0

    def run(self, events: Iterator[Any]) -> None:
        """Consume the events. Raises ``Stop``."""
        for event in events:
            kind = type(event).__name__
            mark = event.start_mark
            line, column = mark.line + 1, mark.column + 1
            match kind:
                case "DocumentStartEvent":
                    self._documents += 1
                    if self._documents > 1:
                        raise Stop(
                            Fault(
                                message="a second document starts here",
                                hint="one file holds one document: remove the `---` or split it",
                                line=line,
                                column=column,
                            )
                        )
                case "ScalarEvent":
                    self._scalar(event, line, column)
                case "AliasEvent":
                    self._alias(event.anchor, line, column)
                case "MappingStartEvent":
                    self._open(event, Node(line, column, {}, items={}), "map")
                case "SequenceStartEvent":
                    self._open(event, Node(line, column, [], elements=[]), "list")
                case "MappingEndEvent" | "SequenceEndEvent":
                    self._close()
                case _:
                    pass

    def _steps(self) -> Steps:
        if not self._stack:
            return ()
        top = self._stack[-1]
        if top.node.elements is not None:
            return (*top.steps, len(top.node.elements))
        return (*top.steps, top.key[0]) if top.key else top.steps

    def _fault(self, message: str, line: int, column: int, hint: str | None = None) -> None:
        self.faults.append(
            Fault(message=message, hint=hint, line=line, column=column, steps=self._steps())
        )

    def _stop(self, message: str, line: int, column: int, hint: str | None = None) -> Stop:
        return Stop(
            Fault(message=message, hint=hint, line=line, column=column, steps=self._steps())
        )

    def _count_up(self, size: int, line: int, column: int) -> None:
        self._count += size
        if self._count > MAX_VALUES:
            raise self._stop(
                f"the file stands for more than {MAX_VALUES:,} values",
                line,
                column,
                "aliases that repeat aliases grow without bound: write the values out",
            )

    def _waits_for_key(self) -> bool:
        return (
            bool(self._stack)
            and self._stack[-1].node.items is not None
            and (self._stack[-1].key is None)
        )

    def _tag(self, tag: str | None, kind: str, line: int, column: int) -> None:
        if tag not in _TAGS[kind]:
            shown = tag.replace(_CORE, "!!") if tag else ""
            self._fault(
                f"the tag {_shown(shown)} is not allowed",
                line,
                column,
                "values are strings, numbers, booleans, lists and maps; remove the tag",
            )

    def _scalar(self, event: Any, line: int, column: int) -> None:
        self._tag(event.tag, "scalar", line, column)
        text: str = event.value
        value: Json = text
        unquoted = bool(event.implicit[0]) and event.tag is None
        if unquoted:
            try:
                value = plain(text)
            except NotAValue as error:
                self.faults.append(
                    Fault(
                        message=f"{_shown(text)} {error}",
                        line=line,
                        column=column,
                        steps=self._steps(),
                        number=True,
                    )
                )
        if self._waits_for_key():
            self._key(text, value, line, column)
            return
        node = Node(line, column, value, text=text if unquoted else None)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._count_up(1, line, column)
        self._put(node)

    def _key(self, text: str, value: Json, line: int, column: int) -> None:
        top = self._stack[-1]
        top.duplicate = False
        top.key = (text, line, column)
        if not isinstance(value, str):
            self._fault(
                f"the key {_shown(text) if text else 'is empty; it'} is not a string",
                line,
                column,
                f'write "{text}"' if text else "write a name before the colon",
            )
        elif text == "<<":
            self._fault("`<<` merges maps in YAML 1.1 only", line, column, "write the keys out")
        items = top.node.items or {}
        if text in items:
            first = items[text]
            top.duplicate = True
            self._fault(
                f"the key stands here twice, first in line {first[0]}",
                line,
                column,
                "keep one of them",
            )

    def _alias(self, anchor: str, line: int, column: int) -> None:
        if anchor in self._pending:
            raise self._stop(f"the alias *{_shown(anchor)} stands inside itself", line, column)
        target = self._anchors.get(anchor)
        if target is None:
            raise self._stop(
                f"the alias *{_shown(anchor)} has no anchor &{_shown(anchor)} before it",
                line,
                column,
                "put text that starts with `*` in quotes",
            )
        self._count_up(target.size, line, column)
        if self._waits_for_key():
            raise self._stop("an alias cannot be a key", line, column)
        self._put(
            Node(
                line,
                column,
                target.value,
                text=target.text,
                items=target.items,
                elements=target.elements,
                size=target.size,
            )
        )

    def _open(self, event: Any, node: Node, kind: str) -> None:
        if self._waits_for_key():
            raise self._stop("a map or list cannot be a key", node.line, node.column)
        if len(self._stack) >= MAX_DEPTH:
            raise self._stop(
                f"more than {MAX_DEPTH} maps and lists inside each other", node.line, node.column
            )
        self._tag(event.tag, kind, node.line, node.column)
        self._count_up(1, node.line, node.column)
        if event.anchor:
            self._pending.add(event.anchor)
        self._stack.append(_Open(node, event.anchor, self._steps()))

    def _close(self) -> None:
        closed = self._stack.pop()
        if closed.anchor:
            self._pending.discard(closed.anchor)
            self._anchors[closed.anchor] = closed.node
        self._put(closed.node)

    def _put(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        top.node.size += node.size
        if top.node.elements is not None:
            top.node.elements.append(node)
            assert isinstance(top.node.value, list)
            top.node.value.append(node.value)
        elif top.key is not None and top.node.items is not None:
            text, line, column = top.key
            if not top.duplicate:
                top.node.items[text] = (line, column, node)
                assert isinstance(top.node.value, dict)
                top.node.value[text] = node.value
            top.key = None


def _shown(text: str) -> str:
    short = text if len(text) <= 60 else f"{text[:57]}…"
    return short if short.isprintable() else repr(short)


def compose(text: str) -> tuple[Node | None, list[Fault]]:
    """The tree of one document and everything wrong with its text. Never raises for any text."""
    from yaml import MarkedYAMLError, YAMLError
    from yaml._yaml import CParser
    from yaml.reader import ReaderError

    composer = Composer()

    def events() -> Iterator[Any]:
        parser = CParser(text)
        try:
            while parser.check_event():
                yield parser.get_event()
        finally:
            parser.dispose()

    try:
        composer.run(events())
    except Stop as stop:
        return None, [*composer.faults, stop.fault]
    except ReaderError as error:
        line, column = place(text, error.position)
        message = f"the character U+{ord(text[error.position]):04X} is not allowed"
        return None, [Fault(message=message, line=line, column=column)]
    except MarkedYAMLError as error:
        return None, [*composer.faults, _syntax(error, text)]
    except (YAMLError, ValueError) as error:
        return None, [*composer.faults, Fault(message=f"is not YAML: {_shown(str(error))}")]
    return composer.root, composer.faults


def place(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at ``index``."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _syntax(error: Any, text: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    rows = text.split("\n")
    row = rows[line - 1] if 0 < line <= len(rows) else ""
    said = error.problem or "it cannot be read"
    at = row[column - 1 : column]
    indent = row[: len(row) - len(row.lstrip())]
    hint = None
    if "cannot start any token" in said and ("\t" in indent or at == "\t"):
        return Fault(
            message="a tab stands where YAML allows spaces only",
            hint="indent with spaces",
            line=line,
            column=indent.find("\t") + 1 or column,
        )
    if "cannot start any token" in said:
        said = f"text that starts with {_shown(at)!r} has to be quoted"
    elif "mapping values are not allowed" in said:
        said = "a second colon in one line, or a wrong indentation"
        hint = "put text that holds `: ` in quotes"
    elif error.context:
        start = error.context_mark
        begun = (
            f", which begins in line {start.line + 1}" if start and start.line + 1 != line else ""
        )
        said = f"{said}, {error.context}{begun}"
    return Fault(message=f"is not YAML: {said}", hint=hint, line=line, column=column)


def decode(data: bytes) -> tuple[str, Fault | None]:
    """The text of a file: UTF-8, with or without a byte order mark, at most ``MAX_BYTES``."""
    if len(data) > MAX_BYTES:
        return "", Fault(message="is larger than 1 MiB", hint="split it, or move data to files")
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        tail = before[before.rfind(b"\n") + 1 :].decode("utf-8-sig", "replace")
        return "", Fault(
            message=f"is not UTF-8: byte 0x{data[error.start]:02x}",
            hint="save it as UTF-8",
            line=line,
            column=len(tail) + 1,
        )
