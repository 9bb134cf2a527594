"""The story that ``gitops demo`` plays: real commands on a real repository, and the emulator.

``fleet``   the example fleet, as files
``stage``   a temporary folder, its Git remote and the emulator; runs commands and shows them
``by_hand`` a deployment pushed without this tool, for the release file that adopts it
``story``   the chapters
"""
