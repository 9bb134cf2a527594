"""`python -m gitops.emulator`: the command without the rest of the tool."""

from __future__ import annotations

from gitops.emulator.command import command

if __name__ == "__main__":
    command(prog_name="gitops emulator")
