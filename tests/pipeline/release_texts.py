"""Release files as people write them: any order, quotes, block or flow, comments everywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

PRINTABLE = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
)
WORDS = st.text(PRINTABLE, max_size=24).filter(str.isprintable)
QUOTES = st.sampled_from(["", "'", '"'])
ENDS = st.sampled_from(["\n", "\r\n"])
OUR_COMMENT = '2026-01-01 "First"'


@dataclass(frozen=True)
class ReleaseText:
    """A release file's text, with the pin of production in it."""

    rows: tuple[str, ...]
    end: str
    bom: bool
    last_end: bool

    def data(self) -> bytes:
        """The file's bytes."""
        text = self.end.join(self.rows) + (self.end if self.last_end else "")
        return (("\ufeff" if self.bom else "") + text).encode()

    def after(self, *rows: str) -> ReleaseText:
        """The same with further lines at its end."""
        return replace(self, rows=(*self.rows, *rows))


@st.composite
def release_texts(draw: st.DrawFn, *, pin: str) -> ReleaseText:
    """A valid release file of the model ``scorer`` that pins production."""

    def quoted(word: str) -> str:
        quote = draw(QUOTES)
        return f"{quote}{word}{quote}"

    sections = [
        [f"version:{draw(st.sampled_from([' ', '   ']))}1"],
        [f"model: {quoted('scorer')}"],
        [f"{quoted('truss')}: {quoted('trusses/m')}"],
        ["environments:", *_environments(draw, pin)],
    ]
    if draw(st.booleans()):
        sections.append(["timeouts: {build: 1h}   # patient"])
    if draw(st.booleans()):
        sections.append(["checks:", "  smoke:", "    request: |", "      ünïcode: #no comment", ""])
    rows = []
    for section in draw(st.permutations(sections)):
        literal = section[0] == "checks:"
        for row in section:
            rows += [] if literal else draw(_noise())
            rows.append(row + (draw(_behind()) if not literal and "commit" not in row else ""))
    return ReleaseText(
        rows=tuple(rows), end=draw(ENDS), bom=draw(st.booleans()), last_end=draw(st.booleans())
    )


def _environments(draw: st.DrawFn, pin: str) -> list[str]:
    names = draw(st.permutations(["staging", "production", "canary"]))
    pad = " " * draw(st.sampled_from([2, 4]))
    rows: list[str] = []
    anchored = False
    for name in names:
        quote = draw(QUOTES)
        wanted = pin if name == "production" else "HEAD"
        scale = "*scale" if anchored else "&scale {min_replica: 0, max_replica: 2}"
        anchored = True
        value = f"{quote}{wanted}{quote}"
        fields = draw(st.permutations([f"commit: {value}", f"autoscaling: {scale}"]))
        match draw(st.sampled_from(["block", "flow", "lines"])):
            case "flow":
                rows.append(f"{pad}{name}: {{{', '.join(fields)}}}")
            case "lines":
                rows += [f"{pad}{name}: {{", *(f"{pad}  {each}," for each in fields), f"{pad}}}"]
            case _:
                rows.append(f"{pad}{name}:")
                ours = f"   # {OUR_COMMENT}" if draw(st.booleans()) else draw(_behind())
                rows += [f"{pad}{pad}{each}{ours if 'commit' in each else ''}" for each in fields]
    return rows


def _behind() -> st.SearchStrategy[str]:
    return st.none().map(lambda _: "") | WORDS.map(lambda words: f" \t# {words}")


def _noise() -> st.SearchStrategy[list[str]]:
    line = st.sampled_from(["", "   "]) | st.builds(
        "{}# {}".format, st.sampled_from(["", "  "]), WORDS
    )
    return st.lists(line, max_size=2)
