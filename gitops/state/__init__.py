"""Desired and live state as values: what Git asks for and what Baseten has, in the same words."""
