"""What a rollback was confirmed by, in words."""

from __future__ import annotations

from typing import Any

import pytest

from gitops.render.figures import way_back

RATES = {"before": 0.0, "during": 0.453, "after": 0.0}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            {"replicas": 1, "minimum": 1, "error_rate": RATES},
            "1 of 1 replicas ready; errors 0.0% before, 45.3% during, 0.0% after",
        ),
        ({"replicas": 3, "minimum": 1, "error_rate": {}}, "3 replicas ready"),
        ({"replicas": 0, "minimum": 0}, "scaled to zero"),
        ({"replicas": 2, "minimum": None}, "2 replicas ready"),
        (
            {"replicas": None, "error_rate": {**RATES, "before": None}},
            "errors 45.3% during, 0.0% after",
        ),
        ({"replicas": "many", "minimum": [], "error_rate": {"before": "?"}}, ""),
        ({}, ""),
    ],
)
def test_what_is_known_is_told(found: dict[str, Any], said: str) -> None:
    assert way_back({"rollback": found}) == said


@pytest.mark.parametrize("figures", [{}, {"rollback": None}, {"rollback": "fast"}])
def test_nothing_known_is_nothing_told(figures: dict[str, Any]) -> None:
    assert way_back(figures) == ""
