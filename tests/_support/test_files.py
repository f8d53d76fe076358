"""Files that are whole or not there, and where the cache lies."""

import os
import threading
from pathlib import Path

import pytest

from kd_teach._support.files import cache_dir, locked, user_path, write_whole


@pytest.mark.parametrize("content", ["ä\n", "ä\n".encode(), lambda file: file.write("ä\n".encode())])
def test_text_bytes_and_writers(content, tmp_path):
    path = tmp_path / "new" / "file.txt"
    for _ in range(2):  # an old file is replaced
        write_whole(path, content)
        assert path.read_bytes() == "ä\n".encode()
    assert list(path.parent.iterdir()) == [path]


def cut(file):
    file.write(b"half")
    raise KeyboardInterrupt


def full(file):
    file.write(b"half")
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("writer", "error"), [(cut, KeyboardInterrupt), (full, OSError)])
def test_half_a_file_leaves_the_old_one_and_nothing_else(writer, error, tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(error):
        write_whole(path, writer)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize("mask", [0o022, 0o027])
def test_the_mode_is_the_umasks(mask, tmp_path):
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask


def test_the_cache_lies_where_asked_or_where_the_platform_keeps_caches(monkeypatch):
    monkeypatch.setenv("KD_TEACH_CACHE", "~/here")
    assert cache_dir() == Path.home() / "here"
    monkeypatch.delenv("KD_TEACH_CACHE")
    assert "kd_teach" in cache_dir().parts and cache_dir().is_absolute()


def test_an_account_without_a_home_has_a_cache(monkeypatch):
    monkeypatch.delenv("KD_TEACH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does for an unknown user
    assert cache_dir().is_absolute()


def test_who_waits_says_for_whom(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("kd_teach._support.files.PATIENCE", 0.01)
    order = []

    def second():
        with locked(tmp_path / "lock", lambda: "the first") as waited:
            order.append(waited)

    with locked(tmp_path / "lock", str) as waited:
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        order.append(waited)
    thread.join()
    assert order == [False, True] and capsys.readouterr().out == "Waiting for the first.\n"


def test_a_home_that_nobody_knows_leaves_the_path_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/x") == tmp_path / "x" and user_path(tmp_path) == tmp_path
    assert user_path("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
