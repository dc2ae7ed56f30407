"""A small real server of the native protocol; also a process of its own: `python -m tests.handover.edge_double ID`.

It answers each frame with one person. Knobs make it a bad server.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from protos.tagalong.v1 import offload_pb2 as pb
from protos.tagalong.v1 import offload_pb2_grpc as rpc


class EdgeDouble(rpc.OffloadServicer):
    def __init__(self, server_id: str, took_s: float = 0.005) -> None:
        self.server_id = server_id
        self.took_s = took_s
        self.offers: tuple[str, ...] = ("person",)
        self.describes = True
        self.reads = True
        self.garbage: pb.TrackReply | None = None  # sent instead of each answer
        self.go_away = asyncio.Event()
        self.frames: list[int] = []
        self.warm = 0
        self.streams = 0
        self.hello: pb.StreamOpen | None = None

    async def Describe(self, request: pb.DescribeRequest, context: grpc.aio.ServicerContext) -> pb.DescribeReply:
        if not self.describes:
            await asyncio.Event().wait()
        return pb.DescribeReply(
            server_id=self.server_id,
            version="test",
            tasks=[pb.TaskInfo(name=task, engine="double", labels=[task]) for task in self.offers],
            colour_rgb=0x102030,
        )

    async def Probe(self, request: pb.ProbeRequest, context: grpc.aio.ServicerContext) -> pb.ProbeReply:
        return pb.ProbeReply(sent_ns=request.sent_ns, expected_service_us=round(self.took_s * 1e6))

    async def Track(self, requests: AsyncIterator[pb.TrackRequest], context: grpc.aio.ServicerContext) -> None:
        self.streams += 1
        try:
            async with asyncio.TaskGroup() as group:
                leaving = group.create_task(self._say_go_away(context))
                async for request in requests:
                    await self._answer(request, context)
                leaving.cancel()
        finally:
            self.streams -= 1

    async def _answer(self, request: pb.TrackRequest, context: grpc.aio.ServicerContext) -> None:
        kind = request.WhichOneof("kind")
        if kind == "open":
            self.hello = request.open
            await context.write(pb.TrackReply(opened=pb.Opened(server_id=self.server_id, tasks=request.open.tasks)))
            if not self.reads:
                await asyncio.Event().wait()
        elif kind == "warm":
            self.warm += 1
        else:
            self.frames.append(request.frame.number)
            await asyncio.sleep(self.took_s)
            await context.write(self.garbage or _one_person(request.frame))

    async def _say_go_away(self, context: grpc.aio.ServicerContext) -> None:
        await self.go_away.wait()
        await context.write(pb.TrackReply(go_away=pb.GoAway(reason="maintenance", grace_ms=1000)))


def _one_person(frame: pb.Frame) -> pb.TrackReply:
    return pb.TrackReply(
        result=pb.FrameResult(
            number=frame.number,
            capture_ns=frame.capture_ns,
            outcome=pb.OUTCOME_RESULT,
            boxes=[pb.Box(label="person", score=0.9, x=0.4, y=0.2, w=0.2, h=0.6)],
            timings=pb.Timings(total_us=5000),
        )
    )


@asynccontextmanager
async def serving(double: EdgeDouble) -> AsyncIterator[int]:
    """Yields the port."""
    server = grpc.aio.server()
    rpc.add_OffloadServicer_to_server(double, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(grace=None)


async def main(server_id: str) -> None:
    async with serving(EdgeDouble(server_id)) as port:
        print(port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
