"""torchvision's own checks run here, on an archive of the same build that holds a few images of noise."""

import hashlib
import pickle
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from filelock import FileLock
from torchvision import datasets

from kd_teach.data import load_data
from kd_teach.data.cifar import CIFAR, data_roots

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small CIFAR-10 archive, which torchvision takes for the real one and downloads from this machine."""
    source = tmp_path / "elsewhere" / "cifar-10-batches-py"
    source.mkdir(parents=True)

    def write(name: str, content: dict) -> list[str]:
        (source / name).write_bytes(pickle.dumps(content))
        return [name, md5(source / name)]

    def batch(count: int) -> dict:
        pixels = np.random.default_rng(count).integers(256, size=(count, 3072), dtype=np.uint8)
        return {"data": pixels, "labels": [row % 10 for row in range(count)]}

    train = [write(f"data_batch_{number}", batch(20 + number)) for number in (1, 2)]
    test = [write("test_batch", batch(10))]
    name, checksum = write("batches.meta", {"label_names": CLASSES})
    meta = {"filename": name, "key": "label_names", "md5": checksum}
    path = source.parent / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(source, source.name)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=path.parent)) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{path.name}"
        facts = {"train_list": train, "test_list": test, "meta": meta, "tgz_md5": md5(path), "url": url}
        small = type("SmallCIFAR10", (datasets.CIFAR10,), facts)
        monkeypatch.setattr(datasets, CIFAR["cifar10"].dataset, small)
        yield path
        server.shutdown()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_download_fetches_checks_and_unpacks(archive, root):
    data = load_data("cifar10", root=root, val=10, download=True)
    assert (len(data.train), len(data.val), len(data.test)) == (33, 10, 10)
    assert list(data.classes) == CLASSES
    assert (data.mean, data.std) == (CIFAR["cifar10"].mean, CIFAR["cifar10"].std)
    pixels = np.random.default_rng(10).integers(256, size=(10, 3, 32, 32), dtype=np.uint8)  # the test batch
    assert torch.equal(data.test.images, torch.from_numpy(pixels))
    assert load_data("cifar10", root=root, val=10).fingerprint() == data.fingerprint()


def test_a_whole_archive_is_unpacked_without_asking(archive, root):
    (root / archive.name).write_bytes(archive.read_bytes())
    assert len(load_data("cifar10", root=root).test) == 10


def test_of_two_that_download_one_waits_for_the_other(archive, root):
    with ThreadPoolExecutor(1) as pool:
        with FileLock(root / ".cifar-10-batches-py.lock"):  # as of a process that downloads
            waiting = pool.submit(load_data, "cifar10", root=root, download=True)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            assert not (root / "cifar-10-batches-py").exists()
        assert len(waiting.result(timeout=60).test)


def test_a_half_finished_download_is_named_and_can_be_repaired(archive, root):
    half = root / archive.name
    half.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(
        RuntimeError, match=r"half-finished or damaged download.*Delete it, or .*download=True"
    ) as error:
        load_data("cifar10", root=root)
    assert str(half) in str(error.value)
    assert len(load_data("cifar10", root=root, download=True).test) == 10


def test_missing_and_damaged_files_are_named_and_can_be_repaired(archive, root):
    load_data("cifar10", root=root, download=True)
    (root / "cifar-10-batches-py" / "data_batch_1").unlink()
    (root / "cifar-10-batches-py" / "batches.meta").write_bytes(b"?")
    with pytest.raises(
        RuntimeError, match=r"data_batch_1 \(missing\), batches.meta \(wrong checksum\)\. Delete it, or"
    ):
        load_data("cifar10", root=root)
    assert len(load_data("cifar10", root=root, download=True).test) == 10


def test_a_download_of_other_content_is_refused(archive, root):
    archive.write_bytes(archive.read_bytes()[:-100])  # after its checksum was taken
    with pytest.raises(RuntimeError, match="half-finished or damaged download"):
        load_data("cifar10", root=root, download=True)


def test_no_connection_says_what_could_not_be_fetched(archive, root):
    archive.unlink()
    with pytest.raises(ConnectionError, match=r"Could not download http.*shapes10 needs no download"):
        load_data("cifar10", root=root, download=True)


def test_missing_data_says_where_it_looked_and_the_ways_out(root, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"download=True .*KD_TEACH_DATA .*shapes10") as error:
        load_data("cifar100", root=root)
    assert f"{root} (looked for cifar-100-python" in str(error.value)
    monkeypatch.setenv("KD_TEACH_DATA", str(root / "other"))
    with pytest.raises(FileNotFoundError, match="other"):
        load_data("cifar10")


def test_the_folder_that_holds_cifar_is_offered(write_folder, root, monkeypatch):
    write_folder(root / "cifar10")
    for wrong in (root / "cifar10", root / "cifar10" / "train", root.parent):
        monkeypatch.setenv("KD_TEACH_DATA", str(wrong))
        with pytest.raises(FileNotFoundError, match="shapes10 needs no download") as error:
            load_data("cifar10")
        assert str(error.value).endswith(f"Did you mean {root}?")


def test_class_folders_will_do_and_keep_the_published_statistics(write_folder, root, monkeypatch):
    write_folder(root / "cifar10", classes=CLASSES)
    monkeypatch.setenv("KD_TEACH_DATA", str(root))
    data = load_data("cifar10", val=10, samples=10)
    assert list(data.classes) == CLASSES == sorted(CLASSES)
    assert data.mean == (0.4914, 0.4822, 0.4465)


def test_roots_are_the_argument_the_variable_or_here_and_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_TEACH_DATA", str(tmp_path / "variable"))
    assert data_roots(tmp_path / "argument") == [tmp_path / "argument"]
    assert data_roots() == [tmp_path / "variable"]
    monkeypatch.delenv("KD_TEACH_DATA")
    monkeypatch.chdir(tmp_path)
    assert data_roots()[0] == tmp_path / "data"
    assert all(place.name == "data" for place in data_roots())
