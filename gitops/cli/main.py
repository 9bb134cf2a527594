"""The ``gitops`` command: a group whose commands are imported only when they run."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

import click

COMMANDS: Final = {
    "validate": "Check release files.",
    "compile": "Print desired state as JSON.",
    "plan": "Show what apply would do.",
    "apply": "Make Baseten serve what Git says.",
    "status": "Say how every environment is.",
    "show": "Render a saved plan or an apply's events.",
    "cancel": "Cancel a promotion in progress.",
    "resume": "Resume a paused promotion.",
    "log": "Read the deploy log.",
    "schema": "Print a JSON Schema.",
    "emulator": "Serve a Baseten on this machine.",
    "demo": "Play the story against the emulator.",
}
"""Every command with its one line of help; its module is ``gitops.cli.NAME``, its object ``command``."""


class LazyGroup(click.Group):
    """Lists commands from a table and imports a command's module when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the story."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"gitops.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command
