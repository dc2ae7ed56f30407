"""What `tagalong archive demo` shows: a table that changes in a terminal, a line a face anywhere else."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from archive.index import Line

if TYPE_CHECKING:
    from archive.demo import Demo

NEWEST = 6
REFRESH_S = 0.25


class DemoView(Protocol):
    """A context manager around the whole run."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def say(self, text: str) -> None: ...
    def gallery_is_at(self, url: str) -> None: ...
    def preview_is_at(self, url: str) -> None: ...
    def stored(self, line: Line) -> None: ...
    async def run(self) -> None: ...


class TableView:
    """In a terminal, or as lines where `console` is none."""

    def __init__(self, demo: "Demo", console: Console) -> None:
        self._demo, self._console = demo, console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._gallery = self._preview = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None and self._live.is_started:
            self._live.update(self._picture(), refresh=True)
            self._live.stop()
        demo = self._demo
        if demo.store is not None and demo.camera is not None:
            latency = f", {demo.latency_s:.1f} s from picture to object (median)" if demo.latency_s is not None else ""
            self._console.print(
                f"{demo.camera.counts['published']} faces published, {demo.store.counts['stored']} stored{latency}. "
                f"They stay in {demo.options.storage.url}.",
                soft_wrap=True,
            )

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def gallery_is_at(self, url: str) -> None:
        self._gallery = url
        self.say(f"Gallery: {url}")

    def preview_is_at(self, url: str) -> None:
        self._preview = url
        self.say(f"Camera:  {url}")

    def stored(self, line: Line) -> None:
        if self._live is None:
            self.say(f"stored {line.key} ({line.size} bytes)")

    async def run(self) -> None:
        """Until cancelled."""
        if self._live is None:
            self.say("Ctrl-C ends it.")
            await asyncio.Event().wait()
            return
        self._live.start()
        while True:
            self._live.update(self._picture(), refresh=True)
            await asyncio.sleep(REFRESH_S)

    def _picture(self) -> RenderableType:
        demo = self._demo
        camera, forwarder, store = demo.camera, demo.forwarder, demo.store
        if camera is None or forwarder is None or store is None or demo.local is None or demo.remote is None:
            return Text("starting ...")
        table = Table(box=None, padding=(0, 2), show_header=False)
        rows = (
            ("camera", camera.problem, f"{camera.counts['published']} faces published", f"{demo.options.camera}"),
            ("local broker", camera.watcher.publisher.link.problem, f"{demo.local.kind}", demo.local.url),
            ("forwarder", forwarder.local.problem or forwarder.remote.problem,
             f"{forwarder.counts['delivered']} delivered, {forwarder.spool.count} waiting", "queue on disk (SQLite)"),
            ("remote broker", forwarder.remote.problem, f"{demo.remote.kind}, with logins", demo.remote.url),
            ("store", store.problem, f"{store.counts['stored']} stored", demo.options.storage.url),
            ("gallery", "" if self._gallery else "starting", self._gallery, ""),
        )  # fmt: skip
        for name, problem, state, where in rows:
            mark = Text("●", "green") if not problem else Text("●", "yellow")
            table.add_row(mark, Text(name, "bold"), Text(problem or state), Text(where, "dim"))
        if self._preview:
            table.add_row(Text("●", "green"), Text("preview", "bold"), Text(self._preview), "")
        newest = Table(box=None, padding=(0, 2), show_header=True, header_style="dim")
        for name in ("time", "track", "confidence", "quality", "bytes", "object"):
            newest.add_column(
                name, justify="right" if name in ("confidence", "quality", "bytes") else "left", no_wrap=True
            )
        for line in list(demo.newest)[-NEWEST:]:
            face = line.face
            stamp = face.time.astimezone().strftime("%H:%M:%S.%f")[:-4] if face.time else "-"
            newest.add_row(stamp, face.track, f"{face.confidence:.2f}", f"{face.quality:.2f}", str(line.size), line.key)
        latency = "" if demo.latency_s is None else f"{demo.latency_s:.2f} s from picture to stored object (median).  "
        return Group(table, Text(), newest, Text(f"{latency}Ctrl-C ends it.", "dim"))


def table_view(console: Console) -> Callable[["Demo"], TableView]:
    return lambda demo: TableView(demo, console)
