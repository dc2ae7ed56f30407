"""What the terminal shows of a run, and how: plain values in, something that rich can print out."""

import itertools
import math
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from handover.values import ServerView
from protos.messages import RGB, Outcome
from robot.values import Pose
from robot.view import AgentView
from sim.braille import Canvas
from sim.floorplan import NO_PLAN, FloorPlan
from sim.place import XY

STATE_STYLES = {
    "follow": "black on #7fd6a0",
    "search": "black on #f7d070",
    "wakeup": "black on #cbd2d9",
    "idle": "black on #cbd2d9",
    "explore": "black on #9db8f5",
    "mirror": "black on #e6b8f0",
    "hit": "white on #d64545",
    "offline": "white on #d64545",
    "estop": "bold white on #b3001b",
}
FAINT = "#7b8794"
MAX_SERVERS = 6


@dataclass(frozen=True, slots=True)
class RunView:
    """One moment of a run. Nothing in it changes any more."""

    scenario: str
    now_s: float
    length_s: float
    agent: AgentView
    plan: FloorPlan = NO_PLAN
    rover: Pose | None = None  # the truth, in the plan's frame
    target: XY | None = None
    others: tuple[XY, ...] = ()
    trail: tuple[tuple[XY, str], ...] = ()  # where the rover has been, and the colour of who served it there
    bearing_rad: float = math.nan  # the truth
    distance_m: float = math.nan
    keep_m: float = 1.5
    page: str = ""  # address, empty without one
    news: tuple[str, ...] = ()  # what happened, newest last


def render(view: RunView, width: int, height: int) -> RenderableType:
    """A screen full: from 80x24 up."""
    servers = view.agent.servers[:MAX_SERVERS]
    news_rows = max(1, min(4, height - 21))
    body_rows = max(6, height - 3 - (len(servers) + 2) - news_rows - 1)
    panel_columns = 40 if width < 110 else 48
    screen = Layout()
    screen.split_column(
        Layout(_head(view, width), size=2),
        Layout(name="body", size=body_rows),
        Layout(_servers(view, width), size=len(servers) + 2),
        Layout(_news(view, news_rows), size=news_rows),
        Layout(_foot(view), size=1),
        Layout(" "),
    )
    map_columns = max(10, width - panel_columns - 3)
    screen["body"].split_row(
        Layout(Padding(_map(view, map_columns, body_rows - 1), (0, 1)), size=map_columns + 2),
        Layout(Padding(_panel(view, panel_columns - 1), (0, 1, 0, 0))),
    )
    return screen


def plain_line(view: RunView) -> str:
    """One line for a log or a pipe."""
    agent = view.agent
    server = next((each.server.server_id for each in agent.servers if each.is_active), "no server")
    parts = [f"{view.now_s:5.1f}/{view.length_s:g} s", f"{agent.state:<7}", f"{server:<10}"]
    parts.append(f"rtt {_ms(agent.rtt_s)} ms" if math.isfinite(agent.rtt_s) else "rtt –")
    parts.append(f"{agent.result_fps:4.1f} results/s")
    if math.isfinite(view.distance_m):
        parts.append(f"distance {view.distance_m:.2f} m, bearing {math.degrees(view.bearing_rad):+.1f}°")
    if agent.counts is not None:
        parts.append(f"lost {agent.counts.outcomes.get(Outcome.LOST, 0)}")
    return "  ".join(parts)


def _head(view: RunView, width: int) -> RenderableType:
    done = min(max(view.now_s / view.length_s, 0.0), 1.0) if view.length_s > 0 else 0.0
    columns = max(10, width - 36 - len(view.scenario))
    full = round(done * columns)
    line = Text.assemble(
        (" tagalong ", "bold black on #7fd6a0"),
        (f" {view.scenario} ", "bold"),
        ("━" * full, "#7fd6a0"),
        ("━" * (columns - full), "#3e4c59"),
        (f" {view.now_s:5.1f} / {view.length_s:g} s", FAINT),
    )
    return Group(line, Text())


def _map(view: RunView, columns: int, rows: int) -> RenderableType:
    x0, y0, x1, y1 = view.plan.bounds
    canvas = Canvas(columns, rows, (x0 - 0.3, y0 - 0.3, x1 + 0.3, y1 + 0.3))
    for wall in view.plan.walls:
        for start, end in itertools.pairwise(wall):
            canvas.line(start, end, "#7b8794")
    for outline in view.plan.furniture:
        for start, end in zip(outline, (*outline[1:], outline[0]), strict=True):
            canvas.line(start, end, "#8a6d4f")
    colour = _active_colour(view.agent)
    for at, served in view.trail:
        canvas.dot(at, served)
    for site in view.plan.sites:
        canvas.letter(site.at, "▲", f"bold {site.colour}")
    for at in view.others:
        canvas.letter(at, "○", FAINT)
    if view.target is not None:
        canvas.letter(view.target, "●", "bold #ff8a4c")
    if view.rover is not None:
        canvas.letter((view.rover.x_m, view.rover.y_m), _arrow(view.rover.heading_rad), f"bold {colour}")
    return canvas.render()


def _panel(view: RunView, columns: int) -> RenderableType:
    agent = view.agent
    rows = Table.grid(padding=(0, 1))
    rows.add_column(style=FAINT, no_wrap=True)
    rows.add_column(no_wrap=True)
    state = Text.assemble((f" {agent.state} ", STATE_STYLES.get(str(agent.state), "reverse")), "  ", _light(agent))
    rows.add_row("state", state)
    active = next((each for each in agent.servers if each.is_active), None)
    name = Text("none", "bold #d64545")
    if active is not None:
        name = Text(f"● {active.server.server_id}", f"bold {_hex(active.server.colour_rgb)}")
    rows.add_row("server", name)
    bar = max(8, columns - 20)
    keep = f"{view.keep_m:g}"
    rows.add_row("distance", _gauge(view.distance_m, 0.0, 2 * view.keep_m, bar, 0.35, f"{view.distance_m:.2f} m", keep))
    degrees = math.degrees(view.bearing_rad)
    rows.add_row("bearing", _gauge(-degrees, -30, 30, bar, 6, f"{degrees:+.1f}°"))
    decision = agent.decision
    if decision is not None:
        command = decision.command
        rows.add_row("speed", f"{command.forward_mps:+.2f} m/s  {math.degrees(command.turn_radps):+4.0f}°/s")
        age = "–" if math.isinf(decision.result_age_s) else f"{decision.result_age_s * 1e3:.0f} ms"
        rows.add_row("age", Text(f"{age} of the newest result", "bold #f29b9b" if decision.result_age_s > 0.3 else ""))
    rows.add_row("results", f"{agent.result_fps:.1f} /s of {agent.camera_fps:.1f} pictures/s")
    if agent.counts is not None:
        rows.add_row("frames", _counts(agent))
    return rows


def _counts(agent: AgentView) -> Text:
    assert agent.counts is not None
    counts = agent.counts
    bad = sum(counts.outcomes.get(each, 0) for each in (Outcome.REJECTED, Outcome.EXPIRED))
    lost = counts.outcomes.get(Outcome.LOST, 0)
    return Text.assemble(
        f"{counts.sent} sent, {counts.outcomes.get(Outcome.RESULT, 0)} answered\n",
        (f"{counts.outcomes.get(Outcome.SUPERSEDED, 0)} superseded, {bad} refused, {lost} lost", FAINT),
    )


def _servers(view: RunView, width: int) -> RenderableType:
    table = Table.grid(padding=(0, 2), expand=False)
    names = ("  server", "zone", "round trip", "cost", "radio", "load", "")
    for name in names:
        is_figure = name in ("round trip", "cost", "radio", "load")
        table.add_column(justify="right" if is_figure else "left", no_wrap=True)
    table.add_row(*(Text(name, FAINT) for name in names))
    for each in view.agent.servers[:MAX_SERVERS]:
        table.add_row(*_server(each))
    more = len(view.agent.servers) - MAX_SERVERS
    return Group(table, Text(f"  and {more} more", FAINT) if more > 0 else Text())


def _server(each: ServerView) -> tuple[Text, ...]:
    colour = _hex(each.server.colour_rgb)
    role = "serving" if each.is_active else "standby" if each.is_standby else "ready" if each.usable else "away"
    role_style = {"serving": f"bold {colour}", "standby": colour, "ready": "", "away": FAINT}[role]
    radio = f"{each.level_dbm:.0f} dBm" if math.isfinite(each.level_dbm) else "–"
    load = f"{each.load.streams}/{each.load.capacity}" if each.load.capacity else "–"
    dim = "" if each.usable else FAINT
    return (
        Text.assemble(("▶ " if each.is_active else "  ", colour), (each.server.server_id, f"bold {colour}")),
        Text(each.server.zone or "–", dim),
        Text(f"{_ms(each.rtt_p50_s)} ms", dim),
        Text(f"{_ms(each.cost_s)} ms", dim),
        Text(radio, dim),
        Text(load, dim),
        Text(role, role_style),
    )


def _news(view: RunView, rows: int) -> RenderableType:
    lines = [Text(f"  {line}", FAINT, no_wrap=True, overflow="ellipsis") for line in view.news[-rows:]]
    return Group(*lines) if lines else Text()


def _foot(view: RunView) -> RenderableType:
    keys = Text.assemble(
        *(part for key, what in (("q", "quit"), ("s", "search"), ("i", "idle"), ("x", "explore"), ("space", "stop"))
          for part in ((f"  {key}", "bold"), (f" {what}", FAINT)))
    )  # fmt: skip
    if view.page:
        keys.append("   page ", FAINT)
        keys.append(view.page, "underline #9db8f5")
    keys.no_wrap = True
    return keys


def _gauge(value: float, low: float, high: float, columns: int, good: float, label: str, wanted: str = "") -> Text:
    """A line with a mark: the middle is wanted, `good` around it is green."""
    if not math.isfinite(value):
        return Text("┄" * columns + "  –", FAINT)
    middle = (low + high) / 2
    spot = round((min(max(value, low), high) - low) / (high - low) * (columns - 1))
    text = Text()
    for column in range(columns):
        here = low + (high - low) * column / (columns - 1)
        near = abs(here - middle) <= good
        if column == spot:
            text.append("●", "bold #7fd6a0" if abs(value - middle) <= good else "bold #f7a072")
        else:
            text.append("┼" if column == columns // 2 else "─", "#3f9a66" if near else "#3e4c59")
    text.append(f"  {label}")
    return text


def _light(agent: AgentView) -> Text:
    rgb = agent.light.rgb
    return Text(f"◉ {agent.light.effect}", _hex(rgb) if sum(rgb) > 120 else FAINT)


def _active_colour(agent: AgentView) -> str:
    return next((_hex(each.server.colour_rgb) for each in agent.servers if each.is_active), "#9aa5b1")


def _hex(rgb: RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _arrow(heading_rad: float) -> str:
    return "→↗↑↖←↙↓↘"[round(heading_rad / (math.pi / 4)) % 8]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f}" if math.isfinite(seconds) else "–"
