"""Settings of a RoboMaster rover, apart from the code: reading settings loads no driver."""

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from common.settings import Strict
from robot.values import Limits


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError as error:
        raise ValueError("is no IPv4 address such as 192.168.2.1") from error


Ipv4 = Annotated[str, AfterValidator(_ipv4)]


class RoverConfig(Strict):
    """What every way to a RoboMaster has in common."""

    ip: Ipv4 | None = None
    """The rover's address instead of the usual one (ap 192.168.2.1, rndis 192.168.42.2). With `sta`: no search."""
    serial_number: str | None = Field(default=None, min_length=4, max_length=32)
    """With `sta`: wait for the rover with this serial number (14 characters on its label), not for the first one."""
    local_ip: Ipv4 | None = None
    """This computer's address on the way to the rover; none: what the system would take."""
    profile: Literal["ep", "s1"] = "ep"
    """`s1`: an opened S1. It answers position and speed with zeros, so where it is gets reckoned from what was
    commanded; it gives no video."""
    forward_max_mps: float = Field(default=1.2, gt=0, le=3.5)
    """Speed cap forward and backward. The rover can do 3.5."""
    left_max_mps: float = Field(default=0.6, gt=0, le=3.5)
    """Speed cap sideways."""
    turn_max_radps: float = Field(default=2.5, gt=0, le=10)
    """Cap of the turn rate."""
    rate_hz: float = Field(default=40.0, ge=10, le=50)
    """How often the speed is sent while driving, changed or not. Lower it on a link that is slow."""

    @property
    def limits(self) -> Limits:
        return Limits(self.forward_max_mps, self.left_max_mps, self.turn_max_radps)


class RobomasterTextConfig(RoverConfig):
    """A RoboMaster EP by its text protocol: network or serial line."""

    kind: Literal["robomaster-text"] = "robomaster-text"
    connection: Literal["ap", "sta", "rndis", "uart"] = "ap"
    """`ap`: the rover's own Wi-Fi. `sta`: both in one Wi-Fi. `rndis`: USB cable. `uart`: the motion controller's
    serial port."""
    device: str = "/dev/ttyUSB0"
    """Serial port for `uart`. A Raspberry Pi's own one is /dev/serial0."""

    @model_validator(mode="after")
    def _agrees(self) -> "RobomasterTextConfig":
        if self.connection == "uart" and self.ip is not None:
            raise ValueError("ip: a rover on a serial line (connection uart) has none. Leave ip out, or take sta")
        return self


class RobomasterBinaryConfig(RoverConfig):
    """A RoboMaster EP or opened S1 by the binary protocol of DJI's SDK: has sounds and the speed as a push."""

    kind: Literal["robomaster-binary"] = "robomaster-binary"
    connection: Literal["ap", "sta", "rndis"] = "ap"
    """`ap`: the rover's own Wi-Fi. `sta`: both in one Wi-Fi. `rndis`: USB cable."""
    protocol: Literal["udp", "tcp"] = "udp"
    """What carries commands. UDP never queues old ones."""


class DjiSdkConfig(RoverConfig):
    """A RoboMaster through DJI's own Python package, where that can be installed (Python 3.8 on x86)."""

    kind: Literal["dji-sdk"] = "dji-sdk"
    connection: Literal["ap", "sta", "rndis"] = "ap"
    """`ap`: the rover's own Wi-Fi. `sta`: both in one Wi-Fi. `rndis`: USB cable."""
    protocol: Literal["udp", "tcp"] = "udp"
    """What carries commands."""


class RobomasterCameraConfig(Strict):
    """The camera on the rover's gimbal, over the same rover as `base`."""

    kind: Literal["robomaster"] = "robomaster"
    resolution: Literal["720p", "540p", "360p"] = "720p"
    """What the rover sends. By the text protocol it is always 720p."""
    width_px: int = Field(default=640, ge=160, le=1280)
    """Pictures are scaled down to this width while they are decoded."""
    hfov_deg: float | None = Field(default=None, gt=5, lt=170)
    """Horizontal field of view; none: what is believed of the EP's camera."""
    latency_s: float | None = Field(default=None, ge=0, le=1)
    """How long before its arrival a picture was taken; none: what is believed of the EP. To measure it, film a clock
    beside its own picture."""
    ip: Ipv4 | None = None
    """Where the video comes from; none: the rover's address. Needed with a base on a serial line."""
