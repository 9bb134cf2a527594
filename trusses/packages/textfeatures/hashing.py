"""A fixed-size vector of a text without any vocabulary (the hashing trick)."""

import math
import zlib

from textfeatures.tokens import tokens


def hashed_ngrams(text: str, *, size: int, lengths: tuple[int, ...] = (3, 4)) -> list[float]:
    """A unit vector of ``size`` numbers; texts that share character n-grams point the same way."""
    vector = [0.0] * size
    for word in tokens(text):
        padded = f"<{word}>"
        for length in lengths:
            for start in range(max(len(padded) - length + 1, 1)):
                code = zlib.crc32(padded[start : start + length].encode())
                vector[code % size] += 1.0 if code & 0x8000_0000 else -1.0
    norm = math.sqrt(sum(number * number for number in vector))
    return [round(number / norm, 6) for number in vector] if norm else vector
