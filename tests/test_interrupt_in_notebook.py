"""The stop button of a notebook: a real kernel is interrupted while it trains, and its cell ends without an error."""

import sys
import time

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

PREPARE = """
from pathlib import Path
import kd_teach
from kd_teach.data import load_data
from kd_teach.models import create_model

data = load_data("shapes10", samples=320, val=20)
teacher = create_model("resnet8", num_classes=10)
shown = lambda record: print("epoch", record.epoch, flush=True)
"""
TRAIN = """
run = kd_teach.distill(
    "kd", student="resnet8", teacher=teacher, data=data, epochs=200, seed=0, cache="runs", on_epoch=shown
)
"""
LOOK = """
print(len(run.history), run.test_accuracy, len(list(Path("runs").glob("*/checkpoint.pt"))))
"""


@pytest.fixture
def kernel(tmp_path):
    manager = KernelManager()
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=command, display_name="this environment", language="python")
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def ask(client, code, *, wait_for=None, then=None):
    """Run a cell; call `then` when it has printed `wait_for`. All that it printed, and the kernel's reply."""
    message = client.execute(code)
    printed, deadline = "", time.monotonic() + 120
    while time.monotonic() < deadline:
        said = client.get_iopub_msg(timeout=60)
        if said["parent_header"].get("msg_id") != message:
            continue
        if said["msg_type"] == "stream":
            printed += said["content"]["text"]
            if then and wait_for in printed:
                then()
                then = None
        if said["msg_type"] == "status" and said["content"]["execution_state"] == "idle":
            break
    return printed, client.get_shell_msg(timeout=60)["content"]


@pytest.mark.system
def test_stop_button_keeps_what_there_is_and_the_same_cell_goes_on(kernel):
    manager, client = kernel
    assert ask(client, PREPARE)[1]["status"] == "ok"
    printed, reply = ask(client, TRAIN, wait_for="epoch 2", then=manager.interrupt_kernel)
    assert reply["status"] == "ok", reply  # no KeyboardInterrupt, no traceback
    assert "Stopping after this batch" in printed and "The same once more goes on from there" in printed
    epochs, accuracy, checkpoints = ask(client, LOOK)[0].split()
    assert 2 <= int(epochs) < 200 and accuracy == "nan" and checkpoints == "1"
    printed, _ = ask(client, TRAIN, wait_for=f"epoch {int(epochs) + 2}", then=manager.interrupt_kernel)
    assert printed.startswith("epoch 1\n"), "the records of the first part come again"
    assert int(ask(client, LOOK)[0].split()[0]) >= int(epochs) + 1
