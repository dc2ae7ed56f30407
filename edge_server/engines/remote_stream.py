"""One Track stream to another server, used from a worker thread: send a frame, wait for its answer, never longer."""

import queue
import threading
import time
from collections.abc import Iterator

import grpc

from common.errors import BadMessageError, LinkError
from protos.messages import EncodedFrame, FrameReply, StreamOpen
from protos.tagalong.v1 import offload_pb2 as pb
from protos.tagalong.v1 import offload_pb2_grpc as pb_grpc

ROBOT_ID = "remote-engine"


class TrackStream:
    """Opens the stream when first asked and again after it broke. One thread asks; a reader thread lives beside it."""

    def __init__(self, channel: grpc.Channel, address: str, task: str, max_results: int) -> None:
        self._stub = pb_grpc.OffloadStub(channel)
        self._address, self._task = address, task
        self._open = pb.TrackRequest(open=StreamOpen(ROBOT_ID, (task,), max_results).to_pb())
        self._live: _Live | None = None

    def ask(self, frame: EncodedFrame, timeout_s: float) -> FrameReply:
        """Raises LinkError: no answer in time, stream broken, task not served there."""
        until_s = time.monotonic() + timeout_s
        if self._live is None:
            self._live = _Live(self._stub, self._open)
        live = self._live
        live.send(pb.TrackRequest(frame=frame.to_pb()))
        try:
            while True:
                reply = live.receive(until_s - time.monotonic())
                if reply.HasField("opened") and self._task not in reply.opened.tasks:
                    raise LinkError(f"{self._address} does not serve the task {self._task}.")
                if reply.HasField("go_away"):
                    live.leaving = True
                if reply.HasField("result") and reply.result.number == frame.number:
                    return FrameReply.from_pb(reply.result)
        except queue.Empty:
            self.close()  # its late answers are of no use; the next frame starts anew
            raise LinkError(f"{self._address} sent no answer in {timeout_s:.2f} s.") from None
        except (LinkError, BadMessageError):
            self.close()
            raise
        except grpc.RpcError as error:
            self.close()
            raise LinkError(f"{self._address}: the stream broke: {error.code().name.lower()}.") from error
        finally:
            if live.leaving:
                self.close()

    def close(self) -> None:
        if self._live is not None:
            self._live.close()
            self._live = None


class _Live:
    """A stream that is open."""

    def __init__(self, stub: pb_grpc.OffloadStub, opening: pb.TrackRequest) -> None:
        self.leaving = False
        self._up: queue.SimpleQueue[pb.TrackRequest | None] = queue.SimpleQueue()
        self._down: queue.SimpleQueue[pb.TrackReply | grpc.RpcError | None] = queue.SimpleQueue()
        self._up.put(opening)
        self._call = stub.Track(self._requests())
        self._reader = threading.Thread(target=self._read, name="remote-engine", daemon=True)
        self._reader.start()

    def send(self, request: pb.TrackRequest) -> None:
        self._up.put(request)

    def receive(self, timeout_s: float) -> pb.TrackReply:
        """Raises queue.Empty when time is up, LinkError or grpc.RpcError when the stream ended."""
        if timeout_s <= 0:
            raise queue.Empty
        item = self._down.get(timeout=timeout_s)
        if item is None:
            raise LinkError("the other server closed the stream.")
        if isinstance(item, grpc.RpcError):
            raise item
        return item

    def close(self) -> None:
        self._up.put(None)
        self._call.cancel()
        self._reader.join(timeout=1.0)

    def _requests(self) -> Iterator[pb.TrackRequest]:
        while (request := self._up.get()) is not None:
            yield request

    def _read(self) -> None:
        try:
            for reply in self._call:
                self._down.put(reply)
            self._down.put(None)
        except grpc.RpcError as error:
            self._down.put(error)
