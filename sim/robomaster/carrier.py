"""Whether the network under an address carries anything: a robot whose Wi-Fi or cable is gone stops at once."""

import array
import errno
import fcntl
import ipaddress
import socket
import struct

SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFNETMASK, SIOCETHTOOL = 0x8913, 0x8915, 0x891B, 0x8946
ETHTOOL_GLINK = 0x0A
IFF_RUNNING = 0x40  # the interface has a carrier


class Carrier:
    """Of the interface that an address of this machine belongs to."""

    def __init__(self, ip: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.interface = self._of(ip)

    def is_up(self) -> bool:
        """True as well where there is no such interface to ask."""
        if self.interface is None:
            return True
        try:
            return self._has_link(self.interface)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:  # the interface itself was taken away
                return False
        return self._is_running(self.interface)

    def close(self) -> None:
        self._socket.close()

    def _has_link(self, interface: bytes) -> bool:
        """By the driver, at once."""
        value = array.array("I", [ETHTOOL_GLINK, 0])
        fcntl.ioctl(self._socket, SIOCETHTOOL, struct.pack("16sP8x", interface, value.buffer_info()[0]))
        return bool(value[1])

    def _is_running(self, interface: bytes) -> bool:
        """By the kernel's flags, which may be a second late."""
        try:
            answer = fcntl.ioctl(self._socket, SIOCGIFFLAGS, struct.pack("16sH14x", interface, 0))
        except OSError:
            return False
        return bool(struct.unpack("16xH14x", answer)[0] & IFF_RUNNING)

    def _of(self, ip: str) -> bytes | None:
        for _, name in socket.if_nameindex():
            try:
                address = self._ask(SIOCGIFADDR, name)
                mask = self._ask(SIOCGIFNETMASK, name)
            except OSError:  # it has no address
                continue
            if ipaddress.IPv4Address(ip) in ipaddress.IPv4Network(f"{address}/{mask}", strict=False):
                return name.encode()
        return None

    def _ask(self, what: int, name: str) -> str:
        answer = fcntl.ioctl(self._socket, what, struct.pack("256s", name.encode()[:15]))
        return socket.inet_ntoa(answer[20:24])
