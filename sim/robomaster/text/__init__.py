"""The text protocol's side of the emulated robot: commands in, replies, pushes and events out."""

from sim.robomaster.text.service import TextService

__all__ = ["TextService"]
