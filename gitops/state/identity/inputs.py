"""What a truss's files cannot pin, in one sentence a kind, and the secrets it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gitops.state.json import JsonObject

_BRANCHES: Final = frozenset({"main", "master", "HEAD", "latest"})
_CLOUDS: Final = ("s3://", "gs://", "azure://", "r2://", "https://", "http://")


def secrets(config: JsonObject) -> tuple[str, ...]:
    """Names under ``secrets`` of config.yaml, sorted."""
    found = config.get("secrets")
    return tuple(sorted(str(name) for name in found)) if isinstance(found, Mapping) else ()


def mutable_inputs(config: JsonObject) -> tuple[str, ...]:
    """Sentences about what may change although no file did."""
    return tuple(
        sentence
        for found in (
            _image(config),
            _weights(config),
            _model_cache(config),
            _checkpoint(config),
            _external_data(config),
            _requirements(config),
        )
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
        and (source.startswith(_CLOUDS) or _moves(source.rpartition("@")[2], "@" in source))
    ]
    if loose:
        yield (
            f"Weights without a revision that stays: {_names(loose)};"
            " what lies there may change, so change `rebuild` when it did."
        )


def _model_cache(config: JsonObject) -> Iterator[str]:
    cache: Any = config.get("model_cache")
    if isinstance(cache, Mapping):
        cache = cache.get("models")
    loose = [
        str(each["repo_id"])
        for each in _list(cache)
        if isinstance(each, Mapping)
        and each.get("repo_id")
        and _moves(str(each.get("revision")), bool(each.get("revision")))
    ]
    if loose:
        yield f"model_cache entries without a revision that stays: {_names(loose)}; add `revision`."


def _requirements(config: JsonObject) -> Iterator[str]:
    loose = [
        line
        for each in _list(config.get("requirements"))
        if isinstance(each, str)
        and (line := each.split("#", 1)[0].strip())
        and not line.startswith("-")
        and "==" not in line
        and not _pinned_by_address(line)
    ]
    if loose:
        count = "1 requirement" if len(loose) == 1 else f"{len(loose)} requirements"
        yield f"{count} without an exact version, {_names(loose[:1])} first: each build may differ."


def _moves(revision: str, given: bool) -> bool:
    """Whether a revision is not there, or is a branch by its usual names."""
    return not given or revision in _BRANCHES


def _pinned_by_address(line: str) -> bool:
    """A revision behind the repository's address; any other file has its address as its name."""
    if "git+" in line:
        return "@" in line.partition("git+")[2].rpartition("/")[2]
    return "@" in line


def _checkpoint(config: JsonObject) -> Iterator[str]:
    found: Any = config.get("trt_llm")
    for name in ("build", "checkpoint_repository"):
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not found.get("repo"):
        return
    if _moves(str(found.get("revision")), bool(found.get("revision"))):
        repo = _shown(str(found["repo"]))
        yield f"The checkpoint {repo} has no revision that stays; add `revision`."


def _external_data(config: JsonObject) -> Iterator[str]:
    loose = [
        str(each["url"])
        for each in _list(config.get("external_data"))
        if isinstance(each, Mapping) and each.get("url")
    ]
    if loose:
        yield (
            f"External data is downloaded anew with each build: {_names(loose)};"
            " what lies there may change, so change `rebuild` when it did."
        )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(several: list[str]) -> str:
    more = f" and {len(several) - 3} more" if len(several) > 3 else ""
    return ", ".join(_shown(each) for each in several[:3]) + more


def _shown(text: str) -> str:
    short = text if len(text) <= 80 else f"{text[:79]}…"
    return "".join(char if char.isprintable() else "?" for char in short)
