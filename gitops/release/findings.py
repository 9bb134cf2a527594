"""What pydantic found, in our words: one finding an error, with the path that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from gitops.release import words
from gitops.release.checks import TAGS
from gitops.release.finding import Finding, Path
from gitops.release.known import keys_at, places_of
from gitops.release.words import shown

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_SETTINGS: Final = frozenset(
    {"autoscaling", "promotion", "rolling_deploy_config", "backpressure", "schedules"}
)
_UNIONS: Final = frozenset({"DAILY", "HOURLY", "ONE_TIME"})

_WANTED: Final[Mapping[str, str]] = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "dict_type": "must be a map",
    "model_type": "must be a map",
    "model_attributes_type": "must be a map",
    "list_type": "must be a list",
}


def findings(root: type[BaseModel], error: ValidationError) -> list[Finding]:
    """Every error of a validation as findings, each once."""
    result: list[Finding] = []
    for each in error.errors(include_url=False):
        found = _finding(root, each)
        if found not in result:
            result.append(found)
    return result


def _path(location: tuple[int | str, ...]) -> tuple[Path, bool]:
    """The path without pydantic's own marks, and whether it is the key that is wrong."""
    steps = [step for step in location if step not in TAGS]
    is_key = bool(steps) and steps[-1] == "[key]"
    if is_key:
        steps.pop()
    if len(steps) > 4 and steps[2] == "schedules" and steps[4] in _UNIONS:
        del steps[4]
    return tuple(steps), is_key


def _finding(root: type[BaseModel], error: ErrorDetails) -> Finding:
    path, is_key = _path(error["loc"])
    given = error.get("input")
    context: Mapping[str, Any] = error.get("ctx") or {}
    kind = error["type"]
    if is_key:
        return Finding(path=path, message=_bad_name(path), at_key=True)
    if kind == "extra_forbidden":
        return _unknown(root, path)
    if kind == "missing":
        return _missing(path)
    if kind == "gitops" and given is not None:
        return Finding(path=path, message=context["message"], hint=context["hint"])
    if given is None:
        return Finding(
            path=path,
            message="must not be empty (null)",
            hint="write a value, {} for an empty map, or remove the key",
        )
    rule = _RULES.get(kind)
    if rule is not None:
        message, hint = rule(path, given, context)
        return Finding(path=path, message=message, hint=hint)
    wanted = _WANTED.get(kind)
    if wanted is not None:
        return Finding(
            path=path, message=f"{wanted}, not {shown(given)}", hint=_quoting(kind, given)
        )
    return Finding(
        path=path, message=f"{error['msg'][:1].lower()}{error['msg'][1:]}: {shown(given)}"
    )


def _quoting(kind: str, given: Any) -> str | None:
    if kind == "string_type" and isinstance(given, int | float) and not isinstance(given, bool):
        return f'write "{given}"'
    if kind in {"int_type", "float_type", "bool_type"} and isinstance(given, str):
        return "remove the quotes" if given.isdigit() or given in {"true", "false"} else None
    return None


def _bad_name(path: Path) -> str:
    wrong = str(path[-1])
    if len(path) >= 2 and path[-2] == "environments":
        if wrong != wrong.lower():
            return f"environment names are lower-case: {shown(wrong)}"
        if len(wrong) > 63:
            return "environment names have at most 63 characters"
        return (
            "environment names hold lower-case letters, digits and hyphens, and begin and end"
            f" with a letter or digit: {shown(wrong)}"
        )
    return f"is no name: {shown(wrong)}"


def _unknown(root: type[BaseModel], path: Path) -> Finding:
    wrong = str(path[-1])
    siblings = keys_at(root, path[:-1])
    inside_settings = any(step in _SETTINGS for step in path[:-1])
    hint: str | None
    near = words.nearest(wrong, siblings)
    elsewhere = places_of(root, wrong)
    if len(path) > 1 and "requires" in path[-3:-1]:
        hint = f"write {_required(wrong if near is None else 'staging')}"
    elif near is not None:
        hint = f"did you mean {near}?"
    elif elsewhere:
        hint = f"{wrong} belongs in {' or '.join(elsewhere[:2])}"
    else:
        hint = f"one of {words.names(siblings, len(siblings))}" if siblings else None
    what = "unknown setting" if inside_settings else "unknown key"
    return Finding(path=path, message=what, hint=hint, at_key=True)


def _missing(path: Path) -> Finding:
    hints: Mapping[Path, str] = {
        ("version",): "write `version: 1`",
        ("model",): "write the model's name on Baseten",
        ("environments",): "name at least one environment",
    }
    hint = hints.get(path)
    if path[-1] == "environment" and "requires" in path[-3:-1]:
        hint = f"write {_required('staging')}"
    return Finding(path=path, message="is missing", hint=hint)


def _required(environment: str) -> str:
    return f"`requires: {{environment: {words.name(environment)}, for: 1h}}`"


_Rule = Callable[[Path, Any, Mapping[str, Any]], tuple[str, str | None]]


def _literal(path: Path, given: Any, context: Mapping[str, Any]) -> tuple[str, str | None]:
    if path and path[-1] == "ramp_up_while_promoting":
        return (
            "Baseten refuses the canary ramp for models",
            "use rolling_deploy: true with a rolling_deploy_config",
        )
    if path == ("version",):
        return f"must be 1, the version of the language, not {shown(given)}", None
    expected = str(context.get("expected", ""))
    allowed = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    near = words.nearest(given, allowed) if isinstance(given, str) else None
    hint = f"did you mean {near}?" if near else None
    return f"must be one of {', '.join(allowed)}, not {shown(given)}", hint


def _bound(words_before: str, key: str) -> _Rule:
    def rule(_path: Path, given: Any, context: Mapping[str, Any]) -> tuple[str, str | None]:
        return f"must be {words_before} {_number(context[key])}, not {shown(given)}", None

    return rule


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _too_short(path: Path, given: Any, _context: Mapping[str, Any]) -> tuple[str, str | None]:
    if path == ("environments",):
        return "must name at least one environment", None
    return f"must not be empty: {shown(given)}", None


def _too_long(_path: Path, given: Any, context: Mapping[str, Any]) -> tuple[str, str | None]:
    if isinstance(given, list):
        return "must be a check's name, or a name with changed expectations, not a list", None
    return f"must have at most {context['max_length']}, not {shown(given)}", None


def _pattern(path: Path, given: Any, _context: Mapping[str, Any]) -> tuple[str, str | None]:
    if path and path[-1] == "timezone":
        return f"must be an IANA time zone such as Europe/Berlin, not {shown(given)}", None
    return f"has a form that is not allowed: {shown(given)}", None


def _cadence(_path: Path, given: Any, _context: Mapping[str, Any]) -> tuple[str, str | None]:
    tag = given.get("cadence") if isinstance(given, dict) else given
    message = "cadence must be one of DAILY, HOURLY, ONE_TIME"
    return (
        f"{message}, not {shown(tag)}" if tag is not None else f"{message}; it is missing"
    ), None


_RULES: Final[Mapping[str, _Rule]] = {
    "literal_error": _literal,
    "greater_than_equal": _bound("at least", "ge"),
    "greater_than": _bound("above", "gt"),
    "less_than_equal": _bound("at most", "le"),
    "less_than": _bound("below", "lt"),
    "too_short": _too_short,
    "too_long": _too_long,
    "string_too_long": _too_long,
    "string_too_short": _too_short,
    "string_pattern_mismatch": _pattern,
    "union_tag_invalid": _cadence,
    "union_tag_not_found": _cadence,
}
