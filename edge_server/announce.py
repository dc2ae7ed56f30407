"""Announcing by zeroconf: `_tagalong._tcp.local.`, the instance name is the server's id (with a group: id@group).

The load is not announced: it changes ten times a second, and robots ask for it with Probe.
"""

import asyncio
import contextlib
import hashlib
import ipaddress
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from pathlib import Path

import ifaddr
from zeroconf import DNSQuestionType, InterfaceChoice, IPVersion, NonUniqueNameException
from zeroconf import Error as ZeroconfError
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from common.errors import ConfigError
from edge_server.config import EdgeConfig

log = logging.getLogger(__name__)
SERVICE_TYPE = "_tagalong._tcp.local."
PROBING_MS = 1_000  # zeroconf probes for 1.15 s before it announces
INTERFACES_VARIABLE = "TAGALONG_INTERFACES"


@contextlib.asynccontextmanager
async def announced(config: EdgeConfig, port: int, version: str, tasks: Sequence[str]) -> AsyncIterator[bool]:
    """Announce while the block runs, withdraw at its end. Gives False where the network has no multicast.

    Raises ConfigError when another server announces the same id. It gets no other name in silence: the id is what
    robots know a server by, and two servers with one id would be taken for one.
    """
    if not config.announce.enabled:
        yield False
        return
    interfaces = interfaces_of(config)
    info = await service_info(config, port, version, tasks, interfaces)
    try:
        zeroconf = AsyncZeroconf(interfaces=list(interfaces) or InterfaceChoice.All, ip_version=IPVersion.V4Only)
    except (OSError, RuntimeError) as error:
        log.warning("not announced: no multicast on this network (%s). Give robots %s:%d.", error, config.host, port)
        yield False
        return
    try:
        try:
            broadcast = await _register(zeroconf, info)
        except NonUniqueNameException:
            raise ConfigError(
                f"another server announces the id {config.id!r} already. Give this one another name with --id, "
                "or stop the other one."
            ) from None
        except (OSError, ZeroconfError) as error:
            log.warning("not announced: %s. Give robots this server's address in their settings.", error)
            yield False
            return
        log.debug("announced as %s on %s", info.name, ", ".join(info.parsed_addresses()))
        yield True
        await broadcast
    finally:
        await _withdraw(zeroconf)


async def _register(zeroconf: AsyncZeroconf, info: AsyncServiceInfo) -> Awaitable[None]:
    """Probe and announce; returns what repeats the announcement. Raises NonUniqueNameException.

    zeroconf's own probes ask for answers by unicast, which on one machine may reach another process on port 5353;
    so a question by multicast goes beside them. It ends before the probes do, hence before the first announcement.
    """
    registering = asyncio.ensure_future(zeroconf.async_register_service(info))
    other = AsyncServiceInfo(info.type, info.name)
    try:
        if await other.async_request(zeroconf.zeroconf, PROBING_MS, question_type=DNSQuestionType.QM):
            raise NonUniqueNameException
        return await registering
    finally:
        registering.cancel()


async def _withdraw(zeroconf: AsyncZeroconf) -> None:
    """Say goodbye, also when cancelled, but never for long."""
    try:
        async with asyncio.timeout(1.0):
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()
    except (TimeoutError, OSError, ZeroconfError) as error:
        log.warning("the announcement could not be withdrawn: %s", error)


async def service_info(
    config: EdgeConfig, port: int, version: str, tasks: Sequence[str], interfaces: Sequence[str]
) -> AsyncServiceInfo:
    """What is announced. Raises ConfigError when the host to announce has no address."""
    host, announced_port = config.host, port
    if config.announce.address:
        host, _, port_text = config.announce.address.rpartition(":")
        announced_port = int(port_text)
    red, green, blue = config.colour_rgb
    instance = f"{config.id}@{config.announce.group}" if config.announce.group else config.id
    return AsyncServiceInfo(
        SERVICE_TYPE,
        f"{instance}.{SERVICE_TYPE}",
        port=announced_port,
        parsed_addresses=await _addresses(host, interfaces),
        server=f"{instance.replace('@', '-')}.local.",
        properties={
            "id": config.id,
            "version": version,
            "tasks": ",".join(tasks),
            "colour": f"#{red:02x}{green:02x}{blue:02x}",
            "capacity": str(config.scheduler.capacity),
            "zone": config.zone,
            "group": config.announce.group,
            "tls": fingerprint(config.tls.certificate),
        },
    )


def interfaces_of(config: EdgeConfig, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """IPv4 addresses to announce on, from settings, else $TAGALONG_INTERFACES, else from a bound address; () is all.

    Raises ConfigError for a name that is no interface here.
    """
    given = config.announce.interfaces or tuple(environ.get(INTERFACES_VARIABLE, "").replace(",", " ").split())
    if not given and _is_loopback(config.host):
        given = ("127.0.0.1",)  # nobody outside could use it
    return tuple(address for each in given for address in _addresses_of_interface(each))


def fingerprint(certificate: Path | None) -> str:
    """SHA-256 of the certificate (the first of the chain) in hex; empty without one. Raises ConfigError."""
    if certificate is None:
        return ""
    try:
        first = certificate.read_text().partition("-----END CERTIFICATE-----")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first[0][first[0].index("-----BEGIN") :] + first[1])).hexdigest()
    except (OSError, ValueError) as error:
        raise ConfigError(f"tls.certificate: {certificate} is not a certificate in PEM form ({error})") from error


def _addresses_of_interface(name: str) -> list[str]:
    with contextlib.suppress(ValueError):
        return [str(ipaddress.IPv4Address(name))]
    adapters = {adapter.nice_name: _v4(adapter) for adapter in ifaddr.get_adapters()}
    if not adapters.get(name):
        raise ConfigError(f"announce.interfaces: {name!r} is no interface with an IPv4 address. There are: {adapters}")
    return adapters[name]


async def _addresses(host: str, interfaces: Sequence[str]) -> list[str]:
    if host in ("0.0.0.0", "::", "[::]", ""):
        if interfaces:
            return list(interfaces)
        found = [address for adapter in ifaddr.get_adapters() for address in _v4(adapter)]
        return [address for address in found if not _is_loopback(address)] or found
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), None, family=socket.AF_INET)
    except OSError as error:
        raise ConfigError(f"announce: {host!r} has no IPv4 address ({error.strerror})") from error
    return sorted({str(info[4][0]) for info in infos})


def _v4(adapter: ifaddr.Adapter) -> list[str]:
    return [str(ip.ip) for ip in adapter.ips if ip.is_IPv4]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
