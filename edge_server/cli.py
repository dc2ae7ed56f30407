"""`tagalong edge`: one edge server until Ctrl-C or SIGTERM."""

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from common.errors import ConfigError, TagalongError
from common.logs import LogLevel, set_up_logs
from common.settings import load_settings

EXAMPLES = """
Runs an edge server: it finds people and faces in the frames of robots nearby and announces itself to them.

Examples:\n
  tagalong edge                                      all that models are there for, on port 50050\n
  tagalong edge --id hall --colour '#2e86de'         a name and the light of a robot served from here\n
  tagalong edge --task person --engine person=yolo   only persons, found by YOLO\n
  tagalong edge --port 0 --no-liquidedge --interface 127.0.0.1   a second one, on this machine only\n
  tagalong edge --face-host gpu1:50053               an aggregator: faces are found by another server\n
  tagalong edge --task tryon                         a node of the virtual mirror: pose, body areas, try-on\n
  tagalong edge --tryon grpc://gpu1:50050            the same, with garments put on by another node
"""


def edge(
    id: Annotated[
        str | None, typer.Option(help="Name of this server; must be its own. [default: host name and port]")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 0.0.0.0]")] = None,
    port: Annotated[int | None, typer.Option(help="Native protocol; 0 picks a free one. [default: 50050]")] = None,
    liquidedge: Annotated[
        bool | None, typer.Option("--liquidedge/--no-liquidedge", help="The three LIQUID EDGE services. [default: on]")
    ] = None,
    object_port: Annotated[int | None, typer.Option(help="ObjectDetection. [default: 50051]")] = None,
    face_port: Annotated[int | None, typer.Option(help="FaceDetection. [default: 50053]")] = None,
    yolo_port: Annotated[int | None, typer.Option(help="YoloDetection. [default: 50055]")] = None,
    object_service: Annotated[bool | None, typer.Option("--object/--no-object", help="Offer ObjectDetection.")] = None,
    face_service: Annotated[bool | None, typer.Option("--face/--no-face", help="Offer FaceDetection.")] = None,
    yolo_service: Annotated[bool | None, typer.Option("--yolo/--no-yolo", help="Offer YoloDetection.")] = None,
    face_host: Annotated[
        str | None, typer.Option(envvar="FACEDETECTION_HOST", help="host:port of another FaceDetection to ask.")
    ] = None,
    yolo_host: Annotated[
        str | None, typer.Option(envvar="YOLODETECTION_HOST", help="host:port of another YoloDetection to ask.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="person, face, coco, pose, parsing or tryon; may be repeated. [default: all detectors with a model]"
        ),
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="TASK=ENGINE, for example face=haar; may be repeated.")
    ] = None,
    yolo_model: Annotated[str | None, typer.Option(help="Path or name of a YOLO model; turns task coco on.")] = None,
    pose: Annotated[
        str | None, typer.Option(help="Key points of people: local, grpc://HOST:PORT, an engine (blazepose) or none.")
    ] = None,
    parsing: Annotated[
        str | None, typer.Option(help="Areas of the body: local, grpc://HOST:PORT, an engine (derived) or none.")
    ] = None,
    tryon: Annotated[
        str | None, typer.Option(help="Try-on: local, grpc://HOST:PORT, an engine (warp, viton:folder=...) or none.")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Free text; 'onboard' is chosen last by robots.")] = None,
    colour: Annotated[
        str | None, typer.Option(help="'#rrggbb', the light of a robot served from here. [default: from the id]")
    ] = None,
    capacity: Annotated[int | None, typer.Option(help="Robots served at the same time. [default: 8]")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="/metrics and /healthz; 0 is off. [default: 0]")] = None,
    announce: Annotated[bool | None, typer.Option("--announce/--no-announce", help="Zeroconf. [default: on]")] = None,
    group: Annotated[str | None, typer.Option(help="Only robots of the same group see this server.")] = None,
    announce_address: Annotated[
        str | None, typer.Option(help="HOST:PORT to announce in place of the bound address (NAT, containers).")
    ] = None,
    interface: Annotated[
        list[str] | None,
        typer.Option(
            help="Announce only on this interface (address or name); may be repeated. Also $TAGALONG_INTERFACES."
        ),
    ] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="Own certificate chain, PEM; turns TLS on.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Own private key, PEM.")] = None,
    tls_authority: Annotated[
        Path | None, typer.Option(help="Robots must show a certificate of this authority.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with settings; flags win over it.")] = None,
    log_level: Annotated[LogLevel, typer.Option(help="How much to say on standard error.")] = LogLevel.INFO,
    ready_file: Annotated[Path | None, typer.Option(help="Write the bound ports there, as JSON, when ready.")] = None,
) -> None:
    set_up_logs(log_level)
    overrides = {
        "id": id,
        "host": host,
        "port": port,
        "zone": zone,
        "colour": colour,
        "tasks": task or None,
        "yolo_model": yolo_model,
        "tryon.pose": pose,
        "tryon.parsing": parsing,
        "tryon.tryon": tryon,
        "metrics_port": metrics_port,
        "scheduler.capacity": capacity,
        "liquidedge.enabled": liquidedge,
        "liquidedge.object_port": object_port,
        "liquidedge.face_port": face_port,
        "liquidedge.yolo_port": yolo_port,
        "liquidedge.object": object_service,
        "liquidedge.face": face_service,
        "liquidedge.yolo": yolo_service,
        "liquidedge.face_host": face_host or None,
        "liquidedge.yolo_host": yolo_host or None,
        "announce.enabled": announce,
        "announce.address": announce_address,
        "announce.interfaces": interface or None,
        "announce.group": group,
        "tls.certificate": tls_certificate,
        "tls.key": tls_key,
        "tls.authority": tls_authority,
    }
    try:
        for choice in engine or ():
            name, _, what = choice.partition("=")
            if not what:
                raise ConfigError(f"--engine {choice}: write TASK=ENGINE, for example face=haar")
            overrides[f"engines.{name}"] = what
        hangs = asyncio.run(_run(config, overrides, ready_file))
    except ModuleNotFoundError as error:
        print(
            f"tagalong edge: the library {error.name} is not installed. Run: pip install 'tagalong[edge]'",
            file=sys.stderr,
        )
        raise typer.Exit(2) from None
    except TagalongError as error:
        for line in str(error).splitlines():
            print(f"tagalong edge: {line}", file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, ConfigError) else 1) from None
    if hangs:  # its thread would keep the interpreter from ending
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


edge.__doc__ = EXAMPLES


async def _run(file: Path | None, overrides: dict[str, Any], ready_file: Path | None) -> bool:
    from edge_server.config import ENV_PREFIX, EdgeConfig

    settings = load_settings(EdgeConfig, file, ENV_PREFIX, overrides)
    from edge_server.engines.registry import for_tasks
    from edge_server.models.store import ModelStore
    from edge_server.server import EdgeServer, write_ready_file
    from edge_server.tryon.stages import make_engines

    models = ModelStore()
    engines = {}
    if settings.wants_detection:
        engines = for_tasks(
            models,
            tasks=settings.detection_tasks or None,
            engines={str(task): name for task, name in settings.engines.items()},
            yolo_model=settings.yolo_model,
        )
    server = EdgeServer(settings, engines, make_engines(settings, models))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)

    def ready(server: EdgeServer) -> None:
        gc.freeze()  # what was loaded stays: the collector need not look at it again between two frames
        about = ", ".join(f"{task.name} by {task.engine}" for task in server.tasks)
        print(
            f"tagalong edge {server.config.id} ready on {server.config.host}:{server.ports.port} ({about})", flush=True
        )
        if ready_file:
            write_ready_file(ready_file, server)

    await server.run(ready)
    return server.engine_hangs
