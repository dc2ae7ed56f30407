"""gRPC's errors become ours here and nowhere else."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from common.errors import LinkError

ADVICE = {
    grpc.StatusCode.UNAVAILABLE: "nobody listens there, or the path is down",
    grpc.StatusCode.DEADLINE_EXCEEDED: "it is connected and does not answer",
    grpc.StatusCode.UNIMPLEMENTED: "it speaks another protocol; for a LIQUID EDGE server set `kind: liquidedge`",
    grpc.StatusCode.UNAUTHENTICATED: "it wants a certificate; see handover.tls",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "it is full",
}


@contextmanager
def link_errors(server: str, doing: str) -> Iterator[None]:
    """Whatever goes wrong with the other side comes out as LinkError; bugs and cancellation pass through."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        code = error.code()
        advice = ADVICE.get(code, error.details() or "no details")
        raise LinkError(f"{server}: {doing} failed with {code.name}: {advice}") from error
    except TimeoutError as error:
        raise LinkError(f"{server}: {doing} took too long") from error
    except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:
        # What grpc.aio raises when the call or channel ended under our hands.
        raise LinkError(f"{server}: {doing} failed: the call is over already ({error})") from error
    except (OSError, grpc.RpcError) as error:
        raise LinkError(f"{server}: {doing} failed: {type(error).__name__}: {error}") from error
