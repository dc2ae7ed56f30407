"""Which of the three LIQUID EDGE services are offered, on which ports, and who does their work."""

import asyncio
from dataclasses import dataclass

import grpc

from common.errors import ConfigError
from common.tls import listen
from edge_server.config import EdgeConfig
from edge_server.dispatch import Dispatcher
from edge_server.metrics import Metrics
from edge_server.services import liquidedge
from edge_server.services.parts import LocalPart, Part, RemotePart
from protos.liquidedge import detection_pb2_grpc

LOCAL_TASKS = {"face": ("face",), "yolo": ("coco", "person")}  # the first one there is


@dataclass(frozen=True, slots=True)
class Offered:
    """What was added to the server."""

    tasks: dict[str, tuple[str, ...]]  # service name -> engines here that it lives on
    ports: dict[str, int]  # "object_port", "face_port", "yolo_port"
    parts: tuple[Part, ...]

    async def close(self) -> None:
        await asyncio.gather(*(part.close() for part in self.parts))


def add_liquidedge(server: grpc.aio.Server, config: EdgeConfig, dispatcher: Dispatcher, metrics: Metrics) -> Offered:
    """All services answer on all ports of the process; the usual three are bound for robots that know only those.

    TLS holds for these ports too: a clear one beside it would be a back door to all services. Raises ConfigError for
    a port in use.
    """
    settings = config.liquidedge
    if not settings.enabled:
        return Offered({}, {}, ())
    parts = _parts(config, dispatcher)
    tasks: dict[str, tuple[str, ...]] = {}
    ports: dict[str, int] = {}

    def offer(name: str, key: str, port: int, needs: tuple[str, ...]) -> None:
        tasks[name] = needs
        try:
            ports[key] = listen(server, f"{config.host}:{port}", config.tls)
        except ConfigError as error:
            flag = "--" + key.replace("_", "-")
            raise ConfigError(
                f"{name}: cannot listen on {config.host}:{port}: in use, or no such address. "
                f"Give another {flag}, or --no-liquidedge: one server on a machine can have the usual ports."
            ) from error

    local = {name: (part.task,) for name, part in parts.items() if isinstance(part, LocalPart)}
    max_px = config.limits.max_image_px
    if settings.face and "face" in local:
        detection_pb2_grpc.add_FaceDetectionServicer_to_server(liquidedge.FaceDetection(parts["face"], max_px), server)
        offer("FaceDetection", "face_port", settings.face_port, local["face"])
    if settings.yolo and "yolo" in local:
        detection_pb2_grpc.add_YoloDetectionServicer_to_server(liquidedge.YoloDetection(parts["yolo"], max_px), server)
        offer("YoloDetection", "yolo_port", settings.yolo_port, local["yolo"])
    if settings.object and parts:  # a node for try-on only has nothing to aggregate
        detection_pb2_grpc.add_ObjectDetectionServicer_to_server(
            liquidedge.ObjectDetection(parts, config, metrics), server
        )
        everything_here = tuple(task for needs in local.values() for task in needs) if len(local) == len(parts) else ()
        offer("ObjectDetection", "object_port", settings.object_port, everything_here)
    return Offered(tasks, ports, tuple(parts.values()))


def _parts(config: EdgeConfig, dispatcher: Dispatcher) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for name, host, ask in (
        ("face", config.liquidedge.face_host, liquidedge.ask_faces),
        ("yolo", config.liquidedge.yolo_host, liquidedge.ask_yolo),
    ):
        task = next((task for task in LOCAL_TASKS[name] if task in dispatcher.engines), None)
        if host:
            parts[name] = RemotePart(host, ask, config.tls, config.liquidedge.worker_deadline_s)
        elif task:
            parts[name] = LocalPart(dispatcher, task)
    return parts
