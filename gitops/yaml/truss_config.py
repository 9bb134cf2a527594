"""config.yaml of a truss, read and written as the truss library does: YAML 1.1, safe types.

A release file says `yes` and means a string; in config.yaml it means true. What is sent to Baseten
has to be what the truss library would send, so this file is read with that library's rules.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from gitops.state.json import Json
from gitops.yaml.compose import Fault, compose, decode
from gitops.yaml.quick import quick
from gitops.yaml.scalars import NotAValue, plain

_SHORT: Final = 64
_SCALARS: Final = (str, bool, int, float, type(None))


class ConfigFault(Exception):
    """config.yaml cannot be used; ``fault`` says why and where in it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def parse(data: bytes) -> dict[str, Json]:
    """The map that config.yaml holds. Raises ``ConfigFault``."""
    trusted, value = quick(data)
    if trusted and isinstance(value, dict) and _means_the_same(value):
        return value
    value = _parse_as_truss(data)
    if not isinstance(value, dict):
        kind = "empty" if value is None else f"a {'list' if isinstance(value, list) else 'scalar'}"
        raise ConfigFault(Fault(message=f"is {kind}, not a map of settings"))
    result = _plain(value)
    assert isinstance(result, dict)
    return result


def dump(config: dict[str, Json]) -> bytes:
    """config.yaml with these settings; the same settings always give the same bytes."""
    from yaml import SafeDumper, dump

    class Dumper(SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    text = dump(config, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
    assert isinstance(text, str)
    return text.encode()


def _parse_as_truss(data: bytes) -> Any:
    from yaml import MarkedYAMLError, YAMLError
    from yaml.cyaml import CSafeLoader

    text, fault = decode(data)
    if fault is not None:
        raise ConfigFault(fault)
    # Depth, aliases and plain syntax are judged there, so that the loader meets nothing hostile.
    faults = [each for each in compose(text)[1] if not _only_newer(each)]
    if faults:
        raise ConfigFault(faults[0])
    loader = CSafeLoader(text)
    try:
        return loader.get_single_data()
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise ConfigFault(
            Fault(message=f"is not YAML: {error.problem}", line=line, column=column)
        ) from error
    except (YAMLError, ValueError, TypeError) as error:
        raise ConfigFault(Fault(message="is not YAML that the truss library reads")) from error
    finally:
        loader.dispose()


def _only_newer(fault: Fault) -> bool:
    """What is wrong in a release file and fine in YAML 1.1."""
    return (
        "merges maps" in fault.message
        or "is not a string" in fault.message
        or ("finite number" in fault.message or "the tag" in fault.message)
    )


def _means_the_same(value: Any) -> bool:
    """Whether YAML 1.1 reads these values as YAML 1.2 did, JSON's alone; doubt counts as no."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            if not all(type(key) is str and _is_text_in_both(key) for key in one):
                return False
            pending += one.values()
        elif isinstance(one, list):
            pending += one
        elif isinstance(one, str):
            if not _is_text_in_both(one):
                return False
        elif isinstance(one, float):
            return False
    return True


def _is_text_in_both(text: str) -> bool:
    """Whether a text is no number, date or the like in YAML 1.1 that it is not in 1.2."""
    return _short_is_text_in_both(text) if len(text) <= _SHORT else _judged(text)


@lru_cache(maxsize=4096)
def _short_is_text_in_both(text: str) -> bool:
    # The keys and most values of config.yaml files are the same words again and again.
    return _judged(text)


def _judged(text: str) -> bool:
    from yaml.resolver import Resolver

    resolvers: Any = Resolver.yaml_implicit_resolvers
    # Text that YAML 1.2 too would take for something else was in quotes.
    return not any(
        expression.match(text) and _text_when_plain(text)
        for _tag, expression in resolvers.get(text[:1], ())
    )


def _text_when_plain(text: str) -> bool:
    try:
        return isinstance(plain(text), str)
    except NotAValue:
        return False


def _plain(value: Any) -> Json:
    """JSON's types only, dates as text. Raises ``ConfigFault``."""
    if isinstance(value, dict):
        return {
            str(key) if isinstance(key, _SCALARS) else _key(key): _plain(one)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not isfinite(value):
        raise ConfigFault(Fault(message="holds a number that is not finite"))
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, date):
        return value.isoformat()
    raise ConfigFault(Fault(message=f"holds a {type(value).__name__}, which JSON does not know"))


def _key(key: object) -> str:
    if isinstance(key, date):
        return key.isoformat()
    raise ConfigFault(Fault(message="holds a key that is no plain value"))
