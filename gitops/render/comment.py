"""Several texts as one comment: the first one whole, the others folded below as far as they fit."""

from __future__ import annotations

import re
from typing import Final

from gitops.render import plan_markdown, release_diff
from gitops.render.markdown import link
from gitops.render.plan_markdown import LIMIT
from gitops.render.words import short

TITLES: Final = {
    release_diff.MARKER: "What changes in Git: commits, files and fields",
    plan_markdown.MARKER: "What apply would do",
    "<!-- gitops drift -->": "What was changed outside of Git",
}

_ENTRIES: Final = re.compile(r"\n\n(?=\S)")
"""Between the entries of a diff: what belongs to one is indented below it."""

_LONGEST_COUNTS: Final = 500


def joined(first: str, *others: str, head: str | None = None, merge: str = "") -> str:
    """A comment that begins with the first text's marking line, below ``LIMIT`` characters.

    ``head`` is the pull request's own commit, where the texts are about ``merge``, a merge of it.
    Of a diff that is too long as many entries are shown as fit, and its last line with the counts.
    """
    parts = [_about(first.rstrip("\n"), head, merge) if head else first.rstrip("\n")]
    room = LIMIT - len(parts[0]) - 1
    for text in others:
        part = _below(text, room - 3)
        if part:
            parts.append(part)
            room -= len(part) + 2
    return "\n\n".join(parts) + "\n"


def without_plan(commit: str, run_url: str) -> str:
    """What stands where the plan of ``commit`` would, whose job at ``run_url`` has failed."""
    job = link("The job that plans", run_url)
    return (
        f"{plan_markdown.MARKER}\n\n### There is no plan for commit {short(commit)}\n\n{job} has "
        "failed, and says why. Its next run that goes well shows the plan here.\n\n"
        "No plan of an earlier commit counts: merged as it is, the apply changes nothing and ends "
        "in 4.\n"
    )


def _below(text: str, room: int) -> str:
    """One of the other texts in at most ``room`` characters; empty where nothing of it fits."""
    marker, _, rest = text.lstrip().partition("\n")
    head = TITLES.get(marker.strip(), "More")
    whole = _folded(head, rest.strip())
    if len(whole) <= room:
        return whole
    counts = ""
    if marker.strip() == release_diff.MARKER:
        *entries, last = _ENTRIES.split(rest.strip())
        if part := _cut(head, entries, last, room):
            return part
        counts = f" {last}" if len(last) < _LONGEST_COUNTS else ""
    line = f"{head}:{counts} Too long for a comment; the job that compares has it."
    return line if len(line) <= room else ""


def _cut(head: str, entries: list[str], counts: str, room: int) -> str:
    """The title and the first entries of a diff, as many as fit; empty where not even one does."""
    more = "The rest is too long for a comment: the job that compares has it, and `gitops diff`."
    left = room - len(_folded(head, f"\n\n{more}\n\n{counts}"))
    shown: list[str] = []
    for each in entries:
        left -= len(each) + 2
        if left < 0:
            break
        shown.append(each)
    return _folded(head, "\n\n".join([*shown, more, counts])) if len(shown) > 1 else ""


def _folded(head: str, inside: str) -> str:
    return f"<details><summary>{head}</summary>\n\n{inside}\n\n</details>"


def _about(text: str, head: str, merge: str) -> str:
    # A host makes the merge and gives it an id of its own, which no list of commits shows.
    marker, _, rest = text.lstrip().partition("\n")
    line = f"For commit {short(head)} of this branch, as merged: commit {short(merge)}."
    heading, blank, below = rest.strip().partition("\n\n")
    if not heading.startswith("#"):
        heading, blank, below = "", "", rest.strip()
    told = f"{marker}\n\n{heading}{blank}{line}\n\n{below}"
    return told if len(told) + 1 < LIMIT else text
