"""Who computes: this process, processes on this machine, or a Dask cluster.

All are a :class:`concurrent.futures.Executor`, and what uses them does not know which it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from ..errors import QuantloomError
from ..process import processors
from .store import fingerprint

__all__ = ["LOCAL", "LOST", "Workers", "workers"]

LOCAL = "local"
"""The scheduler's address that stands for a Dask cluster on this machine."""

LOST = 3
"""Workers that a task may lose before it counts as failed: it may be what kills them."""

PATIENCE = 5.0
"""Seconds to find a scheduler in."""


class Workers:
    """An executor that tasks are given to, a few at a time.

    Parameters
    ----------
    executor : Executor
    width : callable
        Tasks that are worth having under way now.
    place : str
        In words.
    """

    def __init__(self, executor: Executor, width: Callable[[], int], place: str):
        self.executor, self.width, self.place = executor, width, place

    def results(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, tuple[Any, ...]]],
                ) -> Iterator[tuple[Any, Any]]:
        """Results of a function, as they come.

        Parameters
        ----------
        function : callable
            A module's own, for it goes to other processes.
        tasks : iterable of (object, tuple)
            What the caller knows a task by, and the function's arguments. Taken when there is
            somebody to work on it.

        Yields
        ------
        (object, object)
            What the task is known by, and the result, or the exception that it ended with. A task
            whose worker died is given to another one.
        """
        waiting = iter(tasks)
        under_way: dict[Future[Any], tuple[Any, tuple[Any, ...], int]] = {}
        try:
            while True:
                while len(under_way) < max(1, self.width()):
                    task = next(waiting, None)
                    if task is None:
                        break
                    under_way[self.executor.submit(function, *task[1])] = (*task, 0)
                if not under_way:
                    return
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    name, arguments, lost = under_way.pop(future)
                    problem = future.exception()
                    if isinstance(problem, BrokenExecutor) and lost + 1 < LOST:
                        again = self.executor.submit(function, *arguments)
                        under_way[again] = (name, arguments, lost + 1)
                        continue
                    yield name, future.result() if problem is None else problem
        finally:
            for future in under_way:
                future.cancel()


class _Here(Executor):
    """Does what it is given at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as problem:
            future.set_exception(problem)
        return future


class _Lanes(Executor):
    """Processes of this machine, each by itself: one that dies takes nothing but its task along."""

    def __init__(self, count: int):
        self._context = get_context("spawn")  # what has threads cannot be forked
        self._lanes = [self._lane() for _ in range(count)]
        self._busy: list[Future[Any] | None] = [None] * count

    def _lane(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=self._context,
                                   initializer=_leave_interrupts)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        free = [k for k, future in enumerate(self._busy) if future is None or future.done()]
        k = free[0] if free else 0
        try:
            future = self._lanes[k].submit(fn, *args, **kwargs)
        except BrokenExecutor:
            self._lanes[k].shutdown(wait=False)
            self._lanes[k] = self._lane()
            future = self._lanes[k].submit(fn, *args, **kwargs)
        self._busy[k] = future
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        # Whoever stops early does not wait for what nobody will look at.
        stopped = any(future is not None and not future.done() for future in self._busy)
        for lane in self._lanes:
            if stopped:
                for process in list((lane._processes or {}).values()):
                    process.terminate()
            lane.shutdown(wait=wait, cancel_futures=True)


_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that start within have one thread for matrices: there are as many as processors."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update({name: "1" for name, value in before.items() if value is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)


def _leave_interrupts() -> None:
    """Ctrl-C is for who started the worker."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def workers(count: int | None = None, scheduler: str | None = None) -> Iterator[Workers]:
    """Workers to give tasks to.

    Parameters
    ----------
    count : int or None
        Processes; 0: this process alone; None: one for each processor. Of a cluster that is there
        already it is not asked.
    scheduler : str or None
        Address of a Dask scheduler, or :data:`LOCAL` for a Dask cluster on this machine with its
        dashboard. None: processes without Dask.

    Raises
    ------
    QuantloomError
        If there is no such scheduler, Dask is not installed, or the workers have another Quantloom.
    """
    number = processors() if count is None else count
    if scheduler is not None:
        with _one_thread(), _cluster(scheduler, number or 1) as found:
            yield found
        return
    executor: Executor = _Here() if number == 0 else _Lanes(number)
    place = "in this process" if number == 0 else f"on {number} processes"
    with _one_thread():
        try:
            yield Workers(executor, lambda: max(1, number), place)
        finally:
            executor.shutdown()


@contextmanager
def _cluster(address: str, count: int) -> Iterator[Workers]:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise QuantloomError("--scheduler needs Dask: pip install 'quantloom[explore]'") from None
    import logging

    # What becomes of a worker is told in the results.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    cluster = None
    try:
        if address == LOCAL:
            cluster = LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0")
        client = Client(cluster or address, timeout=PATIENCE)
    except (OSError, TimeoutError, ValueError) as error:
        if cluster is not None:
            cluster.close()
        raise QuantloomError(
            f"--scheduler {address}: no Dask scheduler answers there within {PATIENCE:g} s; start "
            "one with 'dask scheduler', and workers with 'dask worker ADDRESS'") from error
    try:
        _require_same(client, address)
        where = client.dashboard_link if cluster is not None else address

        def width() -> int:
            threads = sum(worker["nthreads"] for worker in
                          client.scheduler_info(n_workers=-1)["workers"].values())
            return 2 * max(1, int(threads))  # the next one is there when one is done

        yield Workers(client.get_executor(pure=False), width, f"on Dask, {where}")
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def _own_fingerprint() -> str:
    """That of the worker which runs this."""
    return fingerprint()


def _require_same(client: Any, address: str) -> None:
    """Refuse workers that would compute something else."""
    found = client.run(_own_fingerprint, on_error="return")
    if not found:
        raise QuantloomError(f"--scheduler {address}: the scheduler has no worker; start some with "
                             f"'dask worker {address}'")
    for worker, theirs in found.items():
        if theirs != fingerprint():
            has = f"no Quantloom that works ({theirs})" if isinstance(
                theirs, BaseException) else f"Quantloom {theirs}"
            raise QuantloomError(f"--scheduler {address}: worker {worker} has {has}, this is "
                                 f"{fingerprint()}; install the same there")
