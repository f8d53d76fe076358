"""Running a study: cells go out, rows come back, and one that fails stops no other."""

import csv
import io
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm.auto import tqdm

from kd_teach._support.files import cache_dir, user_path, write_whole
from kd_teach._support.numbers import whole
from kd_teach._support.progress import bar
from kd_teach.study.cells import CONFIGURATION, Cell
from kd_teach.study.cluster import on_cluster
from kd_teach.study.grid import Study
from kd_teach.study.jobs import Outcome, begin, in_processes, in_worker, jobs_of, work
from kd_teach.study.provenance import MadeBy
from kd_teach.study.table import CURVES, MEASUREMENTS, Table, table_lock, text_of
from kd_teach.study.tuning import choose

FAILURE = (*CONFIGURATION, "error", "message")


@dataclass(frozen=True)
class StudyResult:
    """How a study ended."""

    table: Path
    rows: int  # cells that are in the table
    failures: list[Outcome]
    chosen: list[str]  # a line per method, of a study that chooses weights

    def __str__(self) -> str:
        lines = [*self.chosen, f"{self.rows} of {self.rows + len(self.failures)} cells are in {self.table}."]
        lines += [f"Failed: {outcome.cell}: {outcome.error}: {outcome.message}" for outcome in self.failures]
        if self.failures:
            lines.append(f"Failures are listed in {failures_file(self.table)}; the same command tries them again.")
        return "\n".join(lines)


def run_study(
    study: Study,
    *,
    out: str | Path | None = None,
    runs: str | Path | None = None,
    workers: int = 1,
    threads: int | None = None,
    address: str | None = None,
    resources: Mapping[str, float] | None = None,
    retries: int = 2,
    renew: bool = False,
    say: Callable[[str], None] | None = None,
) -> StudyResult:
    """Carry out all cells of a study that are not in its table yet, and write it.

    A row that stands in the table is done, whatever code made it (its column `code` says which): days of training are
    not lost to a renamed variable.

    Killed at any moment and called again, it finds finished runs, goes on with the unfinished one from its last epoch,
    and ends with the same table: training is bit-reproducible for one number of threads.

    Args:
        study: from `load_study` or `make_study`.
        out: the table, a CSV; None takes the grid's own. Beside it come `<name>.json`, which says what made it, and,
            only if any cell failed, `<name>_failures.csv`.
        runs: the folder of all run folders; None is the cache that notebooks use, so each finds the other's runs.
        workers: processes on this machine. With 1 the cells run in this process.
        threads: of PyTorch in each process; None is 1, or with a single worker here what PyTorch takes by itself.
        address: of a Dask scheduler, such as "tcp://10.0.0.5:8786": its workers carry out the cells. They need
            kd_teach, the data, and, to find finished runs again, the folder `runs` under the same path.
        resources: what a cell takes of a Dask worker's declared resources, such as {"GPU": 0.25}.
        retries: how often a cell is tried again after its worker died.
        renew: carry out the cells of rows that stand in the table too. A run of the same code is read from `runs`.
        say: gets one line per cell, with the time left; None prints it, above the bar.

    Raises:
        ValueError: no place for the table, workers below 1, or a cluster that cannot be used.
        KeyboardInterrupt: Ctrl-C; the state is kept.
    """
    out = user_path(out or study.out or "")
    if out.suffix != ".csv":
        raise ValueError(f"The table is to be written to {str(out)!r}; expected a file name ending in .csv (--out).")
    check_processes(workers, threads, retries)
    runs = user_path(runs or cache_dir() / "runs").absolute()
    threads = threads or (None if workers == 1 and not address else 1)
    table = Table(out, CURVES if study.select else MEASUREMENTS)
    standing = [] if renew else [cell for cell in study.cells if table.keep(cell)]
    missing = [cell for cell in study.cells if cell not in standing]
    jobs, name = jobs_of(missing), secrets.token_hex(4)
    worker = partial(in_worker, study=name, runs=runs, threads=threads)
    if address:
        outcomes = on_cluster(jobs, worker, address, resources, retries)
    elif workers > 1:
        outcomes = in_processes(jobs, worker, workers, retries)
    else:
        begin(name)
        outcomes = (outcome for job in jobs for outcome in work(job, runs, threads))

    made_by = MadeBy(out, workers=workers, threads=threads, address=address)
    failures, done = [], []
    with bar((), total=len(missing), desc=out.stem, unit="cell") as shown:
        say = say or partial(above, shown)
        if standing:
            say(f"{len(standing)} of {len(study.cells)} cells stand in {out}; --renew carries them out again.")
        for outcome in timed(outcomes, len(missing), say):
            shown.update()
            if outcome.columns is None:
                failures.append(outcome)
            else:
                done.append(outcome)
                row = table.layout.row(outcome.cell, outcome.columns)
                if replaced := replacement(table.put(row), row):
                    say(f"Replaces the row of {outcome.cell}: {replaced}")
                made_by.note(outcome)
    if dropped := table.close(study.cells):
        say(f"Dropped from {out}: {len(dropped)} rows of cells that are not in the grid any more, or failed.")
    there = standing + [outcome.cell for outcome in done]
    chosen = choose(table, [cell.method for cell in there if not cell.is_control]) if study.select else []
    note_failures(out, study.cells, failures)
    return StudyResult(out, len(there), failures, chosen)


def check_processes(workers: int = 1, threads: int | None = None, retries: int = 0) -> None:
    """Refuse impossible numbers of processes."""
    whole("workers", workers, 1, 1024)
    whole("threads", 1 if threads is None else threads, 1, 1024)
    whole("retries", retries, 0)


def replacement(before: Mapping | None, row: Mapping) -> str:
    """What a row says otherwise than the one that it replaces, times and memory aside."""
    if before is None:
        return ""
    names = [name for name in row if name not in ("seconds_per_epoch", "peak_mb", "chosen")]
    changed = [name for name in names if before[name] != text_of(row[name])]
    return ", ".join(f"{name} {before[name] or 'nothing'} -> {text_of(row[name]) or 'nothing'}" for name in changed)


def above(shown: tqdm, line: str) -> None:
    """Print a line above a bar, and at once where the output is a file."""
    shown.write(line)
    sys.stdout.flush()


def timed(outcomes: Iterable[Outcome], total: int, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Hand on the outcomes, and say of each what came out and how long the rest may take."""
    started, trained = time.perf_counter(), 0
    for count, outcome in enumerate(outcomes, start=1):
        trained += outcome.trained
        left = ""
        if trained and count < total:
            seconds = (time.perf_counter() - started) / trained * (total - count)
            left = f"; about {duration(seconds)} left"
        say(f"[{count}/{total}] {outcome}{left}")
        yield outcome


def duration(seconds: float) -> str:
    """1 h 05 min, 5 min or 20 s."""
    hours, minutes = int(seconds // 3600), int(seconds % 3600 // 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"


def failures_file(table: Path) -> Path:
    return table.with_name(f"{table.stem}_failures.csv")


def note_failures(table: Path, cells: Iterable[Cell], failures: Sequence[Outcome]) -> None:
    """A row per cell that failed, beside those of other studies that write this table; no file when there is none."""
    path, ours = failures_file(table), {identity(cell.columns()) for cell in cells}
    with table_lock(table):
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if {*row} == {*FAILURE} and identity(row) not in ours]
        except (FileNotFoundError, csv.Error, UnicodeDecodeError):  # nobody needs a damaged list of failures
            rows = []
        rows += [failed.cell.columns() | {"error": failed.error, "message": failed.message} for failed in failures]
        if not rows:
            return path.unlink(missing_ok=True)
        text = io.StringIO()
        writer = csv.DictWriter(text, FAILURE, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(path, text.getvalue())


def identity(row: Mapping) -> tuple[str, ...]:
    """What names a cell, as a CSV holds it."""
    return tuple(text_of(row[name]) for name in CONFIGURATION)
