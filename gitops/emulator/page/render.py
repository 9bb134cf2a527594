"""Values into HTML. Whatever is put in is escaped; nothing is marked as safe."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gitops.emulator.page.values import Bar, Motion, Question, Totals, Workspace

HEIGHT = 20
"""Units from the bottom to the top of a bar chart; a bar is one unit wide."""
PACE_MOVING = 500
PACE_RESTING = 1500
"""Milliseconds from one look to the next, at least."""
LARGEST_SHARE = 0.05
"""Of the emulator's time, that a page which somebody watches may take."""

DIGITS = 12
_DIGITS = re.compile(r"[0-9a-f]{20,}")

_CONTROLS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
"""What a terminal would obey when somebody reads the page with curl."""

_environment: list[Environment] = []


def html(workspace: Workspace, cost: float) -> bytes:
    """The whole page, as UTF-8; it took `cost` seconds to find out what is on it."""
    if not _environment:
        _environment.append(_templates())
    usual = PACE_MOVING if workspace.motions or workspace.startings else PACE_RESTING
    text = (
        _environment[0]
        .get_template("page.html")
        .render(
            ws=workspace,
            headline=headline(workspace.totals),
            pace=max(usual, round(cost / LARGEST_SHARE * 1000)),
        )
    )
    return text.encode("utf-8", "replace")


def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        brief=brief,
        clock=clock,
        iso=iso,
        number=number,
        rate=rate,
        share=share,
        columns=columns,
        query=query,
    )
    made.globals["height"] = HEIGHT
    made.globals["moved"] = moved
    return made


def _printable(value: object) -> object:
    return value.translate(_CONTROLS) if isinstance(value, str) else value


def headline(totals: Totals) -> tuple[str, str]:
    """How the workspace stands: a tone and a sentence."""
    if not totals.models:
        return "idle", "No models yet"
    if totals.trouble:
        broken = totals.serving + totals.empty < totals.environments
        return (
            "bad" if broken else "poor",
            f"{_of(totals.trouble, totals.environments)} worth a look",
        )
    if totals.moving:
        things = "promotion" if totals.moving == 1 else "promotions"
        return "moving", f"{number(totals.moving)} {things} under way"
    if totals.starting:
        things = "deployment is" if totals.starting == 1 else "deployments are"
        return "moving", f"{number(totals.starting)} {things} starting"
    if not totals.serving:
        return "idle", "Nothing serves yet"
    if totals.empty:
        return "good", f"{_of(totals.serving, totals.environments)} serving"
    things = "The only environment serves"
    return (
        "good",
        things if totals.serving == 1 else f"All {number(totals.serving)} environments serve",
    )


def _of(count: int, total: int) -> str:
    environments = "environment" if total == 1 else "environments"
    return f"{number(count)} of {number(total)} {environments} {'is' if count == 1 else 'are'}"


def moved(motion: Motion) -> str:
    """What a promotion does with the traffic, in words."""
    match motion.status:
        case "SUCCEEDED":
            return "All traffic is on the candidate."
        case "FAILED" | "CANCELED":
            return "All traffic is on what served before." if motion.previous else "Nothing serves."
        case _ if motion.percent:
            return f"{motion.percent} % of the traffic is on the candidate."
        case _:
            return "No traffic is on the candidate yet."


def columns(bars: tuple[Bar, ...], *, failed: bool) -> str:
    """A bar chart as an SVG path; the highest bar reaches the top, failures stand in front."""
    top = max((bar.requests for bar in bars), default=0)
    steps = []
    for place, bar in enumerate(bars):
        value = bar.failed if failed else bar.requests
        if value:
            high = max(1.0, HEIGHT * value / top)
            steps.append(f"M{place} {HEIGHT}v-{high:.4g}h.8v{high:.4g}z")
    return "".join(steps)


def query(question: Question, page: int) -> str:
    """The query string of another page of the same models."""
    asked = {"q": question.text, "show": question.show, "page": str(page)}
    usual = {"q": "", "show": "all", "page": "1"}
    return urlencode({name: value for name, value in asked.items() if value != usual[name]})


def brief(name: str) -> str:
    """A name whose long hexadecimal digits are cut: the first ones tell it from the others."""
    return _DIGITS.sub(lambda found: found[0][:DIGITS] + "…", name)


def clock(at: float, now: float) -> str:
    """Time of day in UTC, behind its date where that is not today's."""
    moment = datetime.fromtimestamp(at, tz=UTC)
    today = moment.date() == datetime.fromtimestamp(now, tz=UTC).date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")


def iso(at: float) -> str:
    """Date and time for machines."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def number(value: int) -> str:
    """A count, with separators."""
    return f"{value:,}"


def rate(per_second: float) -> str:
    """Requests per second with as many digits as say something."""
    if per_second == 0:
        return "0"
    return f"{per_second:.2f}" if per_second < 1 else f"{per_second:,.1f}"


def share(value: float | None) -> str:
    """A share in percent; a dash where there was nothing to share."""
    if value is None:
        return "–"
    percent = value * 100
    if 0 < percent < 0.1:
        return "< 0.1 %"
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"
