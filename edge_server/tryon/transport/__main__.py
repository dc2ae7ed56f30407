"""`python -m edge_server.tryon.transport ADDRESS [--pose SPEC] [--parsing SPEC] [--tryon SPEC]`: a process of engines.

A node uses them with `--tryon remote:address=ADDRESS`.
"""

import argparse
import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Sequence

from common.errors import ConfigError, ModelError
from edge_server.tryon import engines
from edge_server.tryon.transport.engines import EngineHost
from edge_server.tryon.transport.ways import serve


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until it is told to end (SIGINT, SIGTERM). Returns 2 when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m edge_server.tryon.transport", description="A process of engines")
    parser.add_argument("address", help="shm:///path, unix:///path, grpc://HOST:PORT, ucx://0.0.0.0:PORT")
    for task, example in (("pose", "blazepose"), ("parsing", "derived"), ("tryon", "warp")):
        parser.add_argument(f"--{task}", default="", help=f"engine, such as {example}; left out: not offered")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: end.set())
    with contextlib.ExitStack() as stack:
        try:
            host = EngineHost(
                pose=engines.pose_engine(options.pose) if options.pose else None,
                parsing=engines.parsing_engine(options.parsing) if options.parsing else None,
                tryon=engines.tryon_engine(options.tryon) if options.tryon else None,
            )
            stack.callback(host.close)
            serving = serve(options.address, host)
        except (ConfigError, ModelError) as error:
            print(f"engines: {error}", file=sys.stderr)
            return 2
        stack.callback(serving.close)
        print(serving.address, flush=True)
        end.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
