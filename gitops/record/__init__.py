"""The deploy log as values: entries, what they say of history, and what they hold back."""
