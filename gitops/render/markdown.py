"""Words of others inside Markdown: shown as they are, and never acting as markup.

A comment on a pull request is read by people who trust it. A name that came from an API or from a
branch must not become a link, a mention, a heading or a piece of HTML there. What is not plainly
harmless goes into a code span, where none of that works.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from gitops.render.text import printable

_PLAIN: Final = re.compile(r"[A-Za-z0-9.,;:()'%/+=?!_–…-]+")
_LINKS: Final = re.compile(r"://|^\(?www\.|^\(?GH-\d|^\(?%\w|^!|__|^_|_$", re.IGNORECASE)
_QUOTES: Final = re.compile(r'^"|"(?=[.,;:)]*$)')
_ADDRESS: Final = re.compile(r"https?://[\w.:/%~-]+")
_RUNS: Final = re.compile(r"`+")


def code(text: str) -> str:
    """The text as a code span on one line, whatever back ticks it holds."""
    safe = printable(text) or " "
    longest = max((len(run) for run in _RUNS.findall(safe)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if safe.startswith("`") or safe.endswith("`") or not safe.strip() else ""
    return f"{fence}{pad}{safe}{pad}{fence}"


def link(text: str, address: str) -> str:
    """Words of ours that lead to a page; the words alone where that is no plain address."""
    return f"[{text}]({address})" if _ADDRESS.fullmatch(address) else text


def sentence(text: str) -> str:
    """A sentence whose every doubtful word is a code span; code spans of its own are kept."""
    parts = printable(text).split("`")
    if len(parts) % 2 == 0:
        # A back tick without its partner is no markup.
        parts = ["`".join(parts)]
    shown = [code(part) if index % 2 and part else _words(part) for index, part in enumerate(parts)]
    return "".join(shown)


def block(text: str, language: str = "") -> str:
    """Lines as a fenced block, whatever back ticks they hold."""
    safe = "\n".join(printable(line) for line in text.split("\n"))
    longest = max((len(run) for run in _RUNS.findall(safe)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{safe}\n{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose every cell is a code span on one line; an empty cell stays empty."""
    lines = [_row(head), _row(["---"] * len(head))]
    lines += [_row([_cell(each) for each in row]) for row in rows]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    # A bar ends a cell also inside a code span.
    return code(text).replace("|", "\\|") if text else ""


def _words(text: str) -> str:
    return " ".join(
        word if not word or _harmless(word) else _word(word) for word in text.split(" ")
    )


def _harmless(word: str) -> bool:
    # Git's own `Revert "…"` is read often: quotes around words say nothing to any host.
    bare = _QUOTES.sub("", word)
    return bool(_PLAIN.fullmatch(bare)) and not _LINKS.search(bare)


def _word(word: str) -> str:
    # Punctuation around it belongs to the sentence and not to the name.
    bare = word.rstrip(".,;:)")
    opened = "(" if bare.startswith("(") and bare != "(" else ""
    if not bare:
        return code(word)
    return opened + code(bare.removeprefix(opened)) + word[len(bare) :]
