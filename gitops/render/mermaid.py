"""The steps of a plan as a graph that forges draw: what waits for what."""

from __future__ import annotations

import re
from typing import Final

from gitops.plan.model import ModelPlan, Plan
from gitops.render.text import printable

LEAST: Final = 6
"""Steps below which a graph says no more than a list."""

MOST: Final = 80
"""Steps above which nobody can read one."""

_DOUBTFUL: Final = re.compile(r"[^A-Za-z0-9 ./_-]")


def graph(plan: Plan) -> str:
    """A fenced Mermaid graph, one part for each model; empty where it would say nothing."""
    models = [each for each in plan.models if each.actions]
    number = sum(len(each.actions) for each in models)
    if not LEAST <= number <= MOST:
        return ""
    lines = ["```mermaid", "flowchart LR"]
    for index, model in enumerate(models):
        lines += _model(index, model)
    return "\n".join([*lines, "```"])


def _model(index: int, model: ModelPlan) -> list[str]:
    nodes = {action.id: f"m{index}s{at}" for at, action in enumerate(model.actions)}
    lines = [f'  subgraph m{index}["{_label(model.name)}"]']
    for action in model.actions:
        where = f" {action.environment}" if action.environment else ""
        lines.append(f'    {nodes[action.id]}["{_label(action.kind + where)}"]')
    behind: dict[str, frozenset[str]] = {}
    for action in model.actions:
        # What is waited for by way of another needs no arrow of its own.
        others = [other for other in action.depends_on if other in behind]
        further = frozenset().union(*(behind[other] for other in others))
        behind[action.id] = further.union(others)
        lines += [
            f"    {nodes[other]} --> {nodes[action.id]}" for other in others if other not in further
        ]
    return [*lines, "  end"]


def _label(text: str) -> str:
    """A text that is nothing but letters for Mermaid; what could be more is a middle dot."""
    return _DOUBTFUL.sub("\u00b7", printable(text))[:60]
