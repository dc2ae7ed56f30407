"""What every test gets: a suite that refuses leftovers, and the way to the shared models."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell: programs that tests start would inherit it, and never see their Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

TESTS = Path(__file__).parent
REALTIME = ("dji_sdk/", "robot/", "sim/")  # drive in real time
ALONE = ("closed_loop/",)  # the whole system does
NEITHER = (  # but these: simulated time, pages, pictures
    "closed_loop/test_corridor.py",
    "closed_loop/test_lab.py",
    "closed_loop/test_outage.py",
    "dji_sdk/test_usual_addresses.py",
    "robot/web/",
    "sim/test_world",
)
ROVERS = (  # have addresses and ports in common, or hear each other's broadcasts
    "dji_sdk/",
    "robot/robomaster/",
    "sim/robomaster/test_discovery",
    "sim/robomaster/test_emulator",
)
EMULATED = "sim/robomaster/"  # the rest of it: on addresses of their own, but common to them


def pytest_itemcollected(item: pytest.Item) -> None:
    path = str(item.path.relative_to(TESTS))
    if path.startswith(NEITHER):
        return
    if path.startswith(ALONE):
        item.add_marker(pytest.mark.alone)
    elif path.startswith(REALTIME):
        item.add_marker(pytest.mark.realtime)


class RoversInTurn(LoadFileScheduling):
    """Two files side by side, but never two with the same rovers."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.removeprefix("tests/")
        if path.startswith(ROVERS):
            return "rovers"
        return "emulated" if path.startswith(EMULATED) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> RoversInTurn:
    return RoversInTurn(config, log)


@pytest_asyncio.fixture(autouse=True)
async def no_task_left_running() -> AsyncIterator[None]:
    """A task that outlives its test fails it."""
    before = asyncio.all_tasks()
    yield
    left = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task() and not task.done()]
    if left:  # gRPC's own tasks end once its core, in another thread, has heard that their calls were cancelled
        _, pending = await asyncio.wait(left, timeout=2.0)
        left = list(pending)
    assert not left, f"still running: {[(task.get_name(), task.get_coro()) for task in left]}"


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder with the real YOLOX, Darknet and YuNet files; skips when there is none."""
    folder = os.environ.get("TAGALONG_MODELS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TAGALONG_MODELS does not point to a folder with the real models")
    return Path(folder)


@pytest.fixture(scope="session")
def shared_media(shared_models: Path) -> Path:
    """The folder with sample pictures and the pedestrian video, beside the models."""
    folder = shared_models.parent / "media"
    if not folder.is_dir():
        pytest.skip(f"no sample pictures in {folder}")
    return folder
