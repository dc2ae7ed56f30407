"""`tagalong sim`: plays a scenario with real edge servers, or in lockstep, and reports how well it went."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from common.errors import ConfigError, TagalongError
from common.logs import LogLevel, set_up_logs
from sim.wire_kinds import Driver, Eyes

if TYPE_CHECKING:
    from sim import play


def sim(
    scenario: Annotated[
        str | None,
        typer.Argument(help="Name of a built-in scenario (--list) or a YAML file. [default: corridor]"),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Tell the built-in scenarios, a line each.")] = False,
    lockstep: Annotated[
        bool, typer.Option("--lockstep", help="One process, simulated time: as fast as it goes, same seed same result.")
    ] = False,
    oracle: Annotated[
        bool, typer.Option("--oracle", help="Servers answer the truth: to study all but the detector.")
    ] = False,
    headless: Annotated[bool, typer.Option("--headless", help="No live view, no keys, no page.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Instead of the scenario's own.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="JSON file; picture and trace go beside it. [default: runs/<time>/report.json]")
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help="Keep what the camera saw, boxes and state drawn in (.mp4, .avi, .webm).")
    ] = None,
    web: Annotated[bool | None, typer.Option("--web/--no-web", help="The page. [default: on, off if headless]")] = None,
    web_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the page; the next free one if it is taken.")
    ] = 8080,
    robot: Annotated[
        Path | None, typer.Option(help="YAML file with settings of the robot, on top of the scenario's.")
    ] = None,
    driver: Annotated[
        Driver, typer.Option(help="How the robot reaches its wheels: in the simulator, or as a RoboMaster's.")
    ] = Driver.SIM,
    camera: Annotated[
        Eyes, typer.Option(help="Whose pictures it takes; robomaster: the rover's H.264, with such a --driver.")
    ] = Eyes.SIM,
    robomaster: Annotated[
        bool,
        typer.Option(
            "--robomaster",
            help="Only be a RoboMaster on the network, for any program, until Ctrl-C. [default: in room]",
        ),
    ] = False,
    ip: Annotated[
        list[str] | None,
        typer.Option(help="Address of a --robomaster; again for another robot in the same world. [default: 127.0.0.1]"),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when a figure misses its limit.")] = False,
    log_level: Annotated[LogLevel, typer.Option(help="How much to say on standard error.")] = LogLevel.ERROR,
) -> None:
    """Run the whole system in a simulated world: no robot, no GPU, no download.

    Try `tagalong sim corridor`; or faster and without processes, `tagalong sim corridor --lockstep`. With --robomaster
    nothing follows anybody: the rover waits for your own program, or DJI's.
    """
    from sim import play

    console = Console(highlight=False)
    if list_:
        _list(console)
        return
    set_up_logs(log_level)
    options = play.Options(
        scenario or "corridor", lockstep, oracle, headless, seed, report, video, web, web_port, robot, driver, camera
    )
    try:
        if robomaster:
            _refuse_run(options, check)
            _be_robots(console, scenario, tuple(ip or ("127.0.0.1",)), options)
        elif ip:
            raise ConfigError("--ip is the address of a --robomaster. Give that too, or leave out --ip.")
        is_good = play.play(console, options)
    except TagalongError as error:
        for line in str(error).splitlines():
            print(f"tagalong sim: {line}", file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, ConfigError) else 1) from None
    except (KeyboardInterrupt, asyncio.CancelledError) as stop:
        console.print("stopped")
        raise typer.Exit(130 if isinstance(stop, KeyboardInterrupt) else 143) from None  # 128 + SIGINT or SIGTERM
    if check and not is_good:
        raise typer.Exit(1)


def _refuse_run(options: "play.Options", check: bool) -> None:
    """A robot that others drive is no run with a report."""
    asked = {
        "--lockstep": options.lockstep, "--oracle": options.oracle, "--report": options.report,
        "--video": options.video, "--robot": options.robot, "--check": check,
        "--driver": options.driver is not Driver.SIM, "--camera": options.camera is not Eyes.SIM,
    }  # fmt: skip
    for name, is_asked in asked.items():
        if is_asked:
            raise ConfigError(
                f"{name} belongs to a run of the whole system, not to --robomaster. Leave out one of both."
            )


def _be_robots(console: Console, scenario: str | None, ips: tuple[str, ...], options: "play.Options") -> None:
    from sim.robomaster.standalone import ROOM, Robots, serve

    web_port = options.web_port if options.web and not options.headless else None
    serve(console, Robots(ips, scenario or ROOM, options.seed, web_port))


def _list(console: Console) -> None:
    from sim.scenario import available

    table = Table.grid(padding=(0, 2))
    for name, line in available():
        table.add_row(f"[bold cyan]{name}", line)
    console.print(table)
