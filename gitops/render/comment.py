"""Several texts as one comment: the first one whole, the others folded below as far as they fit."""

from __future__ import annotations

from gitops.render.plan_markdown import LIMIT
from gitops.render.words import short

TITLES = {
    "<!-- gitops diff -->": "What changes in Git: commits, files and fields",
    "<!-- gitops plan -->": "What apply would do",
    "<!-- gitops drift -->": "What was changed outside of Git",
}


def joined(first: str, *others: str, head: str | None = None, merge: str = "") -> str:
    """A comment that begins with the first text's marking line, below ``LIMIT`` characters.

    ``head`` is the pull request's own commit, where the texts are about ``merge``, a merge of it.
    """
    parts = [_about(first.rstrip("\n"), head, merge) if head else first.rstrip("\n")]
    room = LIMIT - len(parts[0]) - 1
    for text in others:
        marker, _, rest = text.lstrip().partition("\n")
        head = TITLES.get(marker.strip(), "More")
        part = f"<details><summary>{head}</summary>\n\n{rest.strip()}\n\n</details>"
        if len(part) + 2 >= room:
            part = f"{head}: too long for a comment; the job that compares has it."
        if len(part) + 2 < room:
            parts.append(part)
            room -= len(part) + 2
    return "\n\n".join(parts) + "\n"


def _about(text: str, head: str, merge: str) -> str:
    # A host makes the merge and gives it an id of its own, which no list of commits shows.
    marker, _, rest = text.lstrip().partition("\n")
    line = f"For commit {short(head)} of this branch, as merged: commit {short(merge)}."
    told = f"{marker}\n\n{line}\n\n{rest.strip()}"
    return told if len(told) + 1 < LIMIT else text
