"""Whether multicast works on an interface: where it does not, zeroconf finds nobody and addresses must be given."""

import socket

GROUP = "224.0.0.251"  # mDNS' own group (RFC 6762), on a port of our own


def works_on(interface: str = "127.0.0.1", timeout_s: float = 0.3) -> bool:
    """Send one datagram to ourselves."""
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
        ):
            ear.bind(("", 0))
            ear.settimeout(timeout_s)
            address = socket.inet_aton(interface)
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + address)
            mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address)
            mouth.sendto(b"tagalong", (GROUP, ear.getsockname()[1]))
            return ear.recv(64) == b"tagalong"
    except OSError:  # also a timeout
        return False
