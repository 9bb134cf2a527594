"""Pages as they are written: their blocks, and what decides whether one is run.

A fenced block of the language `console` holds commands behind `$ ` and, below each, what it
prints. Where `…` stands in it, anything may; figures and ids may be others. A block below a line
that ends in "`path`:" is that file's content or, of the language `diff`, an edit of it, but never
where it is a `console`. Right before a block a comment may say why it is not run:

    <!-- not run: installs from the package index -->
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_NOT_RUN: Final = re.compile(r"<!-- not run: (?P<reason>[^>]+) -->\s*\Z")
_FILE: Final = re.compile(r"`(?P<path>[\w.-]+(/[\w.-]+)*\.\w+)`[^`]*:\n\n\Z")
_COMMENT: Final = re.compile(r" {2,}# .*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block. `line` is where it begins; `path` the file that it is the content of."""

    line: int
    language: str
    text: str
    not_run: str | None
    path: str | None

    @property
    def is_command(self) -> bool:
        """Whether a reader would type this into a shell or into Python."""
        return self.language in {"console", "python"} and self.path is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A command and what is printed below it, as the page has them."""

    command: str
    prints: str


def blocks(text: str) -> list[Block]:
    """All fenced blocks of a page, in order."""
    found = []
    for match in _FENCE.finditer(text):
        before, indent = text[: match.start()], len(match["indent"])
        not_run = _NOT_RUN.search(before)
        path = _FILE.search(before) if match["language"] != "console" else None
        found.append(
            Block(
                line=before.count("\n") + 1,
                language=match["language"],
                text="".join(line[indent:] for line in match["text"].splitlines(keepends=True)),
                not_run=not_run["reason"] if not_run else None,
                path=path["path"] if path else None,
            )
        )
    return found


def typed(block: Block) -> list[Typed]:
    """The commands of a `console` block; a comment behind one is not typed."""
    found: list[Typed] = []
    lines = iter(block.text.splitlines())
    command, prints = "", ""
    for line in lines:
        if line.startswith("$ "):
            if command:
                found.append(Typed(command=command, prints=prints))
            command, prints = _COMMENT.sub("", line[2:]), ""
            while command.endswith("\\"):
                command = command[:-1] + next(lines).lstrip()
        else:
            assert command, f"line {block.line}: a console block begins with `$ `"
            prints += line + "\n"
    if command:
        found.append(Typed(command=command, prints=prints))
    return found


# What differs from run to run: the id of a commit, of a deployment, a workspace, a figure.
_VARYING: Final = re.compile(
    r"(?P<workspace>\bemulator-[a-z0-9]{6}\b)"
    r"|(?P<hex>(?<![\w.])(?=[0-9a-f]*\d)[0-9a-f]{7,64}(?!\w))"
    r"|(?P<id>(?<![\w./-])(?=[a-z0-9]*\d)(?=[a-z0-9]*[a-z])[a-z0-9]{8}(?![\w/]))"
    r"|(?P<figure>\d+(\.\d+)?(e[+-]\d+)?( ?(ms|s|m|h)\b)?)"
)
_PATTERNS: Final = {
    "workspace": "emulator-[a-z0-9]{6}",
    "hex": "[0-9a-f]{7,64}",
    "id": "[a-z0-9]{7,8}",
    "figure": r"\d+(?:\.\d+)?(?:e[+-]\d+)?(?: ?(?:ms|s|m|h)\b)?",
}


def _pattern(prints: str) -> str:
    """A regular expression for what a page shows between two `…`."""
    parts, end = [], 0
    for match in _VARYING.finditer(prints):
        parts += [re.escape(prints[end : match.start()]), _PATTERNS[match.lastgroup or ""]]
        end = match.end()
    parts.append(re.escape(prints[end:]))
    return "".join(parts)


def shows(prints: str, printed: str, *, whole: bool = True) -> bool:
    """Whether a page may show `prints` for a command that printed `printed`, or began with.

    Spaces and line breaks count as one space.
    """
    text = " ".join(printed.split())
    first, *more = (each.strip() for each in " ".join(prints.split()).split("…"))
    if not more:
        found = re.compile(_pattern(first)).match(text)
        return found is not None and (not whole or found.end() == len(text))
    begin = re.compile(_pattern(first)).match(text)
    if begin is None:
        return False
    position = begin.end()
    *between, last = more
    for each in between:
        found = re.compile(_pattern(each)).search(text, position)
        if found is None:
            return False
        position = found.end()
    end = r"\Z" if whole else ""
    return re.compile(_pattern(last) + end).search(text, position) is not None


def first_difference(prints: str, printed: str) -> str:
    """The first words of the page that the output does not have in their place."""
    words = prints.split()
    fits = 0
    while fits < len(words) and shows(" ".join(words[: fits + 1]), printed, whole=False):
        fits += 1
    return " ".join(words[fits : fits + 8]) or "its end"


def edited(text: str, diff: str) -> str:
    """A file's text after the edit that a `diff` block shows; `…` stands for lines in between."""
    position = 0
    for hunk in re.split(r"^…\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        found = text.find(old, position)
        assert found >= 0, f"the file has no\n{old}\nin\n{text[position:]}"
        text = text[:found] + new + text[found + len(old) :]
        position = found + len(new)
    return text
