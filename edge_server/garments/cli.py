"""`tagalong garments`: add one from a photo, list them, show one, remove one."""

from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from edge_server.garments.adding import from_photo
from edge_server.garments.catalogue import BUILT_IN, Catalogue, Entry, search_path, user_folder
from edge_server.garments.preview import in_terminal, preview
from edge_server.garments.record import PREVIEW, GarmentError, remove_folder, write_garment
from edge_server.tryon.values import Kind, TryOnError

app = typer.Typer(
    no_args_is_help=True,
    help="Garments to try on: add one from a photo, list, show, remove.",
    rich_markup_mode=None,
    add_completion=False,
)

Folder = Annotated[
    Path | None,
    typer.Option(help="Your garments; default: $TAGALONG_GARMENTS, else your data folder.", show_default=False),
]


@app.command()
def add(
    photo: Annotated[Path, typer.Argument(help="JPEG or PNG: one garment, laid flat on a plain background.")],
    name: Annotated[str | None, typer.Option(help="What people read; default: from the file's name.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="Default: guessed from the outline.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="a-z, 0-9 and -; default: from the name.")] = None,
    folder: Folder = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a garment of the same id.")] = False,
) -> None:
    """Cut a garment out of a photo, find its landmarks, keep it, and make a preview to check them by."""
    try:
        made = from_photo(photo, name, kind, id_)
        garment = made.garment
        if not force and (BUILT_IN / garment.garment_id).exists():
            raise GarmentError(
                f"a garment {garment.garment_id!r} comes along already. Give another --id, or --force to hide that one."
            )
        kept = write_garment(folder or user_folder(), garment, made.preview, force)
    except TryOnError as error:
        raise _failed("add", error) from error
    console = Console(soft_wrap=True, highlight=False)
    guessed = "" if kind else " (guessed; if that is wrong, add it again with --kind and --force)"
    console.print(Text(f"{garment.garment_id}: {garment.name}, {garment.kind.value}{guessed}"))
    if made.turned_deg:
        console.print(Text(f"turned upright by {made.turned_deg:.0f}°"))
    console.print(Text(f"kept in {kept}"))
    console.print(Text(f"look at its landmarks: {kept / PREVIEW}"))


@app.command("list")
def list_garments(folder: Folder = None) -> None:
    """All garments, and folders that cannot be used."""
    search = _search(folder)
    catalogue = Catalogue(search)
    table = Table(Column("id", no_wrap=True), "name", Column("kind", no_wrap=True), Column("where", overflow="fold"))
    for entry in catalogue.entries():
        where = "built in" if entry.built_in else str(entry.folder)
        table.add_row(entry.garment_id, Text(entry.name), entry.kind.value, Text(where))  # text: no markup in names
    console = Console(highlight=False)
    console.print(table)
    for problem in catalogue.problems:
        console.print(Text(f"left out: {problem}"), style="yellow", soft_wrap=True)
    console.print(Text(f"searched: {', '.join(str(each) for each in search)}"), style="dim", soft_wrap=True)


@app.command()
def show(
    garment_id: Annotated[str, typer.Argument(metavar="ID")],
    out: Annotated[Path | None, typer.Option(help="Write the preview, with its landmarks, here (.png, .jpg).")] = None,
    folder: Folder = None,
) -> None:
    """One garment: in the terminal, or as a picture with its landmarks."""
    try:
        catalogue = Catalogue(_search(folder))
        entry = catalogue.entry(garment_id)
        garment = catalogue.get(garment_id)
        if out is not None:
            if out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
                raise GarmentError(f"{out}: previews are written as .png or .jpg. Give such a name.")
            try:
                done, data = cv2.imencode(out.suffix.lower(), preview(garment))
                assert done
                out.write_bytes(data.tobytes())
            except OSError as error:
                raise GarmentError(f"{out}: cannot be written ({error.strerror}).") from error
    except TryOnError as error:
        raise _failed("show", error) from error
    console = Console(soft_wrap=True, highlight=False)
    if out is not None:
        console.print(Text(str(out)))
        return
    if console.is_terminal:
        console.print(in_terminal(garment.bgra))
    height, width = garment.bgra.shape[:2]
    console.print(Text(f"{entry.garment_id}: {entry.name}"), style="bold")
    console.print(Text(f"{entry.kind.value}, {width}x{height} pixels, {entry.folder}"))
    for mark, (x, y) in garment.landmarks.items():
        console.print(Text(f"  {mark:20} {x:.3f} {y:.3f}"))


@app.command()
def remove(garment_id: Annotated[str, typer.Argument(metavar="ID")], folder: Folder = None) -> None:
    """Remove one of your own garments."""
    try:
        entry = _own(garment_id, folder)
        remove_folder(entry.folder)
    except TryOnError as error:
        raise _failed("remove", error) from error
    except OSError as error:
        raise _failed("remove", GarmentError(f"{garment_id}: cannot be removed ({error.strerror}).")) from error
    Console(soft_wrap=True, highlight=False).print(Text(f"removed {entry.folder}"))


def _own(garment_id: str, folder: Path | None) -> Entry:
    entry = Catalogue(_search(folder)).entry(garment_id)
    if entry.built_in:
        raise GarmentError(f"{garment_id} comes with tagalong and stays. Your own can go: tagalong garments list")
    return entry


def _search(folder: Path | None) -> tuple[Path, ...]:
    return (BUILT_IN, folder) if folder else search_path()


def _failed(command: str, error: Exception) -> typer.Exit:
    typer.echo(f"tagalong garments {command}: {error}", err=True)
    return typer.Exit(1)
