"""Jobs: the cells that share a run, carried out one after the other, here or in processes of their own."""

import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from kd_teach.study.cells import Cell
from kd_teach.study.run_cell import carry_out, cell_data

Job = list[Cell]
ONE_AT_A_TIME = threading.Lock()  # seeds are set for a whole process: two cells in two threads would mix them up


@dataclass(frozen=True)
class Outcome:
    """A cell and what became of it: its columns, or the error it failed with."""

    cell: Cell
    columns: dict | None = None
    trained: bool = False  # False: found finished, or failed
    error: str = ""  # type of the exception
    message: str = ""

    @classmethod
    def failed(cls, cell: Cell, error: BaseException) -> "Outcome":
        return cls(cell, error=type(error).__name__, message=" ".join(str(error).split()))

    def __str__(self) -> str:
        if self.columns is None:
            return f"{self.cell}: FAILED, {self.error}: {self.message}"
        how = f"{self.columns['seconds_per_epoch']:.0f} s per epoch" if self.trained else "was there"
        where = "validation" if self.cell.select else "test"
        return f"{self.cell}: {where} accuracy {self.columns['test_accuracy']:.2%} ({how})"


def jobs_of(cells: Iterable[Cell]) -> list[Job]:
    """Cells grouped by the run they share: two processes must never train in one folder."""
    groups: dict[str, Job] = {}
    for cell in cells:
        groups.setdefault(cell.hash(), []).append(cell)
    return list(groups.values())


def work(job: Job, runs: Path, threads: int | None) -> Iterator[Outcome]:
    """Carry out the cells of a job; what they raise becomes an outcome. Ctrl-C passes through."""
    for cell in job:
        try:
            with ONE_AT_A_TIME, torch_threads(threads):
                row = carry_out(cell, runs)
        except Exception as error:
            yield Outcome.failed(cell, error)
        else:
            yield Outcome(cell, row.columns, row.trained)


@functools.lru_cache(maxsize=1)
def begin(study: str) -> None:
    """Forget the images of the study before, in a process that carries out its first cell of this: they may change."""
    cell_data.cache_clear()


def in_worker(job: Job, study: str, runs: Path, threads: int | None) -> list[Outcome]:
    """`work` in a process that nobody watches: without bars."""
    begin(study)
    os.environ["KD_TEACH_PROGRESS"] = "0"
    return list(work(job, runs, threads))


def in_processes(
    jobs: Sequence[Job], work: Callable[[Job], list[Outcome]], workers: int, retries: int
) -> Iterator[Outcome]:
    """Carry out the jobs in `workers` processes of one thread each, and hand on outcomes as they come.

    When a process dies (out of memory, say) joblib gives up all. Those in flight, the first `workers` of the waiting,
    are then put last, and one that was in flight at `retries + 1` deaths has failed. When only such suspects are left
    they go one at a time, so that the guilty one takes no other with it.
    """
    waiting, deaths = dict(enumerate(jobs)), dict.fromkeys(range(len(jobs)), 0)
    while waiting:
        alone = all(deaths[number] for number in waiting)
        tasks = [delayed(numbered)(number, job, work) for number, job in waiting.items()]
        try:
            with parallel_config(backend="loky", inner_max_num_threads=1):
                # At least 2, as joblib carries out a single one in this process, which must not die.
                pool = Parallel(
                    max(2, workers),
                    return_as="generator_unordered",
                    pre_dispatch=1 if alone else "2*n_jobs",
                    batch_size=1,
                )
                for number, outcomes in pool(tasks):
                    del waiting[number]
                    yield from outcomes
        except TerminatedWorkerError as error:
            for number in list(waiting)[: 1 if alone else workers]:
                deaths[number] += 1
                job = waiting.pop(number)
                if deaths[number] > retries:
                    yield from (Outcome.failed(cell, error) for cell in job)
                else:
                    waiting[number] = job


def numbered(number: int, job: Job, work: Callable[[Job], list[Outcome]]) -> tuple[int, list[Outcome]]:
    return number, work(job)


@contextmanager
def torch_threads(count: int | None):
    """PyTorch's threads set to `count`, and back afterwards; None leaves them."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
