"""The state in one SQLite file: opened or refused, read, and written change by change."""
