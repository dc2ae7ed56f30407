"""A robot in somebody's Wi-Fi tells where it is: three kinds of datagrams, about once a second."""

import asyncio
import logging
import socket
from collections.abc import Sequence

from protos.robomaster.ids import SERIAL_BROADCAST_PORT, STA_INFO_PORT, TEXT_BROADCAST_PORT
from protos.robomaster.payloads import StaInfo
from sim.robomaster.listening import sender
from sim.robomaster.rover import Rover

log = logging.getLogger(__name__)

EVERYBODY = ("255.255.255.255",)
PERIOD_S = 1.0
APPID_BYTES = 8
GOLDEN = 0.618  # spreads neighbours' moments well over the period


class Announcer:
    """Sends from the robot's own address: programs take the sender's for the robot's."""

    def __init__(self, rover: Rover, ip: str, targets: Sequence[str] = EVERYBODY, period_s: float = PERIOD_S) -> None:
        """`targets`: addresses to send to; broadcasts too, for example 127.255.255.255 on one machine."""
        self.ready = asyncio.Event()
        self._rover = rover
        self._ip = ip
        self._targets = tuple(targets)
        self._period_s = period_s

    def datagrams(self) -> list[tuple[int, bytes]]:
        """Port and content. A robot that is driven is not to be found, but for those who know its serial number."""
        identity = self._rover.identity
        found = [(SERIAL_BROADCAST_PORT, identity.serial_number.encode("ascii") + b"\0")]
        if self._rover.owner is None:
            # DJI's documents end it with `;`, its sample takes the rest as it is: so without one.
            found.append((TEXT_BROADCAST_PORT, f"robot ip {self._ip}".encode()))
            appid = identity.appid.encode("ascii", errors="replace").ljust(APPID_BYTES)[:APPID_BYTES]
            mac = b"\x02\0" + socket.inet_aton(self._ip)  # locally administered, and another one for each address
            found.append((STA_INFO_PORT, StaInfo(self._ip, mac, appid).pack()))
        return found

    async def run(self) -> None:
        """Until cancelled. Raises LinkError when the address is not this machine's."""
        with sender(self._ip, "announcements") as udp:
            self.ready.set()
            # DJI's package closes its socket after each datagram that is not the robot's it looks for: robots of one
            # machine that always spoke in the same instant would hide each other.
            pause_s = self._period_s * (socket.inet_aton(self._ip)[3] * GOLDEN % 1)
            try:
                while True:
                    for port, data in self.datagrams():
                        for target in self._targets:
                            self._send(udp, data, (target, port))
                    await asyncio.sleep(pause_s)
                    pause_s = self._period_s
            finally:
                self.ready.clear()

    def _send(self, udp: socket.socket, data: bytes, target: tuple[str, int]) -> None:
        try:
            udp.sendto(data, target)
        except OSError as error:  # no network just now
            log.debug("announcement to %s:%d was lost: %s", *target, error)
