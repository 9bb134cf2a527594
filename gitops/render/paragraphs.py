"""What is told of an apply, set in lines: a paragraph at a time, with its moment in front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from gitops.render.layout import safe, styled
from gitops.render.palette import Role, Style
from gitops.render.words import instant


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or less. ``place`` is what it is about, ``indent`` what every line begins with.

    ``rest`` comes after the indent on every line but the first.
    """

    text: str
    role: Role | None = None
    place: str = ""
    indent: str = ""
    rest: str = "    "


class Typesetter:
    """Sets paragraphs for one reader: in a style, to a width in columns, times not counted.

    ``times`` puts the moment before each, whole or (``clock``) as the time of day where the day is
    known from above. Every line is safe for a terminal.
    """

    def __init__(self, style: Style, *, times: bool, clock: bool, width: int) -> None:
        self.style = style
        self.width = width
        self._times = times
        self._clock = clock
        self._day: date | None = None

    def lines(self, paragraph: Paragraph, moment: datetime) -> Iterator[str]:
        """The lines of one paragraph; none of them holds a line break."""
        # What is indented belongs to the line above.
        timed = self._times and not paragraph.indent
        time = f"{self.style(self._instant(moment), 'dim')} " if timed else ""
        for number, line in enumerate(self._set(paragraph)):
            yield line if number else f"{time}{line}"

    def _set(self, paragraph: Paragraph) -> Iterator[str]:
        lead = safe(f"{paragraph.place}:") if paragraph.place else ""
        text = f"{lead} {safe(paragraph.text)}" if lead else safe(paragraph.text)
        return styled(
            text,
            self.style,
            paragraph.role,
            self.width,
            lead="" if paragraph.role == "dim" else lead,
            first=paragraph.indent,
            rest=paragraph.indent + paragraph.rest,
        )

    def _instant(self, moment: datetime) -> str:
        if self._clock and moment.date() == self._day:
            return f"{moment:%H:%M:%S}"
        self._day = moment.date()
        return instant(moment)
