"""What a release file has to say for a setting to be as Baseten has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gitops.state.schedules import PREFIX, WEEKDAYS, comparable

NOT_THERE: Final = object()
"""In place of a value: there is none."""


def steps(path: str) -> tuple[str, ...]:
    """A setting's keys below an environment; a schedule's name may hold dots."""
    if path.startswith(PREFIX):
        return ("schedules", path.removeprefix(PREFIX))
    return tuple(path.split("."))


def at(value: Any, keys: Sequence[str]) -> Any:
    """The value at a path of keys; ``NOT_THERE`` where there is none."""
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return NOT_THERE
        value = value[key]
    return value


def below(value: Any, *keys: str) -> Mapping[str, Any]:
    """The map at a path of keys; empty where there is none."""
    found = at(value, keys)
    return found if isinstance(found, Mapping) else {}


def schedule(own: Any, given: Any, live: Any) -> dict[str, Any]:
    """What the release file has to say of a schedule, over what gitops.yaml gives.

    Fields that are as they were are left as they are written; a new schedule is written whole.
    """
    mine = dict(own) if isinstance(own, Mapping) else {}
    inherited = given if isinstance(given, Mapping) else {}
    says, has = comparable({**inherited, **mine}), comparable(live)
    if not mine and not inherited:
        says = {}
    for key, value in has.items():
        if key == "autoscaling":
            continue
        default = {"enabled": True, "timezone": "UTC"}.get(key)
        if says.get(key, default) != value or (not says and key == "timezone"):
            mine[key] = _written(value)
    for key in [each for each in mine if each not in has]:
        del mine[key]
    scaled = dict(mine["autoscaling"]) if isinstance(mine.get("autoscaling"), Mapping) else {}
    asked = {**below(inherited, "autoscaling"), **scaled}
    wanted = below(has, "autoscaling")
    scaled |= {key: it for key, it in wanted.items() if asked.get(key) != it}
    scaled = {key: it for key, it in scaled.items() if key in wanted}
    if scaled or "autoscaling" in mine or not inherited:
        mine["autoscaling"] = scaled
    return mine


def _written(value: Any) -> Any:
    """Weekdays in the week's order; moments end in Z."""
    if isinstance(value, list):
        return sorted(value, key=lambda day: WEEKDAYS.index(day) if day in WEEKDAYS else 7)
    return value.replace("+00:00", "Z") if isinstance(value, str) else value


def whole(value: Any) -> Any:
    """Whole numbers as people write them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: whole(each) for key, each in value.items()}
    return value
