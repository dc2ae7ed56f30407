"""Reading an upload: no more than allowed, no longer than allowed, never onto a disk."""

import asyncio
from collections.abc import AsyncIterator

from mirror.config import LimitsConfig
from mirror.memory import wipe
from mirror.problems import NOT_UNDERSTOOD, TIMED_OUT, TOO_LARGE, ProblemError


async def read_upload(chunks: AsyncIterator[bytes], length: str | None, limits: LimitsConfig) -> bytearray:
    """The whole body. Raises ProblemError; `length` is the header Content-Length."""
    too_large = ProblemError(
        TOO_LARGE, f"The picture is larger than {limits.max_upload_bytes / 1e6:.0f} MB. Send a smaller one."
    )
    if length is not None and (not length.isdecimal() or int(length) > limits.max_upload_bytes):
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(limits.upload_s):
            async for chunk in chunks:
                if len(data) + len(chunk) > limits.max_upload_bytes:
                    raise too_large
                data += chunk
        if length is not None and len(data) != int(length):
            raise ProblemError(NOT_UNDERSTOOD, "The picture did not arrive whole. Send it again.")
    except TimeoutError:
        wipe(data)
        raise ProblemError(TIMED_OUT, f"The picture did not arrive within {limits.upload_s:.0f} s.") from None
    except BaseException:
        wipe(data)
        raise
    return data
