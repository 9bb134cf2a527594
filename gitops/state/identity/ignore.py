"""What is not uploaded: `.truss_ignore` at the truss's root, or truss's built-in list."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathspec import PathSpec
    from pathspec.pattern import Pattern

IGNORE_FILE: Final = ".truss_ignore"

BUILT_IN: Final = (
    "__pycache__/",
    "*.py[cod]",
    "*$py.class",
    "*.so",
    ".Python",
    "build/",
    "develop-eggs/",
    "dist/",
    "downloads/",
    "eggs/",
    ".eggs/",
    "lib/",
    "lib64/",
    "parts/",
    "sdist/",
    "var/",
    "wheels/",
    "share/python-wheels/",
    "*.egg-info/",
    ".installed.cfg",
    "*.egg",
    "MANIFEST",
    ".DS_Store",
    "*.manifest",
    "*.spec",
    "pip-log.txt",
    "pip-delete-this-directory.txt",
    "htmlcov/",
    ".tox/",
    ".nox/",
    ".coverage",
    ".coverage.*",
    ".cache",
    "nosetests.xml",
    "coverage.xml",
    "*.cover",
    "*.py,cover",
    ".hypothesis/",
    ".pytest_cache/",
    "cover/",
    "*.mo",
    "*.pot",
    "*.log",
    "local_settings.py",
    "db.sqlite3",
    "db.sqlite3-journal",
    "instance/",
    ".webassets-cache",
    ".scrapy",
    "docs/_build/",
    ".pybuilder/",
    "target/",
    ".ipynb_checkpoints",
    "profile_default/",
    "ipython_config.py",
    ".pdm.toml",
    "__pypackages__/",
    "celerybeat-schedule",
    "celerybeat.pid",
    "*.sage.py",
    ".env",
    ".venv",
    "env/",
    "venv/",
    "ENV/",
    "env.bak/",
    "venv.bak/",
    ".spyderproject",
    ".spyproject",
    ".ropeproject",
    ".mypy_cache/",
    ".dmypy.json",
    "dmypy.json",
    ".ruff_cache/",
    ".pyre/",
    ".pytype/",
    "cython_debug/",
    ".git",
    "*.tmp",
    "*.swp",
)
"""The patterns of truss 0.18; used only where the truss has no `.truss_ignore` of its own."""


_REMEMBERED: Final = 100_000


class BadPattern(ValueError):
    """A line of `.truss_ignore` that is no pattern; ``line`` counts from 1, ``hint`` says why."""

    def __init__(self, text: str, line: int, hint: str | None = None) -> None:
        super().__init__(text)
        self.line = line
        self.hint = hint


class _TooWildError(ValueError):
    """A pattern that could be looked for without end."""


class Ignored:
    """Which paths below a truss's root are left out; a folder left out takes all below it along."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._spec = _spec(patterns)
        self._folders: dict[str, bool] = {"": False}
        self._files: dict[str, bool] = {}

    def __call__(self, path: str) -> bool:
        """Whether the file at this path, from the truss's root, is left out."""
        known = self._files.get(path)
        if known is None:
            known = self._folder(path.rpartition("/")[0]) or self._spec.match_file(path)
            if len(self._files) < _REMEMBERED:
                self._files[path] = known
        return known

    def _folder(self, path: str) -> bool:
        known = self._folders.get(path)
        if known is None:
            known = self._folder(path.rpartition("/")[0]) or self._spec.match_file(path + "/")
            self._folders[path] = known
        return known


@lru_cache(maxsize=256)
def _spec(patterns: tuple[str, ...]) -> PathSpec[Pattern]:
    from pathspec import PathSpec

    return PathSpec.from_lines(_pattern, patterns, backend="simple")


def _pattern(line: str) -> Pattern:
    from pathspec.pattern import RegexPattern
    from pathspec.patterns.gitignore.basic import GitIgnoreBasicPattern

    regex, include = GitIgnoreBasicPattern.pattern_to_regex(line)
    return RegexPattern(None if regex is None else re.compile(steady(regex)), include)


_ANY_FOLDERS: Final = {"(?:.+/)?": "(?:.+?/)??", "(?:/.+)?": "(?:/.+?)??"}
_ANY_LETTERS: Final = "[^/]*"
_CLASS: Final = re.compile(r"\\.|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])", re.DOTALL)
_FEW: Final = 2


def steady(regex: str) -> str:
    """A pattern's expression, made to match the same in a time that no pattern can stretch.

    ``*a*a*a*b`` tries every way to share a name among its stars, which takes for ever. But if any
    way fits, one fits in which what stands behind a star lies as near to it as it can; and so for
    the folders that ``**`` stands for. So the first place that fits is kept, whatever follows.

    That is not so where a set such as ``[!a]`` lets a slash pass: one that stands among many stars
    raises ``ValueError``.
    """
    parts = re.split(r"(\(\?:\.\+/\)\?|\(\?:/\.\+\)\?)", regex)
    if _lets_a_slash_pass(regex):
        if len(parts) // 2 + regex.count(_ANY_LETTERS) > _FEW + 1:
            raise _TooWildError
        return regex
    made = _letters(parts[0])
    for at in range(1, len(parts), 2):
        folders, behind = _ANY_FOLDERS[parts[at]], _letters(parts[at + 1])
        last = at + 2 == len(parts)
        # What stands between two of them is made of whole names.
        made += parts[at] + behind if last else f"(?>{folders}{behind}(?=/))"
    return made


def _lets_a_slash_pass(regex: str) -> bool:
    sets = (each["set"] for each in _CLASS.finditer(regex))
    return any(each and re.fullmatch(each, "/") for each in sets)


def _letters(regex: str) -> str:
    first, *behind = regex.split(_ANY_LETTERS)
    if not behind:
        return first
    kept = "".join(f"(?>[^/]*?{each})" for each in behind[:-1])
    return f"{first}{kept}{_ANY_LETTERS}{behind[-1]}"


@cache
def built_in() -> Ignored:
    """The built-in list."""
    return Ignored(BUILT_IN)


def own(content: bytes) -> Ignored:
    """The list of a `.truss_ignore`. Raises ``BadPattern``."""
    patterns: list[str] = []
    for number, line in enumerate(content.decode("utf-8-sig", "replace").splitlines(), 1):
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        try:
            _spec((pattern,))
        except ValueError as error:
            wild = isinstance(error, _TooWildError)
            hint = "a set such as [!a] may stand beside two stars, and no more" if wild else None
            raise BadPattern(pattern, number, hint) from error
        patterns.append(pattern)
    return Ignored(tuple(patterns))
