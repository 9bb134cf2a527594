"""The quick reader: plain values without positions, for texts that it is sure to read as we do."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from gitops.state.json import Json

# What is taken out here leaves the bytes that may be risky, and brackets, in one quick pass.
_HARMLESS: Final = bytes(sorted(set(range(256)) - set(b"&*!\t\x85<%[{")))
_RISKY: Final = (b"&", b"*", b"!", b"\t", b"<<", b"\x85", b"\n%")
# 0b1, 0o1 and 010 are where readers of YAML disagree: found by folding every byte into the few that
# matter, since a regular expression takes longer than the parsing.
_FOLDED: Final = bytes.maketrans(b"123456789bo[{,\r\n+", b"11111111111     -")
_ZEROS: Final = (b" 00", b" 01", b" -00", b" -01")
_UPPER: Final = bytes(range(ord("A"), ord("Z") + 1))
_PLAINER: Final = bytes.maketrans(b"123456789" + _UPPER, b"000000000" + _UPPER.lower())
"""Every digit is 0, every letter is small."""
_DOUBTFUL: Final = (b"0" * 18, b".inf", b".nan")
QUICK_BYTES: Final = 1 << 16
"""The most that the quick reader is asked for."""
_QUICK_BRACKETS: Final = 500


def quick(data: bytes) -> tuple[bool, Json]:
    """Try the quick way: whether it may be trusted with this text, and the value if so."""
    if len(data) > QUICK_BYTES or data[:1] in b"%\xef0" or _risky(data) or _doubtful_number(data):
        return False, None
    loads, refused = _reader()
    try:
        return True, loads(data.decode())
    except (refused, UnicodeDecodeError, ValueError):
        return False, None


@cache
def _reader() -> tuple[Callable[[str], Json], type[Exception]]:
    from ryaml import InvalidYamlError, loads  # type: ignore[attr-defined]

    return loads, InvalidYamlError


def _risky(data: bytes) -> bool:
    if b"---" in data or b"..." in data:
        return True
    left = data.translate(None, _HARMLESS)
    rest = left.translate(None, b"[{")
    if len(left) - len(rest) > _QUICK_BRACKETS:
        return True
    if not rest:
        return False
    # A loop costs less here than any() with a generator.
    for risk in _RISKY:  # noqa: SIM110
        if risk in data:
            return True
    return False


def _doubtful_number(data: bytes) -> bool:
    zeros = data.translate(_FOLDED)
    for risk in _ZEROS:
        if risk in zeros:
            return True
    plainer = data.translate(_PLAINER)
    for risk in _DOUBTFUL:  # noqa: SIM110
        if risk in plainer:
            return True
    return False
