"""The result of ``gitops check``: for people, and as a document for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from gitops.render.layout import WIDTH, safe, styled
from gitops.render.measurements import told
from gitops.render.palette import Role, Style, plain
from gitops.render.text import harmless
from gitops.render.words import count
from gitops.state.recognise import called
from gitops.verify.results import Checked, Ran, Woken
from gitops.verify.verdict import Outcome, figures

FORMAT_VERSION: Final = "1"

_ROLES: Final[dict[Outcome, Role]] = {
    Outcome.PASS: "good",
    Outcome.FAIL: "bad",
    Outcome.INCONCLUSIVE: "held",
}


def document(checked: Checked) -> str:
    """One JSON document; measurements as the deploy log keeps them."""
    deployment, verdict = checked.deployment, checked.results.verdict
    body: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "model": checked.model,
        "environment": checked.environment,
        "commit": checked.commit,
        "deployment": None
        if deployment is None
        else {
            "id": deployment.id,
            "name": deployment.name,
            "status": deployment.status,
            "serves": checked.serves,
        },
        "outcome": "inconclusive" if checked.results.stopped else verdict.outcome.value,
        "reason": _stopped(checked) or verdict.reason,
        "checks": [
            {"name": each.name, **figures(each.verdict), "failing": len(each.pairs)}
            for each in checked.results.ran
        ],
        "kept": checked.kept.name if checked.kept is not None else None,
    }
    return harmless(json.dumps(body, indent=2, allow_nan=False)) + "\n"


def render(checked: Checked, style: Style = plain, width: int = WIDTH) -> str:
    """A line for every check and every measurement, then one that says how it went."""
    return "".join(f"{line}\n" for line in _lines(checked, style, width))


def _lines(checked: Checked, style: Style, width: int) -> Iterator[str]:
    place, deployment = f"{checked.model}/{checked.environment}", checked.deployment
    if deployment is None:
        yield from styled(safe(f"{place} asks for no checks."), style, None, width)
        return
    role = "serves" if checked.serves else "does not serve yet"
    head = safe(f"{place}: {called(deployment.id, deployment.name)}, which {role}")
    yield from styled(head, style, "heading", width)
    for each in checked.results.ran:
        yield from _check(each, style, width)
    stopped = _stopped(checked)
    if stopped:
        yield from styled(safe(stopped), style, "bad", width, first="  ", rest="    ")
    if checked.kept is not None:
        kept = safe(f"what went wrong is kept in {checked.kept.shown}")
        yield from styled(kept, style, "dim", width, first="  ", rest="    ")
    ran = checked.results.ran
    good = sum(each.verdict.outcome is Outcome.PASS for each in ran)
    passed = good == len(ran) and not stopped
    text = f"Check: {good} of {count(len(ran), 'check')} passed."
    yield style(text, "good" if passed else "bad")


def _check(ran: Ran, style: Style, width: int) -> Iterator[str]:
    verdict = ran.verdict
    text = safe(f"{verdict.outcome.value}: {verdict.reason}")
    yield from styled(text, style, _ROLES[verdict.outcome], width, first="  ", rest="    ")
    for each in verdict.measurements:
        bad = each.outcome is not Outcome.PASS
        line = safe(told(each))
        yield from styled(
            line, style, _ROLES[each.outcome] if bad else "dim", width, first="    ", rest="      "
        )
        if bad or each.what.startswith("than_current."):
            for detail in each.detail.splitlines():
                yield from styled(
                    safe(detail), style, "dim", width, first="      | ", rest="      | "
                )


def _stopped(checked: Checked) -> str:
    match checked.results.stopped:
        case None | Woken.READY:
            return ""
        case Woken.LATE:
            return "it scaled to zero and did not wake in time; it may still be on its way"
        case Woken.NOT_READY:
            return "it cannot be asked any more: it was stopped, failed, or is gone"
