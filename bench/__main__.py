"""`python -m bench track|offload|robomaster|tryon|archive|transport|all [--json]`."""

import importlib
import sys
from collections.abc import Sequence

BENCHES = {
    "track": "do we still follow the right person after two have crossed?",
    "offload": "what does a frame's way over a real edge server cost?",
    "robomaster": "how fast are a RoboMaster's binary frames read?",
    "tryon": "how long do pose, parsing and try-on take for one picture?",
    "archive": "how many faces a second go from publish to stored object, and how soon?",
    "transport": "what does a large tensor's way between two processes cost?",
}


def main(argv: Sequence[str]) -> int:
    name, options = (argv[0], argv[1:]) if argv else ("", [])
    if name not in {*BENCHES, "all"}:
        print("usage: python -m bench BENCH [--help] [--json] [options]", file=sys.stderr)
        for each, about in (*BENCHES.items(), ("all", "every one of them, with --json as one object a line")):
            print(f"  {each:10} {about}", file=sys.stderr)
        return 0 if name in ("-h", "--help") else 2
    statuses = []
    for each in BENCHES if name == "all" else (name,):
        statuses.append(int(importlib.import_module(f"bench.{each}").main(options)))
    return max(statuses)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
