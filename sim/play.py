"""One run from its options to its report: settles the plan, plays it, shows it, writes down how it went."""

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from common.errors import ConfigError
from common.settings import read_yaml
from common.supervise import Job
from robot.keyboard import Keyboard
from robot.values import BGR
from sim import live, picture, scenario
from sim import report as reports
from sim.floorplan import floor_plan
from sim.lockstep import Lockstep, Moment
from sim.outcome import Outcome
from sim.plan import Plan, make_plan
from sim.realtime import RealTime
from sim.verdict import checks, summary_table
from sim.video import VideoFile
from sim.watch import Watch
from sim.wire_kinds import Driver, Eyes


@dataclass(frozen=True, slots=True)
class Options:
    """What `tagalong sim` was asked for."""

    scenario: str = "corridor"
    lockstep: bool = False
    oracle: bool = False
    headless: bool = False
    seed: int | None = None
    report: Path | None = None
    video: Path | None = None
    web: bool | None = None
    web_port: int = 8080
    robot: Path | None = None
    driver: Driver = Driver.SIM
    camera: Eyes = Eyes.SIM

    @property
    def wants_page(self) -> bool:
        return self.web if self.web is not None else not self.headless


def play(console: Console, options: Options) -> bool:
    """Returns whether every figure that is judged keeps its limit. Raises TagalongError."""
    if options.lockstep and options.driver is not Driver.SIM:
        raise ConfigError(f"--driver {options.driver} needs real time: a network does not wait. Leave out --lockstep.")
    plan = make_plan(
        scenario.load(options.scenario),
        options.seed,
        read_yaml(options.robot) if options.robot else {},
        options.oracle,
        driver=options.driver,
        eyes=options.camera,
    )
    for note in plan.notes:
        console.print(f"[yellow]{note}")
    file = options.report or _runs_folder() / "report.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        video = stack.enter_context(_video(options.video, plan)) if options.video else None
        if options.lockstep:
            outcome = _lockstep(console, plan, file.parent, video, options.headless)
        else:
            outcome = asyncio.run(_realtime(console, plan, file.parent, video, options))
    return _finish(console, plan, outcome, file, options)


def _runs_folder() -> Path:
    return Path("runs") / datetime.now().astimezone().strftime("%Y-%m-%d_%H-%M-%S")


def _video(file: Path, plan: Plan) -> VideoFile:
    camera = plan.scenario.camera
    return VideoFile(file, camera.fps, (camera.width_px, camera.height_px))


# ---- lockstep ----


def _lockstep(console: Console, plan: Plan, folder: Path, video: VideoFile | None, headless: bool) -> Outcome:
    with ExitStack() as stack:
        watch: Callable[[Moment], None] | None = None
        if console.is_terminal and not headless:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f} s"))
            progress = stack.enter_context(Progress(*columns, TimeElapsedColumn(), console=console, transient=True))
            task = progress.add_task(f"{plan.scenario.name} in lockstep", total=plan.scenario.length_s)

            def watch(moment: Moment) -> None:
                progress.update(task, completed=moment.time_s)

        def see(time_s: float, bgr: BGR) -> None:
            if video is not None:
                video.put(time_s, bgr, run.view())

        run = Lockstep(plan, folder, watch, see if video is not None else None)
        return run.run()


# ---- real time ----


async def _realtime(console: Console, plan: Plan, folder: Path, video: VideoFile | None, options: Options) -> Outcome:
    def see(bgr: BGR) -> None:
        if video is not None and run.agent is not None:
            video.offer(run.now_s, bgr, run.agent.view())

    keyboard = None if options.headless else Keyboard()
    run = RealTime(plan, folder, keyboard, see if video is not None else None, console.print)
    watch = Watch(run)
    jobs: list[Job] = []
    if options.wants_page:
        jobs += [
            Job("page", lambda: _page(run, watch, options.web_port, console)),
            Job("view from above", watch.draw_top),
        ]
    if not options.headless:
        jobs.append(Job("terminal", lambda: live.show(watch.view, console)))
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await run.run(*jobs)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def _page(run: RealTime, watch: Watch, port: int, console: Console) -> None:
    from robot.web.page import run as serve

    def tell(url: str) -> None:
        watch.page = url
        console.print(f"The page is at {url}")

    assert run.agent is not None
    await serve(run.agent, port=_free_port(port), world=watch, on_ready=tell)


def _free_port(wanted: int) -> int:
    """The wanted one, else 0: any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


# ---- the end ----


def _finish(console: Console, plan: Plan, outcome: Outcome, file: Path, options: Options) -> bool:
    keep_m = plan.robot.servo.keep_distance_m
    report = outcome.report(plan.scenario.name, plan.seed, options.lockstep)
    picture_file = file.with_suffix(".png")
    reports.write(report, file)
    outcome.recorder.trace.write_csv(file.with_suffix(".csv"))
    picture.draw(report, outcome.recorder.trace, floor_plan(plan.scenario), picture_file, keep_m)
    fps = plan.scenario.camera.fps
    console.print(summary_table(report, fps))
    console.print(f"report  {file}\npicture {picture_file}")
    for refused in (each for each in outcome.recorder.trace.mirrored if not each.dressed):
        console.print(f"[yellow]nobody was dressed at {refused.t_s:.1f} s: {escape(refused.why_not)}")
    for number, dressed in enumerate((each for each in outcome.recorder.trace.mirrored if each.picture), 1):
        dressed_file = file.with_name(f"dressed{f'-{number}' if number > 1 else ''}.jpg")
        dressed_file.write_bytes(dressed.picture)
        console.print(f"dressed {dressed_file}")
    if options.video:
        console.print(f"video   {options.video}")
    return all(check.passed is not False for check in checks(report, fps))
