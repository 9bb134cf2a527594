"""How long a test waits for what must come.

It bounds what hangs and says nothing of how fast anything is: a machine that stands still for some
seconds, or is fifty times as slow as another one, is no reason to fail.
"""

from __future__ import annotations

from typing import Final

HANGS: Final = 180.0
"""Seconds after which a process, an answer or a state that did not come counts as hanging."""
