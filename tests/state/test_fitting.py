"""Settings that Baseten takes only together."""

import pytest

from gitops.state.fitting import unfit

BOUNDS = {"autoscaling.min_replica", "autoscaling.max_replica"}
SURGE, UNAVAILABLE = (
    f"promotion.rolling_deploy_config.max_{way}_percent" for way in ("surge", "unavailable")
)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, set()),
        ({"autoscaling.min_replica": 2, "autoscaling.max_replica": 2}, set()),
        ({"autoscaling.min_replica": 3, "autoscaling.max_replica": 2}, BOUNDS),
        ({"autoscaling.min_replica": 3}, set()),
        ({"autoscaling.min_replica": 3, "autoscaling.max_replica": None}, set()),
        ({SURGE: 10, UNAVAILABLE: 0}, set()),
        ({SURGE: 0, UNAVAILABLE: 10}, set()),
        ({SURGE: 10, UNAVAILABLE: 10}, {SURGE, UNAVAILABLE}),
        ({SURGE: 0, UNAVAILABLE: 0}, {SURGE, UNAVAILABLE}),
        ({SURGE: 0}, set()),
    ],
)
def test_what_does_not_fit_is_named(settings: dict[str, object], expected: set[str]) -> None:
    assert unfit(settings) == expected  # type: ignore[arg-type]
