"""`tagalong models`: fetch the detectors' files, list them, tell where one is."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Column, Table

from common.errors import ModelError
from edge_server.models.manifest import MANIFEST, ByHand, Model
from edge_server.models.pull import pull as pull_models
from edge_server.models.store import ModelStore, State, default_search, user_cache

app = typer.Typer(
    no_args_is_help=True,
    help="Detector models: pull, list, path. At run time nothing is fetched.",
    rich_markup_mode=None,
    add_completion=False,
)

STYLES = {State.READY: "green", State.MISSING: "yellow", State.WRONG_HASH: "bold red"}
Dest = Annotated[Path | None, typer.Option(help="Folder for the files; default: the user cache.", show_default=False)]


@app.command()
def pull(
    names: Annotated[list[str] | None, typer.Argument(help="Models; none: the default set.")] = None,
    dest: Dest = None,
) -> None:
    """Fetch models (36 MB for the default set), check them, keep them; not again those that are there already."""
    folder = dest or user_cache()
    store = ModelStore((folder,))
    try:
        wanted = (
            [store.model(name) for name in names] if names else [each for each in MANIFEST.values() if each.default]
        )
        outcome = _pull_with_progress(list(dict.fromkeys(wanted)), folder)
    except ModelError as error:
        raise _failed(str(error)) from error
    bad = {name: error for name, error in outcome.items() if isinstance(error, ModelError)}
    good = [name for name in outcome if name not in bad]
    if good:
        print(f"ready in {folder}: {', '.join(good)}")
    if bad:
        for message in dict.fromkeys(str(error) for error in bad.values()):  # one wheel's failure is said once
            typer.echo(f"tagalong models pull: {message}", err=True)
        raise typer.Exit(1)


@app.command("list")
def list_models(dest: Dest = None) -> None:
    """All models of the manifest: whether they are here, where, licence and size."""
    search = (dest,) if dest else default_search()
    store = ModelStore(search)
    table = Table(
        Column("name", no_wrap=True),
        Column("state", no_wrap=True),
        Column("where", overflow="fold"),
        "licence",
        Column("size", no_wrap=True),
    )
    for name in MANIFEST:
        found = store.find(name)
        table.add_row(
            name,
            f"[{STYLES[found.state]}]{found.state}[/]",
            str(found.path.parent) if found.path else _source(found.model),
            found.model.licence,
            _size(found.model.size),
        )
    console = Console()
    console.print(table)
    console.print(f"searched: {', '.join(str(folder) for folder in search)}", style="dim", soft_wrap=True)


@app.command()
def path(name: Annotated[str, typer.Argument(help="Name or file name of a model.")], dest: Dest = None) -> None:
    """Print where a model is. Exit code 1 when it is missing or is not what the manifest says."""
    try:
        print(ModelStore((dest,) if dest else default_search()).path(name))
    except ModelError as error:
        raise _failed(str(error)) from error


def _pull_with_progress(models: list[Model], folder: Path) -> dict[str, State | ModelError]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)

        def show(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total or None)

        return pull_models(models, folder, show)


def _failed(message: str) -> typer.Exit:
    typer.echo(f"tagalong models: {message}", err=True)
    return typer.Exit(1)


def _source(model: Model) -> str:
    return "by hand" if isinstance(model.source, ByHand) else "tagalong models pull"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
