"""Which address a caller reached us by."""

import functools
import ipaddress
import socket
from urllib.parse import unquote


def ipv4_as_integer(address: str) -> int:
    """Network order as an integer: 127.0.0.1 is 0x7f000001. 0 for what is no IPv4 address."""
    try:
        return int(ipaddress.IPv4Address(address))
    except ValueError:
        return 0


@functools.lru_cache(maxsize=1024)
def own_address(host: str, peer: str) -> str:
    """Our IPv4 address as this peer sees it: the bound one, or that of the route to the peer ("" when unknown).

    `peer` as gRPC gives it: `ipv4:10.0.0.7:51234`. No packet is sent.
    """
    if ipv4_as_integer(host):
        return host
    address = peer_address(peer)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))  # of a datagram socket: only asks the routing table
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def peer_address(peer: str) -> str:
    """IPv4 part of gRPC's name of a peer; "127.0.0.1" for local sockets."""
    text = unquote(peer).removeprefix("ipv4:").removeprefix("ipv6:").rpartition(":")[0].strip("[]")
    return text.removeprefix("::ffff:") if ipv4_as_integer(text.removeprefix("::ffff:")) else "127.0.0.1"
