"""The whole camera with its own node, a picture file for a lens, and the preview beside: no face gets out."""

import asyncio
import contextlib
import json
import socket
from pathlib import Path
from typing import Any

import cv2
from websockets.asyncio.client import connect

from archive.broker_config import BrokerConfig
from archive.camera import FaceCamera
from archive.camera_config import CameraConfig, PreviewConfig
from handover.config import HandoverConfig
from robot.cameras.config import OpencvCameraConfig
from tests.archive.preview.watched import decoded, faces_in, scenes


async def test_faces_that_the_node_inside_finds_are_hidden_on_the_page(tmp_path: Path) -> None:
    file = tmp_path / "portrait.png"
    cv2.imwrite(str(file), scenes()[0])
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]
    config = CameraConfig(
        robot_id="door",
        broker=BrokerConfig(url=f"mqtt://127.0.0.1:{nobody}"),
        camera=OpencvCameraConfig(source=str(file), fps=12),
        handover=HandoverConfig(zeroconf=False),
        preview=PreviewConfig(enabled=True, port=0, blur=True),
    )
    camera = FaceCamera(config)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(camera.run(ready.set_result))
    try:
        waits: list[asyncio.Future[Any]] = [task, ready]
        await asyncio.wait(waits, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        url = await ready
        async with asyncio.timeout(60), connect(url.replace("http", "ws", 1) + "live") as client:
            state: dict[str, Any] = {}
            hidden = 0
            while hidden < 5 or not state["crops"]:
                message = await client.recv()
                if isinstance(message, str):
                    state = json.loads(message)
                    continue
                assert faces_in(decoded(message)) == [], state["cover"]
                hidden += state["cover"] == "faces" and len(state["faces"]) > 0
        assert state["edge"] != ""
        assert "local broker" in state["problem"]
        looked = camera.shown().looked
        assert looked is not None
        assert faces_in(decoded(looked.jpeg)) != []  # inside the camera it is sharp
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
