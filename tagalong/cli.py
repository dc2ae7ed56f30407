"""The command `tagalong`. A sub-command's packages are imported when it is called, so that help is quick and a missing
extra is told by the name of what to install."""

import importlib
import sys
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup


@dataclass(frozen=True, slots=True)
class Command:
    module: str
    attribute: str  # a function, or a typer.Typer with sub-commands
    help: str
    extra: str  # tagalong[extra] brings what it imports


COMMANDS = {
    "sim": Command("sim.cli", "sim", "Run the whole system in a simulated world.", "sim"),
    "robot": Command("robot.cli", "robot", "Run a robot.", "robot"),
    "edge": Command("edge_server.cli", "edge", "Run an edge server.", "edge"),
    "mirror": Command("mirror.cli", "mirror", "Try garments on, before a webcam.", "mirror"),
    "garments": Command("edge_server.garments.cli", "app", "List, add and show garments to try on.", "edge"),
    "archive": Command("archive.cli", "app", "Faces over MQTT into object storage.", "archive"),
    "models": Command("edge_server.models.cli", "app", "Pull, list and find model files.", "edge"),
}


class LazyGroup(TyperGroup):
    """Knows its commands' names and one line of help each; loads the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        known = COMMANDS.get(cmd_name)
        if known is None:
            return None
        stub = typer.Typer(add_completion=False, rich_markup_mode=None)
        stub.command(cmd_name, help=known.help)(_nothing)
        return typer.main.get_command(stub)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(str(name)), rest


def load(name: str) -> Any:
    """The real command. Exits with 2 where a library of its extra is missing."""
    known = COMMANDS[name]
    try:
        target = getattr(importlib.import_module(known.module), known.attribute)
    except ModuleNotFoundError as error:
        print(
            f"tagalong {name}: the library {error.name} is not installed. Run: pip install 'tagalong[{known.extra}]'",
            file=sys.stderr,
        )
        raise SystemExit(2) from error
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer(add_completion=False, rich_markup_mode=None)
        target.command(name)(function)
    command = typer.main.get_command(target)
    command.name = name
    return command


def _nothing() -> None: ...


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None
)


@app.callback()
def tagalong() -> None:
    """A small camera robot follows a person, with its vision on whichever edge server answers soonest."""


def main() -> None:
    app()
