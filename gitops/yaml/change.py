"""Keys of a YAML file set, added and removed; all bytes that do not say it stay as they are.

What an alias stands for is written out where it is to differ, and the value of an anchor moves to
the first alias where the anchored one changes. Every change is read back, and is none where the
file would not say just what was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from gitops.state.json import Json
from gitops.yaml.compose import Steps
from gitops.yaml.document import Document, read
from gitops.yaml.edit import NotEditable, with_scalar
from gitops.yaml.spans import Item, Span, spans
from gitops.yaml.write import block, flow, text

_BOM: Final = "\ufeff"
_BREAK: Final = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_BREAKS: Final = "\r\n\x85\u2028\u2029"
_BLANK: Final = " \t"
_SEVERAL_LINES: Final = "it is written over several lines"
_SHARED: Final = "it shares an anchor in a way that only a person can take apart"


def with_value(
    document: Document, steps: Steps, value: Json, *, comment: str | None = None
) -> bytes | NotEditable:
    """The file's bytes with ``value`` at ``steps``, a path of keys; maps on the way are made.

    Of a map that is there already only the keys that differ are touched. ``comment``, without its
    ``#``, goes behind a scalar that gets a line of its own.
    """
    if _unreadable(document):
        return NotEditable(reason="the file cannot be read")
    draft = _Draft(document)
    try:
        for path, new in _parts(steps, _at(document.value, steps), value):
            draft.put(path, new, comment)
    except _Refused as refused:
        return NotEditable(reason=str(refused))
    return draft.finished(_with(document.value, steps, value))


def with_text(
    document: Document, steps: Steps, value: str, *, comment: str | None = None
) -> bytes | NotEditable:
    """``with_scalar`` where that can be; else ``with_value``, as behind an alias."""
    edited = with_scalar(document, steps, value, comment=comment)
    if isinstance(edited, NotEditable):
        return with_value(document, steps, value, comment=comment)
    return edited


def without(document: Document, steps: Steps) -> bytes | NotEditable:
    """The file's bytes without the key at ``steps``; a map that it leaves empty becomes ``{}``."""
    if _unreadable(document):
        return NotEditable(reason="the file cannot be read")
    if not document.holds(steps):
        return document.data
    draft = _Draft(document)
    try:
        draft.drop(steps)
    except _Refused as refused:
        return NotEditable(reason=str(refused))
    return draft.finished(_with(document.value, steps, _GONE))


def _unreadable(document: Document) -> bool:
    """A commit id that looks like a number no float holds is text, and no reason."""
    return document.value is None or any(not fault.number for fault in document.faults)


_GONE: Final[Any] = object()
"""In place of a value: the key is to go."""


class _Refused(Exception):
    """Why a value cannot be written in place."""


def _parts(steps: Steps, old: Any, new: Any) -> Iterator[tuple[Steps, Any]]:
    """The single changes that make one value of another: what is set first, what goes last."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping) or not new:
        if old != new or type(old) is not type(new):
            yield steps, new
        return
    for key, value in new.items():
        yield from _parts((*steps, key), old.get(key, _GONE), value)
    for key in old:
        if key not in new:
            yield (*steps, key), _GONE


def _at(value: Any, steps: Steps) -> Any:
    for step in steps:
        if not isinstance(value, Mapping) or step not in value:
            return _GONE
        value = value[step]
    return value


def _with(value: Any, steps: Steps, new: Any) -> Any:
    """The value with another one at a path; the old one stays as it is."""
    if not steps:
        return deepcopy(new)
    found = dict(value) if isinstance(value, Mapping) else {}
    head, *rest = steps
    if new is _GONE and not rest:
        found.pop(head, None)
    else:
        found[head] = _with(found.get(head), tuple(rest), new)
    return found


class _Draft:
    """A text on its way from one version to the next."""

    def __init__(self, document: Document) -> None:
        whole = document.data.decode("utf-8")
        self._document = document
        self._bom = _BOM if whole.startswith(_BOM) else ""
        self._text = whole.removeprefix(_BOM)
        self._value: Any = document.value
        found = _BREAK.search(self._text)
        self._eol = found[0] if found is not None else "\n"

    def finished(self, wanted: Json) -> bytes | NotEditable:
        """The bytes, if they say what was asked for and nothing else."""
        data = (self._bom + self._text).encode()
        again = read(self._document.file, data)
        if _unreadable(again) or again.value != wanted:
            return NotEditable(reason=_SHARED)
        return data

    def put(self, steps: Steps, value: Any, comment: str | None) -> None:
        """Set one value, or (``_GONE``) take its key away."""
        if value is _GONE:
            self.drop(steps)
            return
        path = self._way(steps, beyond=True)
        depth, node = len(path) - 1, path[-1]
        if node.kind == "alias":
            self._write_out(node, steps[:depth], _with(self._value, steps, value))
        elif depth == len(steps):
            self._replace(node, value, comment)
        else:
            below: Any = value
            for step in reversed(steps[depth + 1 :]):
                below = {step: below}
            self._add(path, str(steps[depth]), below, comment)
        self._value = _with(self._value, steps, value)

    def drop(self, steps: Steps) -> None:
        """Take a key and its value away."""
        path = self._way(steps, beyond=False)
        if path[-1].kind == "alias" and len(path) <= len(steps):
            self._write_out(path[-1], steps[: len(path) - 1], _with(self._value, steps, _GONE))
        else:
            self._take(path, steps)
        self._value = _with(self._value, steps, _GONE)

    # Anchors

    def _way(self, steps: Steps, *, beyond: bool) -> list[Span]:
        """The values on the way down, none of which stands for a value elsewhere any more."""
        for _ in range(len(self._text)):
            tree = spans(self._text)
            if tree is None:
                raise _Refused(_SHARED)
            path = tree.path(steps)
            inside = path[-1].inside() if len(path) > len(steps) and not beyond else ()
            shared = next((each for each in (*path, *inside) if tree.used(each)), None)
            if shared is None:
                return path
            if shared not in path:
                raise _Refused(_SHARED)
            self._move_anchor(shared, tree.used(shared), steps[: path.index(shared)])
        raise _Refused(_SHARED)

    def _move_anchor(self, span: Span, aliases: list[Span], steps: Steps) -> None:
        """Give the anchor to its first alias, with the value as it is now."""
        old, [first, *more] = flow(_at(self._value, steps)), aliases
        self._splice(first.begin, first.end, f"&{span.anchor} {old}" if more else old)
        mark = f"&{span.anchor}"
        begin = self._text.index(mark, span.begin)
        end = begin + len(mark)
        behind = self._text[end : end + 1]
        if behind and behind in _BLANK:
            while self._text[end : end + 1] in {" ", "\t"}:
                end += 1
        elif begin and self._text[begin - 1] in _BLANK:
            begin -= 1
        self._splice(begin, end, "")

    def _write_out(self, alias: Span, steps: Steps, whole: Any) -> None:
        self._splice(alias.begin, alias.end, flow(_at(whole, steps)))

    # One value for another

    def _replace(self, node: Span, value: Any, comment: str | None) -> None:
        if node.kind == "scalar":
            if node.style in {"|", ">"} or _BREAK.search(self._text, node.start, node.end):
                raise _Refused(_SEVERAL_LINES)
            written = text(value, node.style) if isinstance(value, str) else flow(value)
            gap = "" if node.end > node.start else " "
            self._splice(node.start, node.end, gap + written)
            if comment is not None:
                self._comment(node.start + len(gap + written), comment)
        elif node.flow:
            self._splice(node.start, node.end, flow(value))
        elif node.kind == "list" and isinstance(value, list) and value:
            indent = " " * self._column(node.start)
            rows = [f"- {flow(each)}" for each in value]
            self._splice(node.start, node.end, f"{self._eol}{indent}".join(rows))
        else:
            raise _Refused(_SEVERAL_LINES)

    def _comment(self, at: int, comment: str) -> None:
        rest = self._text[at : self._line_end(at)]
        if not rest.strip(_BLANK):
            self._splice(at, at + len(rest), f"   # {comment}")

    # A new key

    def _add(self, path: list[Span], key: str, value: Any, comment: str | None) -> None:
        node = path[-1]
        if node.kind == "scalar" and node.start == node.end:
            self._splice(node.start, node.end, f" {flow({key: value})}")
        elif node.kind != "map":
            raise _Refused("it is no map of keys to values")
        elif node.flow:
            self._add_inside_braces(node, f"{text(key)}: {flow(value)}")
        else:
            self._add_line(path, key, value, comment)

    def _add_inside_braces(self, node: Span, entry: str) -> None:
        if not node.items:
            self._splice(node.start, node.end, f"{{{entry}}}")
            return
        last, close = node.items[-1], node.end - 1
        end = max(last.end, last.value.end)
        comma = self._comma(end, close)
        line_end = self._line_end(end)
        indent = self._text[self._line_begin(last.begin) : last.begin]
        if indent.strip(_BLANK) or close < line_end:
            at = end if comma is None else comma + 1
            lead = ", " if comma is None else " "
            self._splice(at, at, f"{lead}{entry}")
            return
        line = f"{self._eol}{indent}{entry}" + ("," if comma is not None else "")
        self._splice(line_end, line_end, line)
        if comma is None:
            self._splice(end, end, ",")

    def _comma(self, begin: int, end: int) -> int | None:
        """The comma between a value and the end of its map, comments left out."""
        at = begin
        while at < end:
            if self._text[at] == "#":
                at = self._line_end(at)
            elif self._text[at] == ",":
                return at
            else:
                at += 1
        return None

    def _add_line(self, path: list[Span], key: str, value: Any, comment: str | None) -> None:
        node = path[-1]
        first, last = node.items[0], node.items[-1]
        column = self._column(first.begin)
        lines = list(block(key, value, indent=" " * column, step=self._step(path)))
        if comment is not None and len(lines) == 1:
            lines[0] += f"   # {comment}"
        at = max(last.end, last.value.end)
        if self._text[at - 1] in _BREAKS:
            # A text in block style ends where the next line begins.
            at = self._line_begin(at)
        else:
            line_end = self._line_end(at)
            found = _BREAK.match(self._text, line_end)
            if found is None:
                self._splice(line_end, line_end, self._eol + self._eol.join(lines))
                return
            at = found.end()
        self._splice(at, at, "".join(line + self._eol for line in lines))

    def _step(self, path: list[Span]) -> str:
        """How far the file indents what is inside a map."""
        columns = [self._column(each.items[0].begin) for each in path if not each.flow]
        if len(columns) > 1 and columns[-1] > columns[-2]:
            return " " * (columns[-1] - columns[-2])
        return "  "

    # A key that goes

    def _take(self, path: list[Span], steps: Steps) -> None:
        parent, name = path[-2], steps[-1]
        place, item = next(
            (place, each) for place, each in enumerate(parent.items) if each.name == name
        )
        if parent.flow:
            self._take_from_braces(parent, place, item)
            return
        begin, end = self._whole_lines(item)
        if len(parent.items) > 1:
            self._splice(begin, end, "")
            return
        if len(path) < 3 or (holder := path[-3].item(steps[-2])) is None:
            raise _Refused(_SEVERAL_LINES)
        colon = self._text.index(":", holder.end)
        if self._text[holder.end : colon].strip(_BLANK):
            raise _Refused(_SEVERAL_LINES)
        self._splice(begin, end, "")
        self._splice(colon + 1, colon + 1, " {}")

    def _take_from_braces(self, parent: Span, place: int, item: Item) -> None:
        if len(parent.items) == 1:
            self._splice(parent.start, parent.end, "{}")
            return
        end = max(item.end, item.value.end)
        begin = self._line_begin(item.begin)
        alone = not self._text[begin : item.begin].strip(_BLANK)
        if place + 1 < len(parent.items):
            following = parent.items[place + 1].begin
            new_line = self._line_begin(following)
            if alone and new_line > end and not self._text[new_line:following].strip(_BLANK):
                self._splice(begin, self._after(end), "")
            else:
                self._splice(item.begin, following, "")
            return
        if alone and self._line_end(end) < parent.end:
            self._splice(begin, self._after(end), "")
            return
        before = parent.items[place - 1]
        self._splice(max(before.end, before.value.end), end, "")

    def _whole_lines(self, item: Item) -> tuple[int, int]:
        """From the beginning of a key's line to that of the line behind its value."""
        begin = self._line_begin(item.begin)
        if self._text[begin : item.begin].strip(_BLANK):
            raise _Refused("its key does not begin a line")
        end = max(item.end, item.value.end)
        if self._text[end - 1] in _BREAKS:
            return begin, self._line_begin(end)
        return begin, self._after(end)

    # Lines

    def _after(self, at: int) -> int:
        """Where the line behind this one begins."""
        end = self._line_end(at)
        found = _BREAK.match(self._text, end)
        return found.end() if found is not None else end

    def _line_end(self, at: int) -> int:
        found = _BREAK.search(self._text, at)
        return found.start() if found is not None else len(self._text)

    def _line_begin(self, at: int) -> int:
        while at and self._text[at - 1] not in _BREAKS:
            at -= 1
        return at

    def _column(self, at: int) -> int:
        return at - self._line_begin(at)

    def _splice(self, begin: int, end: int, new: str) -> None:
        self._text = self._text[:begin] + new + self._text[end:]
