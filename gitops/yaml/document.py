"""A YAML 1.2 file as plain values: quick where nothing is wrong, with positions where it matters.

Most files are read by a parser in Rust that knows no positions. It is trusted only for texts
without anything it would read more loosely than we do (tags, anchors, tabs, directives, deep
nesting, numbers that a float cannot hold); those, and every text that it refuses, are read event
by event, with a position for each value. Both sit on the same grammar, and a test holds them
equal. See docs/decisions for the measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops.errors import Where
from gitops.state.json import Json
from gitops.yaml.blocks import Blocks, Pieces
from gitops.yaml.compose import Fault, Node, Step, Steps, compose, decode
from gitops.yaml.limits import MAX_BYTES
from gitops.yaml.quick import quick


@dataclass(slots=True)
class Document:
    """One file. ``value`` is None and ``faults`` says why where the text cannot be read.

    ``blocks`` are the texts that gave the values of top-level keys, where those were read apart,
    and ``pins`` the commits by environment that were taken out of them: equal blocks gave equal
    values but for these.
    """

    file: str
    data: bytes
    value: Json = None
    faults: tuple[Fault, ...] = ()
    blocks: Mapping[str, Pieces] = field(default_factory=dict, repr=False)
    pins: Mapping[str, str] = field(default_factory=dict, repr=False)
    _root: Node | None = field(default=None, repr=False)
    _composed: bool = field(default=False, repr=False)

    @property
    def root(self) -> Node | None:
        """The tree with positions; reads the text again where that was not needed so far."""
        self.confirm()
        return self._root

    def confirm(self) -> None:
        """Read the text the strict way, where only the quick one has been asked so far."""
        if not self._composed:
            text, fault = decode(self.data)
            self._root, faults = (None, [fault]) if fault else compose(text)
            self._composed = True
            self.faults = tuple(faults)
            self.value = self._root.value if self._root is not None else None

    def node(self, steps: Steps) -> Node | None:
        """The value at a path of keys and indices; None where there is none."""
        node = self.root
        for step in steps:
            node = node.child(step) if node is not None else None
        return node

    def where(self, steps: Steps, *, key: bool = False) -> Where:
        """The place of a value or of its key; of the nearest thing around it where it is absent."""
        node = self.root
        line, column = (node.line, node.column) if node else (0, 0)
        for index, step in enumerate(steps):
            if node is None:
                break
            if isinstance(step, str) and node.items is not None:
                found = node.items.get(step)
                if found is None:
                    break
                last = index == len(steps) - 1
                node = found[2]
                # What spans lines is best pointed at by its key.
                use_key = (key and last) or (node.text is None and node.line > found[0])
                line, column = found[:2] if use_key else (node.line, node.column)
            else:
                node = node.child(step)
                if node is not None:
                    line, column = node.line, node.column
        return Where(self.file, line, column)

    def holds(self, steps: Steps) -> bool:
        """Whether the file has a value at this path."""
        value: Any = self.value
        for step in steps:
            if not _has(value, step):
                return False
            value = value[step]
        return True

    def source(self, steps: Steps) -> str | None:
        """An unquoted scalar as it was written; None for anything else."""
        node = self.node(steps)
        return node.text if node is not None else None


def _has(value: Any, step: Step) -> bool:
    if isinstance(step, str):
        return isinstance(value, dict) and step in value
    return isinstance(value, list) and 0 <= step < len(value)


def read(file: str, data: bytes, blocks: Blocks | None = None) -> Document:
    """Read one file; problems are in ``faults``, never raised.

    ``blocks`` are those of other files, which this one may share; values are shared with them then.
    """
    found = blocks.read(data) if blocks is not None else None
    if found is not None:
        return Document(file, data, found.value, (), found.blocks, found.pins)
    trusted, value = quick(data)
    if trusted and value is not None:
        return Document(file, data, value)
    text, fault = decode(data)
    if fault is not None:
        return Document(file, data[:MAX_BYTES], None, (fault,), _composed=True)
    root, faults = compose(text)
    if root is None and not faults:
        faults = [Fault(message="is empty", hint="a file has at least `version: 1`")]
    value = root.value if root is not None else None
    return Document(file, data, value, tuple(faults), _root=root, _composed=True)
