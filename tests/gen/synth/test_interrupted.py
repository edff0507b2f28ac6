"""Runs that end before their time: a full disk, an interruption."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quantloom.gen.cli.frames import random_frames
from quantloom.gen.cli.generate import build
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design

from ...command import quantloom
from ...networks import tiny_network

SYNTH = [sys.executable, "-m", "quantloom", "synth", "--part", "xc7z010", "--netlist"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small design whose synthesis came to its end."""
    network = tiny_network()
    design = Design(network, fold(network, 200), clock=50.0)
    folder = tmp_path_factory.mktemp("synth") / "out"
    build(design, folder, random_frames(network, 1))
    done = quantloom(*SYNTH[3:], folder)
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def out(finished, tmp_path):
    """The same before its synthesis."""
    folder = tmp_path / "out"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("build"))
    return folder


def _netlist(folder: Path) -> bytes:
    return (folder / "build" / "xc7z010" / "tiny.json").read_bytes()


def test_interrupted_run_starts_again(finished, out):
    """It leaves no process, and nothing that a second run would take for a result."""
    running = subprocess.Popen([*SYNTH, out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, start_new_session=True)
    script = out / "build" / "xc7z010" / "synth.ys"
    deadline = time.monotonic() + 120
    while not script.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)  # Yosys has begun
    os.kill(running.pid, signal.SIGINT)
    text = running.communicate(timeout=120)[0]
    assert running.returncode == 130, text
    assert "interrupted" in text and "Traceback" not in text
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)
    assert not (out / "build" / "xc7z010" / "stages.json").is_file()
    done = quantloom(*SYNTH[3:], out)
    assert done.code == 0, done.err
    assert _netlist(out) == _netlist(finished)


@pytest.fixture
def disk(tmp_path):
    """A disk of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount a small disk: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_full_disk(finished, out, disk):
    """One message; with room again, the same command succeeds."""
    small = disk / "out"
    shutil.copytree(out, small)
    filler = disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - 150_000))
    done = quantloom(*SYNTH[3:], small)
    assert done.code == 2
    assert "no space left on the disk: free some and run the command again" in (
        " ".join(done.err.split()))
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    done = quantloom(*SYNTH[3:], small)
    assert done.code == 0, done.err
    assert _netlist(small) == _netlist(finished)
