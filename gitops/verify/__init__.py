"""Judgement without side effects: observations in, verdicts with figures out."""
