"""How a command of the archive runs: until Ctrl-C or SIGTERM, with its errors told as one line each."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from common.errors import ConfigError, TagalongError
from common.settings import Model, load_settings
from common.supervise import Job, supervise

ENV_PREFIX = "TAGALONG_ARCHIVE"
EXTRA = "archive"
EXTRAS = {"demo": "archive-demo", "camera": "archive,robot,edge"}


def settings(model: type[Model], program: str, file: Path | None, overrides: dict[str, Any]) -> Model:
    """Defaults < file < environment (`TAGALONG_ARCHIVE_STORE__STORAGE__URL`) < flags. Ends with 2 for a wrong one."""
    try:
        return load_settings(model, file, f"{ENV_PREFIX}_{program.upper()}", overrides)
    except ConfigError as error:
        tell(program, error)
        raise typer.Exit(2) from None


def run(program: str, work: Callable[[], Awaitable[None]]) -> None:
    """`work` is called in the event loop and cancelled by a signal; a second one ends the program as usual."""
    with told(program):
        asyncio.run(_until_signal(work))


@contextlib.contextmanager
def told(program: str) -> Iterator[None]:
    """Errors of ours become lines on standard error, and an exit status."""
    try:
        yield
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(program, EXTRA)
        tell(program, f"the library {error.name} is not installed. Run: pip install 'tagalong[{extra}]'")
        raise typer.Exit(2) from None
    except TagalongError as error:
        tell(program, error)
        raise typer.Exit(2 if isinstance(error, ConfigError) else 1) from None


def tell(program: str, what: object) -> None:
    for line in str(what).splitlines():
        print(f"tagalong archive {program}: {line}", file=sys.stderr)


async def _until_signal(work: Callable[[], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)

    async def stopped() -> None:
        await stop.wait()

    jobs: Sequence[Job] = (Job("stop", stopped, ends_all=True), Job("work", work, ends_all=True))
    await supervise(jobs)
