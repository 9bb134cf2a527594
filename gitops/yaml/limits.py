"""What a file may ask of us: none of these is ever met by a file that a person wrote."""

from __future__ import annotations

from typing import Final

MAX_BYTES: Final = 1 << 20
"""Size of one file."""
MAX_DEPTH: Final = 128
"""Maps and lists inside each other; the quick parser refuses what is deeper, too."""
MAX_VALUES: Final = 100_000
"""Values in one file, each alias counted as what it stands for."""
MAX_NUMBER: Final = 300
"""Characters of a number."""
