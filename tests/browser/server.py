"""JupyterLab on a free loopback port, on a throw-away copy of the notebooks and with throw-away settings."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
NOTIFICATIONS = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def copy_notebooks(folder: Path) -> None:
    """The notebooks without their outputs (saved ones would pass for new ones), and the results that they read."""
    (folder / "notebooks").mkdir()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / "notebooks" / path.name)
    shutil.copytree(ROOT / "data" / "results", folder / "data" / "results")


def environment(folder: Path) -> dict[str, str]:
    """This process's environment with every folder of Jupyter's inside `folder`, and the smallest lessons."""
    variables = "CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"
    places = {f"JUPYTER_{name}": folder / name.lower() for name in variables}
    places |= {f"JUPYTERLAB_{name}": folder / name.lower() for name in ("SETTINGS_DIR", "WORKSPACES_DIR")}
    places["IPYTHONDIR"] = folder / "ipython"
    for place in places.values():
        place.mkdir(parents=True)
    news = places["JUPYTERLAB_SETTINGS_DIR"] / NOTIFICATIONS  # else a pop-up asks whether to fetch Jupyter's news
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}))
    small = {"KD_TEACH_BUDGET": "smoke", "KD_TEACH_PROGRESS": "0", "PYTHONPATH": str(ROOT)}
    return os.environ | {name: str(place) for name, place in places.items()} | small


@contextmanager
def jupyterlab(folder: Path, *, patience: float = 60) -> Iterator[str]:
    """Serve `folder`/work, and give the address; stopped as a whole, with all kernels, at the end."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    work = folder / "work"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={work}"]
    command += ["--IdentityProvider.token=", "--ServerApp.password="]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=work, env=environment(folder), stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait_until_up(url, server, patience)
            yield url
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # its own process group: the kernels go with it
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def wait_until_up(url: str, server: subprocess.Popen, patience: float) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/api/status", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not answer within {patience:.0f} s; see server.log beside its work folder.")
