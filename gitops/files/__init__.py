"""The working tree on disk."""
