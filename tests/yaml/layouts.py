"""Files as people write them: one value in any mixture of styles, with comments in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from gitops.yaml.write import flow


def layout(draw: st.DrawFn, value: Mapping[str, Any], indent: str = "") -> list[str]:
    """The lines of a map: blocks and braces on one line or several, comments and empty lines."""
    rows: list[str] = []
    step = draw(st.sampled_from(["  ", "   "]))
    for key, below in value.items():
        head = f"{indent}{flow(key)}:"
        comment = draw(st.sampled_from(["", "", "   # note", " # {a: 1}"]))
        rows += draw(st.sampled_from([[], [], [""], [f"{indent}# before"], ["# odd"]]))
        style = draw(st.sampled_from(["line", "block", "braces"])) if below else "line"
        if isinstance(below, Mapping) and style == "block":
            rows += [f"{head}{comment}", *layout(draw, below, indent + step)]
        elif isinstance(below, Mapping) and style == "braces":
            rows.append(f"{head} {{{comment}")
            rows += [f"{indent}  {flow(one)}: {flow(it)},{comment}" for one, it in below.items()]
            rows.append(f"{indent} }}")
        elif isinstance(below, list) and style != "line":
            rows += [f"{head}{comment}", *(f"{indent}- {flow(each)}{comment}" for each in below)]
        else:
            rows.append(f"{head} {flow(below)}{comment}")
    return rows
