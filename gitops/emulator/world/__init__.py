"""The emulated Baseten without HTTP: plain objects, and one function a thing that can happen.

Nothing here reads a clock, a socket or a file. `World.advance` is told the time and applies
every due event in time order; so the same calls at the same times give the same world.
What has to run outside (a truss's build, load and stop) goes through the `Runner` protocol.
"""
