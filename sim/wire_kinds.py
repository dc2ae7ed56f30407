"""What lies between the agent of a simulated run and its rover."""

from enum import StrEnum


class Driver(StrEnum):
    """How the agent of a simulated run reaches its wheels."""

    SIM = "sim"
    TEXT = "robomaster-text"
    BINARY = "robomaster-binary"


class Eyes(StrEnum):
    """Where the agent of a simulated run has its pictures from."""

    SIM = "sim"
    ROBOMASTER = "robomaster"
