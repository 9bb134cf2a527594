"""A scalar of a YAML file written anew: one line changes, and on it nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gitops.state.json import Json
from gitops.yaml.compose import Steps
from gitops.yaml.document import Document, read

# What the parser counts as the end of a line.
_LINE: Final = re.compile(r"[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029]|\Z)")
_BOM: Final = "\ufeff"
_COMMENT: Final = re.compile(r"(?P<space>[ \t]+)#(?P<text>[^\r\n\x85\u2028\u2029]*)")
# What this tool writes behind a pin: a date, a subject in quotes, or both.
_OURS: Final = re.compile(r'[ \t]*(?:\d{4}-\d\d-\d\d)?[ \t]*(?:".*")?[ \t]*')


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEditable:
    """Why a value cannot be written in place. ``reason`` ends a sentence that begins with it."""

    reason: str


def with_scalar(
    document: Document, steps: Steps, value: str, *, comment: str | None = None
) -> bytes | NotEditable:
    """The file's bytes with the plain scalar at ``steps`` replaced; quotes stay as they are.

    ``value`` must need no quotes. ``comment``, without its ``#``, is put behind it: in place of a
    date and subject, or where the line ends there; any other comment stays. A scalar that an alias
    reads as well is left alone: the file then says something else in two places.
    """
    node = document.node(steps)
    if node is None:
        return NotEditable(reason="it is not written in this file")
    if not isinstance(node.value, str | int | float) or isinstance(node.value, bool):
        return NotEditable(reason="it is no single value")
    text = document.data.decode("utf-8")
    rows = _LINE.findall(text)
    row = rows[node.line - 1]
    begin = node.column - 1 + (len(_BOM) if node.line == 1 and text.startswith(_BOM) else 0)
    quote = row[begin] if row[begin] in "'\"" else ""
    written = node.text if node.text is not None else f"{quote}{node.value}{quote}"
    if row[begin : begin + len(written)] != written:
        return NotEditable(reason="it is an alias, tagged, or written over several lines")
    head, tail = row[:begin], row[begin + len(written) :]
    edited = f"{head}{quote}{value}{quote}{_commented(tail, comment)}"
    rows[node.line - 1] = edited
    data = "".join(rows).encode()
    again = read(document.file, data)
    now = again.node(steps)
    if now is None or value != (now.text if now.text is not None else now.value):
        return NotEditable(reason="the file would not say it afterwards")
    if not _differ_only_at(steps, document.value, again.value):
        return NotEditable(reason="an alias stands for it elsewhere")
    return data


def _differ_only_at(steps: Steps, old: Json, new: Json) -> bool:
    """Whether two values are the same but for what is at this path in both."""
    for step in steps:
        if isinstance(old, dict) and isinstance(new, dict) and isinstance(step, str):
            if [*old] != [*new] or any(old[key] != new[key] for key in old if key != step):
                return False
            old, new = old[step], new[step]
        elif isinstance(old, list) and isinstance(new, list) and isinstance(step, int):
            if len(old) != len(new):
                return False
            if any(a != b for at, (a, b) in enumerate(zip(old, new, strict=True)) if at != step):
                return False
            old, new = old[step], new[step]
        else:
            return False
    return True


def _commented(tail: str, comment: str | None) -> str:
    """What follows the value on its line, with the comment where one may stand."""
    if comment is None:
        return tail
    found = _COMMENT.match(tail)
    if found is not None:
        if not _OURS.fullmatch(found["text"]):
            return tail
        return f"{found['space']}# {comment}{tail[found.end() :]}"
    end = tail.lstrip(" \t")
    if end and end[0] not in "\r\n\x85\u2028\u2029":
        return tail
    return f"   # {comment}{end}"


def pin_comment(day: str, subject: str) -> str:
    """The comment behind a pin: the commit's day, and its subject where a comment can hold it."""
    return f'{day} "{subject}"' if subject.isprintable() else day
