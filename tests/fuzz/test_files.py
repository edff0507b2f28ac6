"""Some damaged files of every kind, and those that were handled badly once."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from .apart import Ended
from .files import DAMAGED, KINDS
from .mutate import mutate


def run(*argv):
    """The fuzzer in a process of its own, since it forks; returns its output."""
    done = subprocess.run([sys.executable, "-m", "tests.fuzz", "files", *map(str, argv)],
                          capture_output=True, text=True, check=False, timeout=600)
    print(done.stdout, done.stderr)
    return done


def test_damaged_files(tmp_path):
    seed = 7_000_000
    print(f"seed {seed}")
    kinds = [kind for kind in KINDS if kind != "sweep"]  # whose sound one is swept for long
    done = run("--count", 2 * len(kinds), "--seed", seed, "--keep", tmp_path / "kept",
               *(part for kind in kinds for part in ("--only", kind)))
    assert done.returncode == 0 and " 0 problems" in done.stdout
    assert not (tmp_path / "kept").exists()


def test_files_that_were_handled_badly_once():
    assert len(list(DAMAGED.iterdir())) > 5
    done = run("--replay")
    assert done.returncode == 0 and " 0 problems" in done.stdout


@pytest.mark.parametrize(("code", "text", "problem"), [
    (0, "wrote it", None),
    (2, "error: x.onnx: damaged\n", None),
    (2, "x.onnx: 1 unsupported\n", None),
    (2, "", "exit code 2 without a message"),
    (3, "", "exit code 3"),
    (70, 'Traceback (most\n  File "/a/gen/x.py", line 7, in f\nKeyError: 3\n',
     "traceback: KeyError: 3 at gen/x.py:7"),
    (-9, "", "hang: ended after 10 s of processor time"),
    (-11, "", "crash: ended by SIGSEGV"),
    (2, "error: inspect: there is not enough memory for", "memory: more than 2048 MB"),
])
def test_what_counts_as_a_problem(code, text, problem):
    assert Ended(code, text, 0).problem == problem


def test_mutations_depend_on_the_seed_and_damage():
    data = b'{"a": [1, 2, {"b": "c"}], "d": null}'
    made = {mutate("x.json", data, random.Random(seed)) for seed in range(200)}
    assert len(made) > 100 and all(
        mutate("x.json", data, random.Random(seed)) in made for seed in range(200))
