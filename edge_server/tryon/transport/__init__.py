"""Messages with large tensors between processes: one interface, four ways.

| address | way | when |
| --- | --- | --- |
| `grpc://HOST:PORT` | gRPC over TCP, raw frames on one stream | two machines; needs nothing |
| `unix:///path` | the same over a Unix socket | one machine, where shared memory is not allowed |
| `shm:///path` | tensors in shared memory, a Unix socket as the doorbell | one machine: the default choice there |
| `ucx://HOST:PORT` | UCX: RDMA where the hardware has it, else TCP | two machines with RDMA; `pip install ucxx-cu12` |

`python -m bench transport` measures them. Callers and handlers block: they belong in worker threads.
"""

from edge_server.tryon.transport.calls import Caller, CallRefused, Emit, Handler, Stopped
from edge_server.tryon.transport.parcel import MAX_BYTES, Parcel
from edge_server.tryon.transport.serving import Serving
from edge_server.tryon.transport.ways import connect, is_address, serve

__all__ = [
    "MAX_BYTES",
    "CallRefused",
    "Caller",
    "Emit",
    "Handler",
    "Parcel",
    "Serving",
    "Stopped",
    "connect",
    "is_address",
    "serve",
]
