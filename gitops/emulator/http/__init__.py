"""The emulator over HTTP: one small module a resource, each with its table of routes."""
