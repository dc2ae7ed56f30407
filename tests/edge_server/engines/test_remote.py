"""The engine that asks another server, against real gRPC servers on 127.0.0.1."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import cv2
import grpc
import numpy as np
import pytest

from common.errors import LinkError
from edge_server.engines.base import Picture
from edge_server.engines.remote import RemoteEngine
from protos.liquidedge import detection_pb2 as le
from protos.liquidedge import detection_pb2_grpc as le_grpc
from protos.messages import Box, Detection
from protos.tagalong.v1 import offload_pb2 as pb
from protos.tagalong.v1 import offload_pb2_grpc as pb_grpc

PICTURE = Picture(np.full((48, 64, 3), 90, np.uint8))
TRUTH = (Detection("person", 0.75, Box(0.25, 0.25, 0.5, 0.5), (10, 20, 30)),)


class Worker(pb_grpc.OffloadServicer, le_grpc.FaceDetectionServicer, le_grpc.YoloDetectionServicer):
    """Answers a frame's truth, or what a test tells it to."""

    def __init__(self) -> None:
        self.streams = 0
        self.frames: list[Any] = []
        self.silent = threading.Event()
        self.ended = threading.Event()
        self.outcome = pb.OUTCOME_RESULT
        self.tasks = ["person"]
        self.go_away = False

    def Track(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        self.streams += 1
        try:
            for request in requests:
                yield from self._answers(request)
        finally:
            self.ended.set()

    def _answers(self, request: Any) -> Iterator[Any]:
        if request.HasField("open"):
            served = [task for task in request.open.tasks if task in self.tasks]
            yield pb.TrackReply(opened=pb.Opened(server_id="worker", tasks=served))
            return
        self.frames.append(request.frame)
        if self.silent.is_set():
            return
        if self.go_away:
            yield pb.TrackReply(go_away=pb.GoAway(reason="stops"))
        yield pb.TrackReply(result=pb.FrameResult(number=request.frame.number - 1, outcome=pb.OUTCOME_EXPIRED))
        result = pb.FrameResult(number=request.frame.number, outcome=self.outcome, boxes=request.frame.truth)
        yield pb.TrackReply(result=result)

    def FaceDetect(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.frames.append(request.frame)
        if self.silent.is_set():
            context.abort(grpc.StatusCode.UNAVAILABLE, "no camera")
        faces = [
            le.DetectedFace(confidence=0.4, x=16, y=12, w=8, h=12, r=1, g=2, b=3),
            le.DetectedFace(confidence=1, x=32, y=12, w=64, h=12, r=300),  # reaches beyond the picture
            le.DetectedFace(confidence=1, x=99, y=99, w=5, h=5),  # lies outside
            le.DetectedFace(confidence=float("nan"), x=1, y=1, w=5, h=5),
        ]
        return le.FaceDetectionResponse(faces=faces)

    def YoloDetect(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = le.DetectedYolo(name="dog", confidence=0.9, x=0, y=0, w=64, h=48)
        return le.YoloDetectionResponse(yolos=[found] * min(request.max_results, 5))


@contextmanager
def serving(worker: Worker, port: int = 0) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    pb_grpc.add_OffloadServicer_to_server(worker, server)
    le_grpc.add_FaceDetectionServicer_to_server(worker, server)
    le_grpc.add_YoloDetectionServicer_to_server(worker, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def port(worker) -> Iterator[int]:
    with serving(worker) as port:
        yield port


@pytest.fixture
def remote(port) -> Iterator[Any]:
    made: list[RemoteEngine] = []

    def make(**options: Any) -> RemoteEngine:
        made.append(RemoteEngine(f"127.0.0.1:{port}", **{"timeout_s": 5.0, **options}))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def test_frames_go_over_one_stream_and_their_own_answers_come_back(remote, worker) -> None:
    engine = remote()
    picture = Picture(PICTURE.bgr, truth=TRUTH)
    assert engine.detect([picture, PICTURE, picture]) == [list(TRUTH), [], list(TRUTH)]
    assert worker.streams == 1
    assert [frame.number for frame in worker.frames] == [1, 2, 3]
    assert (worker.frames[0].width_px, worker.frames[0].height_px) == (64, 48)


def test_the_key_points_of_a_face_are_passed_on(remote, worker) -> None:
    worker.tasks = ["face"]
    face = Detection("face", 0.75, Box(0.25, 0.25, 0.5, 0.5), (10, 20, 30), ((0.375, 0.5), (0.625, 0.5)))
    assert remote(task="face").detect([Picture(PICTURE.bgr, truth=(face,))]) == [[face]]


def test_the_image_is_passed_on_as_it_came(remote, worker) -> None:
    png = cv2.imencode(".png", PICTURE.bgr)[1].tobytes()
    remote().detect([Picture(PICTURE.bgr, png)])
    assert worker.frames[0].image == png
    assert worker.frames[0].encoding == pb.ENCODING_PNG
    remote().detect([PICTURE])
    assert worker.frames[1].image.startswith(b"\xff\xd8")
    assert worker.frames[1].encoding == pb.ENCODING_JPEG


def test_a_silent_server_costs_one_deadline_and_the_next_frame_starts_anew(remote, worker) -> None:
    engine = remote(timeout_s=1.0)
    worker.silent.set()
    with pytest.raises(LinkError, match=r"sent no answer in 1\.00 s"):
        engine.detect([PICTURE])
    worker.silent.clear()
    assert engine.detect([Picture(PICTURE.bgr, truth=TRUTH)]) == [list(TRUTH)]


def test_a_server_that_comes_back_is_used_again(worker) -> None:
    with serving(worker) as port:
        engine = RemoteEngine(f"127.0.0.1:{port}", timeout_s=5.0)
        assert engine.detect([PICTURE]) == [[]]
    with pytest.raises(LinkError):
        engine.detect([PICTURE])
    with serving(worker, port):
        for _ in range(50):
            try:
                assert engine.detect([PICTURE]) == [[]]
                break
            except LinkError:  # its channel waits up to a second before it tries the address again
                threading.Event().wait(0.1)
        else:
            pytest.fail("never used again")
    engine.close()


def test_a_server_that_goes_away_still_answers_and_its_stream_is_closed(remote, worker) -> None:
    engine = remote()
    worker.go_away = True
    assert engine.detect([Picture(PICTURE.bgr, truth=TRUTH)]) == [list(TRUTH)]
    assert engine.detect([PICTURE]) == [[]]
    assert worker.streams == 2


def test_a_refused_frame_is_a_link_error(remote, worker) -> None:
    worker.outcome = pb.OUTCOME_REJECTED
    with pytest.raises(LinkError, match="answered rejected"):
        remote().detect([PICTURE])


def test_a_server_without_the_task_is_named(remote, worker) -> None:
    worker.tasks = []
    with pytest.raises(LinkError, match="does not serve the task person"):
        remote().detect([PICTURE])


def test_closing_ends_the_stream(remote, worker) -> None:
    engine = remote()
    engine.detect([PICTURE])
    engine.close()
    assert worker.ended.wait(5)


def test_faces_of_a_liquidedge_worker(remote) -> None:
    engine = remote(kind="face")
    assert (engine.task, engine.labels) == ("face", ("face",))
    clipped, face = engine.detect([PICTURE])[0]
    assert face.score == pytest.approx(0.4)
    assert (face.label, face.box, face.mean_rgb) == ("face", Box(0.25, 0.25, 0.125, 0.25), (1, 2, 3))
    assert clipped.box == Box(0.5, 0.25, 0.5, 0.25)
    assert clipped.mean_rgb == (255, 0, 0)


def test_objects_of_a_liquidedge_worker(remote) -> None:
    engine = remote(kind="yolo", max_results=2)
    assert engine.task == "coco"
    assert [each.label for each in engine.detect([PICTURE])[0]] == ["dog", "dog"]


def test_a_failing_liquidedge_worker_is_a_link_error(remote, worker) -> None:
    worker.silent.set()
    with pytest.raises(LinkError, match="unavailable: no camera"):
        remote(kind="face").detect([PICTURE])
