"""The same jobs on a Dask cluster that somebody else has started. No scheduler of our own.

Not through joblib's Dask backend: that one waits for ever when a worker dies. Dask itself gives the job of a dead
worker to another, a few times (`distributed.scheduler.allowed-failures`, 3), and only then reports it as failed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from kd_teach._support.numbers import number
from kd_teach.study.jobs import Job, Outcome


def on_cluster(
    jobs: Sequence[Job],
    work: Callable[[Job], list[Outcome]],
    address: str,
    resources: Mapping[str, float] | None = None,
    retries: int = 2,
    timeout: str = "30s",
) -> Iterator[Outcome]:
    """Carry out the jobs on the workers of the scheduler at `address`, and hand on outcomes as they come.

    Args:
        work: carries out one job; it travels to the workers by name, so they need this version of kd_teach.
        resources: what a job takes of what workers declare (`dask worker --resources GPU=0.25`).
        retries: how often a job is sent again when it could not be run at all, for lack of a module, say. A death of
            its worker costs it one of the scheduler's `allowed-failures` instead.
        timeout: how long to wait for the scheduler's answer.

    Raises:
        ValueError: dask.distributed is not installed, nobody answers, or no worker has the resources.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise ValueError('--address needs dask.distributed: pip install "kd-teach[cluster]".') from None
    try:
        client = Client(address, timeout=timeout)
    except OSError as error:
        raise ValueError(f"No Dask scheduler answers at {address} ({error}); start one: dask scheduler.") from None
    with client:
        check_resources(client, resources or {})
        futures = client.map(
            work, jobs, key="cell", pure=False, retries=retries, resources=dict(resources or {}) or None
        )
        job_of = dict(zip(futures, jobs, strict=True))
        for future in as_completed(futures):
            try:
                yield from future.result()
            except Exception as error:  # of Dask: what a cell raises comes back as an outcome
                yield from (Outcome.failed(cell, error) for cell in job_of[future])


def read_resources(texts: Sequence[str]) -> dict[str, float]:
    """{"GPU": 0.25} of ["GPU=0.25"]. ValueError for anything else."""
    try:
        pairs = [text.split("=") for text in texts]
        if all(name.strip() for name, _ in pairs):
            return {name: number(name, float(amount), 0, above=True) for name, amount in pairs}
    except ValueError:
        pass
    raise ValueError(f"Resources {texts} are not understood; expected NAME=AMOUNT, such as GPU=0.25.")


def check_resources(client, wanted: Mapping[str, float]) -> None:
    """Refuse resources that no worker has: jobs would wait for ever without a word."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    declared = [worker.get("resources", {}) for worker in workers]
    if declared and not any(all(has.get(name, 0) >= amount for name, amount in wanted.items()) for has in declared):
        raise ValueError(
            f"No worker of the cluster has {dict(wanted)}; they declare {declared}. Start workers with "
            "dask worker --resources NAME=AMOUNT, or ask for less."
        )
