"""Workers of every kind: all results, each once, whatever becomes of a worker."""

from __future__ import annotations

import os
import time
from concurrent.futures.process import BrokenProcessPool

import pytest

from quantloom.gen.explore.workers import workers

from .tasks import die, die_once, double, fail


def dask():
    pytest.importorskip("distributed", reason="Dask is not installed")


@pytest.fixture
def importable(monkeypatch):
    """Lets the processes find the tests' own functions."""
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, *([before] if before else [])]))


def test_in_this_process(tmp_path):
    with workers(0) as team:
        tasks = [(k, (str(tmp_path / "log"), k)) for k in range(5)]
        assert list(team.results(double, tasks)) == [(k, 2 * k) for k in range(5)]
        found = dict(team.results(fail, [(k, (k,)) for k in range(3)]))
    assert (found[0], found[2]) == (0, 2) and str(found[1]) == "one"


def test_tasks_are_taken_when_somebody_is_free(tmp_path):
    """A sweep of a million points does not lie in memory as arguments."""
    taken = []

    def tasks():
        for k in range(4):
            taken.append(k)
            yield k, (str(tmp_path / "log"), k)

    with workers(0) as team:
        for k, _ in team.results(double, tasks()):
            assert len(taken) == k + 1


@pytest.mark.parametrize("scheduler", [None, "local"])
def test_a_worker_that_dies(tmp_path, importable, scheduler):
    """Nothing is lost, and nothing is computed twice but what it was at."""
    if scheduler:
        dask()
    log = tmp_path / "log"
    with workers(2, scheduler) as team:
        found = dict(team.results(die_once, [(k, (str(log), k)) for k in range(8)]))
    assert found == {k: 2 * k for k in range(8)}
    done = sorted(int(line) for line in log.read_text().split())
    assert done == sorted([*range(8), 3])


def test_a_task_that_kills_every_worker(importable):
    """It ends as its own failure; the others have their results."""
    with workers(1) as team:
        found = dict(team.results(die, [("bad", (1,))]))
        assert isinstance(found["bad"], BrokenProcessPool)
        assert dict(team.results(fail, [("good", (5,))])) == {"good": 5}


def test_a_cluster_that_is_there(tmp_path, importable, monkeypatch):
    """Found by its address; workers with another Quantloom, or none at all, are refused."""
    dask()
    from distributed import LocalCluster

    from quantloom.gen.errors import QuantloomError
    from quantloom.gen.explore import workers as module

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        with workers(None, address) as team:
            assert address in team.place and team.width() == 2
            tasks = [(k, (str(tmp_path / "log"), k)) for k in range(5)]
            assert dict(team.results(double, tasks)) == {k: 2 * k for k in range(5)}
        with monkeypatch.context() as patch:
            patch.setattr(module, "fingerprint", lambda: "9.9.9+other")
            with (pytest.raises(QuantloomError, match=r"has Quantloom .*, this is 9\.9\.9"),
                  workers(None, address)):
                pass
        cluster.scale(0)
        with pytest.raises(QuantloomError, match="has no worker"):
            for _ in range(100):  # until the worker has gone
                with workers(None, address):
                    time.sleep(0.05)
