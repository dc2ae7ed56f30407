"""Runs a module or a program so that it dies with the process that started it.

`python -m common.child PARENT MODULE ARGS...` is like `python -m MODULE`; `python -m common.child PARENT -- PROGRAM
ARGS...` becomes that program. A wrapper and not a preexec_fn: forking with Python code in between is not safe beside
gRPC's threads.
"""

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PROGRAM = "--"


def die_with_parent(parent_pid: int) -> None:
    """Ask Linux for SIGKILL when the parent is gone, however it went; elsewhere nothing happens.

    It holds across exec, unless the program runs as another user than its caller or changes to one later.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it went before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    parent_pid, what, *arguments = sys.argv[1:]
    die_with_parent(int(parent_pid))
    if what == PROGRAM:
        os.execv(arguments[0], arguments)
    sys.argv = [what, *arguments]
    runpy.run_module(what, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
