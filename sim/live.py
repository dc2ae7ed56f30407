"""The live view in the terminal: a screen a few times a second, or a line now and then where there is no terminal."""

import asyncio
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from sim.live_view import RunView, plain_line, render

SCREENS_PER_S = 5.0  # 8 ms of processor each
LINE_EVERY_S = 5.0


async def show(source: Callable[[], RunView | None], console: Console | None = None) -> None:
    """Until cancelled; the terminal is left as it was. `source` gives None while there is nothing to show yet."""
    console = console or Console()
    if console.is_terminal and not console.is_dumb_terminal:
        await _screens(source, console)
    else:
        await _lines(source, console)


async def _screens(source: Callable[[], RunView | None], console: Console) -> None:
    with Live(console=console, screen=True, auto_refresh=False, redirect_stderr=False, transient=True) as live:
        while True:
            view = source()
            if view is not None:
                width, height = console.size
                live.update(render(view, width, height))
                # In a thread: a terminal that was stopped (Ctrl-S) or is slow must not stop the robot.
                await asyncio.to_thread(live.refresh)
            await asyncio.sleep(1 / SCREENS_PER_S)


async def _lines(source: Callable[[], RunView | None], console: Console) -> None:
    while True:
        view = source()
        if view is not None:
            console.print(plain_line(view), markup=False, highlight=False, soft_wrap=True)
        await asyncio.sleep(LINE_EVERY_S if view is not None else 0.2)
