"""Where models are searched, and what the command says about them."""

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from common.errors import ModelError
from edge_server.models import cli
from edge_server.models.manifest import Address, ByHand, Model
from edge_server.models.store import ModelStore, State, default_search, user_cache

CONTENT = b"weights"
SHA = hashlib.sha256(CONTENT).hexdigest()
NET = Model("net", "net.bin", SHA, len(CONTENT), "MIT", Address("https://example.org/net.bin"), "tests")
HAND = Model("hand", "hand.bin", SHA, len(CONTENT), "MIT", ByHand("the attic"), "tests")
MANIFEST = {model.name: model for model in (NET, HAND)}


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    return first, second


def test_the_environment_comes_before_the_user_cache() -> None:
    environ = {"TAGALONG_MODELS": "/a:/b", "XDG_CACHE_HOME": "/cache"}
    assert default_search(environ) == (Path("/a"), Path("/b"), Path("/cache/tagalong/models"))
    assert default_search({}) == (Path.home() / ".cache/tagalong/models",)
    assert user_cache(environ) == Path("/cache/tagalong/models")


def test_a_model_is_found_by_name_and_by_file_name_in_the_first_folder_that_has_it(folders) -> None:
    for folder in folders:
        (folder / "net.bin").write_bytes(CONTENT)
    store = ModelStore(folders, MANIFEST)
    assert store.path("net") == store.path("net.bin") == folders[0] / "net.bin"


def test_a_wrong_file_does_not_hide_the_right_one_further_on(folders) -> None:
    (folders[0] / "net.bin").write_bytes(b"half")
    (folders[1] / "net.bin").write_bytes(CONTENT)
    assert ModelStore(folders, MANIFEST).path("net") == folders[1] / "net.bin"


def test_a_wrong_file_alone_is_refused_and_named(folders) -> None:
    (folders[1] / "net.bin").write_bytes(b"half")
    store = ModelStore(folders, MANIFEST)
    assert store.find("net").state is State.WRONG_HASH
    with pytest.raises(ModelError, match=r"second/net\.bin is not the model net"):
        store.path("net")


def test_a_file_that_changes_is_checked_anew(folders) -> None:
    file = folders[0] / "net.bin"
    file.write_bytes(CONTENT)
    store = ModelStore(folders, MANIFEST)
    assert store.path("net") == file
    file.write_bytes(CONTENT + b"!")
    with pytest.raises(ModelError, match="is not the model"):
        store.path("net")


def test_a_missing_model_says_which_file_to_put_where_and_what_to_run(folders) -> None:
    store = ModelStore(folders, MANIFEST)
    with pytest.raises(ModelError) as pulled:
        store.path("net")
    for part in ("net.bin", str(folders[0]), str(folders[1]), "tagalong models pull net"):
        assert part in str(pulled.value)
    with pytest.raises(ModelError, match=r"put hand\.bin \(from the attic\)"):
        store.path("hand")


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ModelError, match="Did you mean 'blazepose'"):
        ModelStore([]).path("blazepos")


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The command with a manifest of two models and a cache of its own."""
    monkeypatch.setattr(cli, "MANIFEST", MANIFEST)
    monkeypatch.setattr(cli, "ModelStore", lambda search: ModelStore(search, MANIFEST))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TAGALONG_MODELS", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()
    return lambda *words: runner.invoke(cli.app, list(words))


def test_list_tells_each_models_state(run, tmp_path) -> None:
    folder = tmp_path / "cache/tagalong/models"
    folder.mkdir(parents=True)
    (folder / "net.bin").write_bytes(CONTENT)
    (folder / "hand.bin").write_bytes(b"half")
    done = run("list")
    assert done.exit_code == 0
    rows = {line.split()[1]: line for line in done.stdout.splitlines() if line.startswith("│")}
    assert "ready" in rows["net"]
    assert "wrong hash" in rows["hand"]
    assert "MIT" in rows["net"]


def test_path_prints_the_file_or_fails(run, tmp_path) -> None:
    assert run("path", "net").exit_code == 1
    assert "tagalong models pull net" in run("path", "net").stderr
    (tmp_path / "net.bin").write_bytes(CONTENT)
    done = run("path", "net", "--dest", str(tmp_path))
    assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / "net.bin"))


def test_pull_fails_when_one_model_cannot_come_and_says_what_to_do(run, tmp_path) -> None:
    (tmp_path / "net.bin").write_bytes(CONTENT)
    done = run("pull", "net", "hand", "--dest", str(tmp_path))
    assert done.exit_code == 1
    assert "net" in done.stdout
    assert "put hand.bin" in done.stderr
    assert run("pull", "net", "--dest", str(tmp_path)).exit_code == 0


def test_pull_of_an_unknown_name_fetches_nothing(run, tmp_path) -> None:
    done = run("pull", "net", "nett", "--dest", str(tmp_path / "to"))
    assert done.exit_code == 1
    assert "Did you mean 'net'" in done.stderr
    assert not (tmp_path / "to").exists()
