"""`tagalong garments`, as people use it."""

from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from edge_server.garments import cli
from edge_server.garments.catalogue import BUILT_IN
from edge_server.garments.record import read_garment, write_garment
from edge_server.tryon.values import Kind
from tests.edge_server.garments.support import WHITE, built_in, photo_of, simple, write


@pytest.fixture
def run(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("TAGALONG_GARMENTS", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()
    return lambda *words: runner.invoke(cli.app, [str(word) for word in words])


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    return write(folder / "Green shirt.jpg", photo_of(built_in("tee-sage"), WHITE).bgr)


def test_a_photo_becomes_a_garment_that_is_listed_shown_and_removed(run, photo: Path, tmp_path: Path) -> None:
    done = run("add", photo)
    assert done.exit_code == 0, done.stderr
    folder = tmp_path / "mine/green-shirt"
    assert f"kept in {folder}" in done.stdout
    assert "top (guessed" in done.stdout
    assert read_garment(folder).name == "Green shirt"
    preview = cv2.imread(str(folder / "preview.jpg"))
    assert preview is not None
    assert max(preview.shape) > 500

    listed = run("list").stdout
    assert "green-shirt" in listed
    assert "built in" in listed

    out = tmp_path / "seen.png"
    assert run("show", "green-shirt", "--out", out).exit_code == 0
    assert cv2.imread(str(out)) is not None
    shown = run("show", "green-shirt").stdout
    assert "armpit_left" in shown

    again = run("add", photo)
    assert again.exit_code == 1
    assert "--force" in again.stderr
    named = run("add", photo, "--force", "--name", "Moss", "--id", "green-shirt", "--kind", "jacket")
    assert named.exit_code == 0
    assert "guessed" not in named.stdout
    assert (read_garment(folder).name, read_garment(folder).kind) == ("Moss", Kind.JACKET)

    assert run("remove", "green-shirt").exit_code == 0
    assert not folder.exists()


def test_what_comes_along_is_neither_removed_nor_hidden_unasked(run, photo: Path, tmp_path: Path) -> None:
    refused = run("remove", "tee-sage")
    assert refused.exit_code == 1
    assert "stays" in refused.stderr
    assert (BUILT_IN / "tee-sage/picture.png").is_file()
    hidden = run("add", photo, "--id", "tee-sage")
    assert hidden.exit_code == 1
    assert "comes along already" in hidden.stderr
    assert not (tmp_path / "mine").exists()


def test_the_user_s_folder_may_be_given(run, tmp_path: Path) -> None:
    write_garment(tmp_path / "other", simple())
    assert "plain-top" in run("list", "--folder", tmp_path / "other").stdout
    assert run("remove", "plain-top").exit_code == 1  # not on the usual way
    assert run("remove", "plain-top", "--folder", tmp_path / "other").exit_code == 0


def test_names_are_shown_as_text_and_broken_folders_are_told(run, tmp_path: Path) -> None:
    write_garment(tmp_path / "mine", simple(name="[red]x[/red] <b>y</b>"))
    (tmp_path / "mine/broken").mkdir()
    listed = run("list").stdout
    assert "[red]x[/red] <b>y</b>" in listed
    assert "left out" in listed
    assert "broken/garment.yaml: is missing" in listed


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "none.jpg"), "none.jpg: cannot be read"),
        (("show", "tee-rovr"), "Did you mean 'tee-rover'"),
        (("show", "../../etc"), "is none"),
        (("remove", ".."), "is none"),
        (("show", "tee-rover", "--out", "x.gif"), "written as .png or .jpg"),
        (("show", "tee-rover", "--out", "/no/such/folder/x.png"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run, words: tuple[str, ...], says: str) -> None:
    done = run(*words)
    assert done.exit_code == 1
    assert says in done.stderr
    assert done.stderr.startswith(f"tagalong garments {words[0]}: ")
    assert "Traceback" not in done.stderr


def test_an_id_that_is_none_is_refused_before_anything_is_written(run, photo: Path, tmp_path: Path) -> None:
    done = run("add", photo, "--id", "../evil")
    assert done.exit_code == 1
    assert "a-z" in done.stderr
    assert not (tmp_path / "mine").exists()
    assert not (tmp_path / "evil").exists()
