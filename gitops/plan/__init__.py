"""Decisions become a plan: actions, safety rules, cost, binding, and the saved document."""
