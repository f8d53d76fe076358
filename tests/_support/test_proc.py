"""Reading /proc, on Linux and where there is none."""

from kd_teach._support import proc


def test_the_first_of_equal_keys(tmp_path, monkeypatch):
    lines = ["model name\t: Chip: 2 GHz", "flags\t\t: a b", "no colon here", "model name\t: Other", "empty :"]
    (tmp_path / "cpuinfo").write_text("\n".join(lines))
    monkeypatch.setattr(proc, "Path", lambda root: tmp_path)
    assert proc.proc("cpuinfo") == {"model name": "Chip: 2 GHz", "flags": "a b", "empty": ""}
    assert proc.proc("nothing") == {}
