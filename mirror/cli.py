"""`tagalong mirror`: the virtual mirror until Ctrl-C or SIGTERM."""

import asyncio
import contextlib
import datetime
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from common.errors import ConfigError, TagalongError
from common.logs import LogLevel, set_up_logs
from common.settings import load_settings
from mirror.config import ENV_PREFIX, LOOPBACK, MirrorConfig


def mirror(
    port: Annotated[int | None, typer.Option(help="Port of the page; 0 picks a free one. [default: 8443]")] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 127.0.0.1 is this machine only. [default: 0.0.0.0]")
    ] = None,
    node: Annotated[
        list[str] | None, typer.Option(help="HOST:PORT of a node that is not announced; may be repeated.")
    ] = None,
    local: Annotated[
        bool | None, typer.Option("--local/--no-local", help="Do the work here too, if nobody else does. [default: on]")
    ] = None,
    discovery: Annotated[
        bool | None, typer.Option("--discovery/--no-discovery", help="Find announced nodes. [default: on]")
    ] = None,
    interface: Annotated[
        list[str] | None, typer.Option(help="Look for nodes only there; may be repeated. Also $TAGALONG_INTERFACES.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Use only nodes that announce this group.")] = None,
    garments: Annotated[
        Path | None, typer.Option(help="Folder of garments beside those that come along and your own.")
    ] = None,
    plain_http: Annotated[
        bool | None, typer.Option("--plain-http", help="Without encryption, for this machine only: http://localhost.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where the certificate is kept. [default: ~/.config/tagalong/mirror]")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with settings; flags win over it.")] = None,
    log_level: Annotated[LogLevel, typer.Option(help="How much to say on standard error.")] = LogLevel.WARNING,
) -> None:
    """Run the virtual mirror: a page where people see themselves in other clothes, by webcam or photo.

    Open the address it prints. The browser warns once, because the mirror has signed its certificate itself; browsers
    give the webcam to encrypted pages only. Photos stay in memory, for 10 minutes at most.

    Examples:\n
      tagalong mirror                            all on this machine\n
      tagalong mirror --plain-http               for a browser on this machine only\n
      tagalong mirror --no-local --node gpu1:50050   the work is done elsewhere\n
      tagalong mirror --garments ./shop          with garments of your own

    The other machine runs: tagalong edge --task tryon. Garments of your own: tagalong garments add photo.jpg
    """
    set_up_logs(log_level)
    overrides: dict[str, Any] = {
        "port": port,
        "host": host or ("127.0.0.1" if plain_http else None),
        "plain_http": plain_http,
        "local": local,
        "garments": garments,
        "folder": folder,
        "handover.servers": [{"address": address} for address in node] if node else None,
        "handover.zeroconf": discovery,
        "handover.interfaces": interface or None,
        "handover.group": group,
    }
    try:
        hangs = asyncio.run(_run(load_settings(MirrorConfig, config, ENV_PREFIX, overrides)))
    except ModuleNotFoundError as error:
        print(
            f"tagalong mirror: the library {error.name} is not installed. Run: pip install 'tagalong[mirror]'",
            file=sys.stderr,
        )
        raise typer.Exit(2) from None
    except TagalongError as error:
        for line in str(error).splitlines():
            print(f"tagalong mirror: {line}", file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, ConfigError) else 1) from None
    if hangs:  # an engine's thread would keep the interpreter from ending
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


async def _run(config: MirrorConfig) -> bool:
    """Until a signal; tells whether an engine was left behind at work. Raises TagalongError."""
    from mirror.certificate import default_folder, ensure, own_names
    from mirror.memory import overwrite_freed, settle
    from mirror.whole import Mirror

    overwrite_freed()
    certificate = None
    if not config.plain_http:
        names = (
            own_names() if config.host in LOOPBACK or config.host in ("0.0.0.0", "::") else (*own_names(), config.host)
        )
        certificate = ensure(config.folder or default_folder(), names, datetime.datetime.now(datetime.UTC))
    whole = Mirror(config, certificate.file if certificate else None)
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)  # a second one ends the program as usual
        whole.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)

    def ready(port: int) -> None:
        settle()
        for line in welcome(config, port, certificate.fingerprint if certificate else ""):
            print(line, flush=True)

    with contextlib.suppress(asyncio.CancelledError):
        await whole.run(ready)
    return whole.engine_hangs


def welcome(config: MirrorConfig, port: int, fingerprint: str) -> list[str]:
    """Where to look, and what the browser will say."""
    from mirror.certificate import own_names

    scheme = "http" if config.plain_http else "https"
    if config.host not in ("0.0.0.0", "::"):
        lines = [f"tagalong mirror ready: {scheme}://{_in_url(config.host)}:{port}"]
    else:
        others = [name for name in own_names() if name[:1].isdigit() and not name.startswith("127.")]
        lines = [f"tagalong mirror ready: {scheme}://localhost:{port}"]
        lines += [f"  from phones and others in this network: {scheme}://{name}:{port}" for name in others]
    if fingerprint:
        lines += [
            "  Your browser will warn once: this mirror has signed its certificate itself, as nobody else signs for a",
            '  machine at home. Choose "Advanced" and go on. To be sure, compare the SHA-256 fingerprint:',
            f"  {fingerprint}",
        ]
    return [*lines, "  Ctrl-C ends it; all photos are forgotten then."]


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
