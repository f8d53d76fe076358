"""What made a table: the JSON beside it."""

import datetime
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from kd_teach._support.files import read_json, write_whole
from kd_teach._support.proc import proc
from kd_teach.study.jobs import Outcome
from kd_teach.study.table import table_lock
from kd_teach.training.run_folder import environment


class MadeBy:
    """Keeps the file in which each block of a table has an entry: who made it last.

    A block of which this study trained nothing keeps the entry that it has: who only found its runs did not make them.
    """

    def __init__(self, table: Path, *, workers: int, threads: int | None, address: str | None) -> None:
        self.table, self.path = table, table.with_suffix(".json")
        self._read()  # a damaged one is refused before anything is trained
        self._noted: set[str] = set()
        self._now = {
            "versions": {"kd_teach": version("kd-teach"), "torch": torch.__version__, "numpy": np.__version__},
            "command": command(address),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "hardware": environment() | {"processor": processor(), "cores": os.cpu_count()},
            "threads": threads or torch.get_num_threads(),
            "workers": "a Dask cluster" if address else workers,
        }

    def note(self, outcome: Outcome) -> None:
        """Write the entry of the outcome's block, once."""
        block = outcome.cell.block
        if block in self._noted:
            return
        with table_lock(self.table):
            known = self._read()
            if outcome.trained or block not in known:
                write_whole(self.path, json.dumps(known | {block: self._now}, indent=1) + "\n")
                if outcome.trained:
                    self._noted.add(block)

    def _read(self) -> dict:
        return read_json(self.path, {}, "Delete it.") if self.path.exists() else {}


def command(address: str | None) -> str | None:
    """The command line, if it was one of ours; a cluster's address is nobody's business."""
    if Path(sys.argv[0]).name not in ("kd-teach", "cli.py"):
        return None
    return " ".join(["kd-teach", *(part.replace(address or "\0", "tcp://...") for part in sys.argv[1:])])


def processor() -> str:
    """The processor's name, where the system tells it."""
    return proc("cpuinfo").get("model name") or platform.processor()
