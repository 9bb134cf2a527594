"""The quick reader: plain values without positions, for texts that it is sure to read as we do."""

from __future__ import annotations

from typing import Final

from gitops.state.json import Json

_RISKY: Final = (b"&", b"*", b"!", b"\t", b"<<", b"\x85", b"---", b"...", b"\n%")
# 0b1, 0o1 and 010 are where readers of YAML disagree: found by folding every byte into the few that
# matter, since a regular expression takes longer than the parsing.
_FOLDED: Final = bytes.maketrans(b"123456789bo[{,\r\n+", b"11111111111     -")
_ZEROS: Final = (b" 00", b" 01", b" -00", b" -01")
_NOT_FINITE: Final = (b".inf", b".nan")
_DIGITS: Final = bytes.maketrans(b"0123456789", b"0000000000")
_LONG_NUMBER: Final = b"0" * 18
QUICK_BYTES: Final = 1 << 16
"""The most that the quick reader is asked for."""
_QUICK_BRACKETS: Final = 500


def quick(data: bytes) -> tuple[bool, Json]:
    """Try the quick way: whether it may be trusted with this text, and the value if so."""
    if len(data) > QUICK_BYTES or data[:1] in b"%\xef0":
        return False, None
    for risk in _RISKY:
        if risk in data:
            return False, None
    if data.count(b"[") + data.count(b"{") > _QUICK_BRACKETS or _doubtful_number(data):
        return False, None
    from ryaml import InvalidYamlError, loads  # type: ignore[attr-defined]

    try:
        text = data.decode()
        return True, loads(text)
    except (InvalidYamlError, UnicodeDecodeError, ValueError):
        return False, None


def _doubtful_number(data: bytes) -> bool:
    if _LONG_NUMBER in data.translate(_DIGITS):
        return True
    zeros = data.translate(_FOLDED)
    for risk in _ZEROS:
        if risk in zeros:
            return True
    folded = data.lower()
    return _NOT_FINITE[0] in folded or _NOT_FINITE[1] in folded
