"""Who the emulated robot says it is."""

from dataclasses import dataclass
from enum import StrEnum


class Profile(StrEnum):
    """What kind of robot answers."""

    EP = "ep"
    S1 = "s1"  # opened up, so that it runs the EP's services: many of its sensors answer zeros


@dataclass(frozen=True, slots=True)
class Identity:
    """As the protocols tell it."""

    serial_number: str = "3JKDH2T001ULTD"  # 14 characters
    firmware: str = "01.01.1000"  # aa.bb.cccc; DJI's package asks for 01.01.0500 at least
    profile: Profile = Profile.EP
    sdk_version: str = "00.00.00.68"  # what `version` answers in the text protocol
    appid: str = "        "  # 8 characters in the announcement: whom the robot was paired with

    @classmethod
    def s1(cls, serial_number: str = "3JKDH2T001ULTD") -> "Identity":
        """An S1 that was opened up."""
        return cls(serial_number, "00.06.0521", Profile.S1)
