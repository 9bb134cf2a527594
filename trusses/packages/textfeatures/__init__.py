"""Text features shared by several trusses: tokens, and hashed character n-grams."""

from textfeatures.hashing import hashed_ngrams
from textfeatures.tokens import tokens

__all__ = ["hashed_ngrams", "tokens"]
