import pytest
import torch

from kd_teach.data.cache import cached


def test_made_once_for_each_key(own_cache):
    made = []

    def make():
        made.append(len(made))
        return {"numbers": torch.arange(3) + len(made)}

    assert cached("things", b"a", make)["numbers"].tolist() == [1, 2, 3]
    assert cached("things", b"a", make)["numbers"].tolist() == [1, 2, 3]
    assert cached("things", b"b", make)["numbers"].tolist() == [2, 3, 4]
    assert len(made) == len(list(own_cache.iterdir())) == 2


def test_a_damaged_file_is_made_anew(own_cache):
    cached("things", b"a", lambda: {"numbers": torch.arange(3)})
    (path,) = own_cache.iterdir()
    content = path.read_bytes()
    for damaged in (content[:-4], content[:-1] + b"\1", content.replace(b"sha256", b"sha512"), b""):
        path.write_bytes(damaged)
        assert cached("things", b"a", lambda: {"numbers": torch.arange(4)})["numbers"].tolist() == [0, 1, 2, 3]
    assert cached("things", b"a", lambda: pytest.fail("not kept"))["numbers"].tolist() == [0, 1, 2, 3]


def test_a_folder_that_cannot_be_written_gives_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KD_TEACH_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="Could not keep things .* set KD_TEACH_CACHE"):
        assert cached("things", b"a", lambda: {"numbers": torch.arange(3)})["numbers"].tolist() == [0, 1, 2]
