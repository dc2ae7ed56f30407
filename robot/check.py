"""`tagalong robot --check`: what is there, what is missing, and what to do about it. Nothing moves or stays on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.console import Console
from rich.table import Table

from common.errors import TagalongError
from common.supervise import Job, supervise
from robot.config import RobotConfig


class Mark(StrEnum):
    GOOD = "ok"
    NOTE = "note"  # worth knowing, stops nothing
    BAD = "missing"


STYLES = {Mark.GOOD: "green", Mark.NOTE: "yellow", Mark.BAD: "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    what: str
    mark: Mark
    found: str
    next_step: str = ""


Findings = list[Finding]


@dataclass(frozen=True, slots=True)
class Probe:
    """Looks at one thing and changes nothing."""

    what: str
    deadline_s: float
    run: Callable[[RobotConfig], Awaitable[Findings]]


async def look(config: RobotConfig, probes: Sequence[Probe]) -> Findings:
    """All probes at once; their findings in the order of the probes. One that fails or is late is a finding too."""
    found: dict[str, Findings] = {}

    async def run(probe: Probe) -> None:
        try:
            async with asyncio.timeout(probe.deadline_s):
                found[probe.what] = await probe.run(config)
        except TagalongError as error:
            found[probe.what] = [told(probe.what, error)]
        except TimeoutError:
            late = f"not known: looking took longer than {probe.deadline_s:.0f} s"
            found[probe.what] = [Finding(probe.what, Mark.BAD, late, "Try once more.")]
        except Exception as error:  # a check has to come to its end, whatever it stumbles over
            found[probe.what] = [Finding(probe.what, Mark.BAD, f"{type(error).__name__}: {error}")]

    def job(probe: Probe) -> Job:
        return Job(f"check {probe.what}", lambda: run(probe))

    await supervise([job(probe) for probe in probes])
    return [finding for probe in probes for finding in found[probe.what]]


def told(what: str, error: TagalongError) -> Finding:
    """Our errors say what is wrong in their first sentence and what to do in the others."""
    wrong, point, advice = str(error).partition(". ")
    return Finding(what, Mark.BAD, wrong + point.rstrip(), advice)


def table(findings: Findings) -> Table:
    """The next step stands below what was found: commands in it stay in one piece on a narrow terminal."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column(no_wrap=True, style="bold")
    shown.add_column(ratio=1)
    for finding in findings:
        shown.add_row(f"[{STYLES[finding.mark]}]{finding.mark}[/]", finding.what, _plain(finding.found))
        if finding.next_step:
            shown.add_row("", "", f"-> {_plain(finding.next_step)}")
    return shown


def _plain(text: str) -> str:
    """Names come from the network: no markup of theirs."""
    return "".join(each for each in text if each.isprintable()).replace("[", r"\[")


def check(config: RobotConfig, console: Console) -> int:
    """Look and tell; 0 when nothing is missing, else 1."""
    from robot.probes import PROBES

    logging.getLogger().setLevel(logging.ERROR)  # the table tells it in order
    for package in ("handover", "robot"):
        logging.getLogger(package).setLevel(logging.ERROR)
    findings = asyncio.run(look(config, PROBES))
    console.print(table(findings))
    missing = sum(finding.mark is Mark.BAD for finding in findings)
    things = f"{missing} thing{'s' * (missing > 1)} missing"
    console.print(f"\n{things}: see the next steps." if missing else "\nAll there.", style="bold")
    return 1 if missing else 0
