"""How try-on fails, and the gRPC status each way has: one table for both directions."""

import math
from typing import Any

import grpc

from common.errors import BadImageError, BadMessageError, LinkError, TagalongError

RETRY_KEY = "retry-after-ms"
WHY_KEY = "tagalong-why"  # trailer that tells errors of one status apart


class TryOnError(TagalongError):
    """This picture cannot be dressed; the message is for the person before the mirror."""


class NoPersonError(TryOnError):
    """Nobody, or too little of somebody, is to be seen."""


class CancelledTryOn(TryOnError):
    """Whoever asked does not want the answer any more, or its deadline has passed."""


class UnknownGarmentError(TryOnError):
    """This node's catalogue has no such garment."""


class NodeGoneError(LinkError):
    """A node, named in the message, is of no use now; another one may be."""


class EngineFailedError(LinkError):
    """An engine broke down over this request; another node's may not."""


class TooLateError(LinkError, TimeoutError):
    """The budget passed before an answer came."""


class BusyError(LinkError):
    """Full; come back in `retry_after_s`, or use another node."""

    def __init__(self, what: str, retry_after_s: float) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s


_Code = grpc.StatusCode
_CODES: tuple[tuple[type[TagalongError], grpc.StatusCode], ...] = (  # the first that fits
    (BadImageError, _Code.INVALID_ARGUMENT),
    (BadMessageError, _Code.INVALID_ARGUMENT),
    (UnknownGarmentError, _Code.NOT_FOUND),
    (CancelledTryOn, _Code.CANCELLED),
    (TryOnError, _Code.FAILED_PRECONDITION),
    (TooLateError, _Code.DEADLINE_EXCEEDED),
    (BusyError, _Code.RESOURCE_EXHAUSTED),
    (EngineFailedError, _Code.INTERNAL),
    (LinkError, _Code.UNAVAILABLE),
    (TagalongError, _Code.INTERNAL),
)


def code_of(error: TagalongError) -> grpc.StatusCode:
    return next(code for kind, code in _CODES if isinstance(error, kind))


def trailers_of(error: TagalongError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, BusyError):
        return ((RETRY_KEY, str(math.ceil(error.retry_after_s * 1e3))),)
    if isinstance(error, NoPersonError):
        return ((WHY_KEY, "no-person"),)
    return ()


def from_rpc(node: str, error: grpc.aio.AioRpcError) -> TagalongError:
    """What a status of `node` means here. Raise it `from error`."""
    details = (error.details() or "").strip()
    trailers = dict(error.trailing_metadata() or ())
    match error.code():
        case _Code.INVALID_ARGUMENT:
            return BadImageError(details or f"{node} cannot use this picture")
        case _Code.NOT_FOUND:
            return UnknownGarmentError(details or f"{node} has no such garment")
        case _Code.FAILED_PRECONDITION:
            return (NoPersonError if trailers.get(WHY_KEY) == "no-person" else TryOnError)(details or f"{node}: no")
        case _Code.RESOURCE_EXHAUSTED if "larger than max" in details:
            return BadImageError("the picture's file is too large for this node. Send it smaller: 640x480 is plenty.")
        case _Code.RESOURCE_EXHAUSTED:
            return BusyError(details or f"{node} is full", _seconds(trailers.get(RETRY_KEY)))
        case _Code.DEADLINE_EXCEEDED:
            own = details and details.lower() != "deadline exceeded"  # those are gRPC's words
            return TooLateError(f"{node}: {details}" if own else f"{node} gave no answer in time")
        case _Code.UNIMPLEMENTED:
            return NodeGoneError(f"{node} does not offer this. Start it with: tagalong edge --task tryon")
        case _Code.INTERNAL:
            return EngineFailedError(f"{node}: {details}")
        case _Code.UNAVAILABLE if trailers.get(WHY_KEY) == "told":  # it lives, and names who does not
            return NodeGoneError(f"{node}: {details}")
    return NodeGoneError(f"{node} is gone: {_plain(error.code(), details)}")


async def refuse(context: Any, error: TagalongError) -> None:
    """End the call with the status that fits. Always raises."""
    trailers = trailers_of(error)
    code = code_of(error)
    if code is _Code.UNAVAILABLE:
        trailers = (*trailers, (WHY_KEY, "told"))
    await context.abort(code, str(error), trailers)


def _plain(code: grpc.StatusCode, details: str) -> str:
    if code is not _Code.UNAVAILABLE:
        return f"{code.name}: {details}"
    if "refused" in details.lower():
        return "nobody listens there"
    return "the connection broke"


def _seconds(text: str | bytes | None) -> float:
    try:
        return min(max(int(text or 0) / 1e3, 0.1), 60.0)
    except ValueError:
        return 1.0
