"""What a truss's files cannot pin, in one sentence a kind, and the secrets it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gitops.state.json import JsonObject

_CLOUDS: Final = ("s3://", "gs://", "azure://", "r2://", "https://", "http://")


def secrets(config: JsonObject) -> tuple[str, ...]:
    """Names under ``secrets`` of config.yaml, sorted."""
    found = config.get("secrets")
    return tuple(sorted(str(name) for name in found)) if isinstance(found, Mapping) else ()


def mutable_inputs(config: JsonObject) -> tuple[str, ...]:
    """Sentences about what may change although no file did."""
    return tuple(
        sentence
        for found in (_image(config), _weights(config), _model_cache(config), _requirements(config))
        for sentence in found
    )


def _image(config: JsonObject) -> Iterator[str]:
    base = config.get("base_image")
    image = base.get("image") if isinstance(base, Mapping) else None
    if isinstance(image, str) and image and "@sha256:" not in image:
        yield (
            f"The base image {_shown(image)} is named by a tag, which may move;"
            " pin it with @sha256:…, or change `rebuild` when it moved."
        )


def _weights(config: JsonObject) -> Iterator[str]:
    loose = [
        source
        for each in _list(config.get("weights"))
        if isinstance(each, Mapping)
        and isinstance(source := each.get("source"), str)
        and (source.startswith(_CLOUDS) or "@" not in source)
    ]
    if loose:
        yield (
            f"Weights without a revision: {_names(loose)};"
            " what lies there may change, so change `rebuild` when it did."
        )


def _model_cache(config: JsonObject) -> Iterator[str]:
    cache: Any = config.get("model_cache")
    if isinstance(cache, Mapping):
        cache = cache.get("models")
    loose = [
        str(each["repo_id"])
        for each in _list(cache)
        if isinstance(each, Mapping) and each.get("repo_id") and not each.get("revision")
    ]
    if loose:
        yield f"model_cache entries without a revision: {_names(loose)}; add `revision`."


def _requirements(config: JsonObject) -> Iterator[str]:
    loose = [
        line
        for each in _list(config.get("requirements"))
        if isinstance(each, str)
        and (line := each.split("#", 1)[0].strip())
        and not line.startswith("-")
        and "==" not in line
        and "@" not in line
    ]
    if loose:
        count = "1 requirement" if len(loose) == 1 else f"{len(loose)} requirements"
        yield f"{count} without an exact version, {_names(loose[:1])} first: each build may differ."


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(several: list[str]) -> str:
    more = f" and {len(several) - 3} more" if len(several) > 3 else ""
    return ", ".join(_shown(each) for each in several[:3]) + more


def _shown(text: str) -> str:
    short = text if len(text) <= 80 else f"{text[:79]}…"
    return "".join(char if char.isprintable() else "?" for char in short)
