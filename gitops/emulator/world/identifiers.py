"""Ids as Baseten's look: short, lower case, letters and digits."""

from __future__ import annotations

import random
import string
from collections.abc import Iterable
from typing import TypeVar

_Item = TypeVar("_Item")
_ALPHABET = string.ascii_lowercase + string.digits


class Identifiers:
    """A source of ids that never repeats one; reproducible when given a seed."""

    def __init__(self, seed: int | None) -> None:
        """`seed` None takes the system's randomness."""
        self._seed = seed
        self._random: random.Random = random.SystemRandom() if seed is None else random.Random(seed)
        self._given: set[str] = set()

    def new(self, length: int = 8) -> str:
        """A fresh id of `length` characters that starts with a letter."""
        while True:
            head = self._random.choice(string.ascii_lowercase)
            value = head + "".join(self._random.choices(_ALPHABET, k=length - 1))
            if value not in self._given:
                self._given.add(value)
                return value

    def restored(self, known: Iterable[str]) -> None:
        """Go on after a state was read that holds these ids."""
        self._given = set(known)
        if self._seed is not None:
            self._random = random.Random(f"{self._seed} {len(self._given)}")

    def shuffled(self, items: list[_Item]) -> list[_Item]:
        """`items` in another order: the order of Baseten's lists is not documented."""
        copy = list(items)
        self._random.shuffle(copy)
        return copy
