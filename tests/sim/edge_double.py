"""Started in place of `tagalong` by test_edges.py: takes the flags of `tagalong edge`; its id says how it behaves."""

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path


def main() -> None:
    flags = dict(zip(sys.argv[2:], sys.argv[3:], strict=False))
    name = flags["--id"]
    print("arguments:", *sys.argv[1:])
    if name == "broken":
        for number in range(30):
            print(f"line {number}", file=sys.stderr)
        raise SystemExit("no model, no server")
    if name == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    listener = socket.create_server(("127.0.0.1", 0))
    if name != "sleepy":
        ready = Path(flags["--ready-file"])
        ready.write_text(json.dumps({"port": listener.getsockname()[1], "metrics_port": 0}))
    print(f"pid {os.getpid()} of {os.getppid()}, session {os.getsid(0)}")
    if name == "busy":
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
    while True:
        connection, _ = listener.accept()
        connection.sendall(name.encode())
        connection.close()


main()
