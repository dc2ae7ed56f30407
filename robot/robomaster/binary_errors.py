"""What can go wrong with a rover on the binary protocol, by what helps."""

from common.errors import DeviceError


class RoverGone(DeviceError):
    """This connection is of no use (any more); another try may be. What never helps is a plain DeviceError."""


class RoverBusy(RoverGone):
    """Another program drives it."""
