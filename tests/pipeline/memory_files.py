"""Files that only exist in a test: what a release file says, without a commit for each variant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class MemoryFiles:
    """Fulfils ``gitops.pipeline.sources.Files``."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self._files = {
            path: text.encode() if isinstance(text, str) else text for path, text in files.items()
        }

    def read(self, path: str) -> bytes | None:
        return self._files.get(path)

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        return {path: self._files[path] for path in paths if path in self._files}

    def list(self, folder: str) -> tuple[str, ...]:
        return tuple(sorted(path for path in self._files if path.startswith(f"{folder}/")))
