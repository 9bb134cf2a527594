"""Words of a text."""

import re
import unicodedata

_WORD = re.compile(r"[a-z0-9']+")


def tokens(text: str) -> list[str]:
    """Lower-case words of a text, accents folded: ``"Café 3"`` gives ``["cafe", "3"]``."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _WORD.findall(folded.lower())
