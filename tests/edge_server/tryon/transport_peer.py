"""A process at one end of a transport: `transport_peer.py serve|call ADDRESS`. Prints a line when it is ready."""

import sys
import time

import numpy as np

from common.errors import LinkError
from edge_server.tryon.transport import Emit, Parcel, connect, serve


def answer(parcel: Parcel, emit: Emit) -> Parcel:
    """Doubles numbers; `slow` takes a minute, telling every 10 ms that it lives."""
    if parcel.head == b"slow":
        emit(b"begun")
        for _ in range(6000):
            time.sleep(0.01)
            emit(b"")
    return Parcel(parcel.head, tuple(tensor * tensor.dtype.type(2) for tensor in parcel.tensors))


def main(role: str, address: str) -> None:
    if role == "serve":
        serving = serve(address, answer)
        print(serving.address.replace("0.0.0.0", "127.0.0.1"), flush=True)
        sys.stdin.read()
        serving.close()
        return
    caller = connect(address)
    caller.call(Parcel(b"quick", (np.zeros(3_000_000, np.uint8),)), 10.0)
    print("called", flush=True)
    try:
        caller.call(Parcel(b"slow", (np.zeros(3_000_000, np.uint8),)), 60.0, lambda event: print("begun", flush=True))
    except LinkError as error:
        print(error, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
