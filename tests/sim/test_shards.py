"""Frames in pieces: the same report as in one go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import quantloom
from quantloom import Design
from quantloom.gen.cli.frames import random_frames
from quantloom.sim import shards
from quantloom.sim.report import Mismatch
from quantloom.sim.simulate import simulate

from ..command import quantloom as command
from ..networks import tiny_network


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards") / "out"
    network = tiny_network()
    quantloom.generate(Design(network, quantloom.fold(network, 200)), folder)
    return folder


def test_every_frame_is_in_one_piece():
    for frames in (1, 31, 64, 1000, 12_345):
        for workers in (1, 2, 7):
            pieces = shards.shards_of(frames, workers)
            covered = [k for piece in pieces for k in range(frames)[piece]]
            assert covered == list(range(frames)), (frames, workers)
            assert len(pieces) == 1 or min(p.stop - p.start for p in pieces) >= shards.LEAST - 1


def test_joined_report_is_that_of_one_go(out):
    design = Design.load(out)
    verilog = out / "rtl" / "tiny.v"
    frames = np.asarray(random_frames(design.network, 70, seed=5))
    whole = simulate(design.dataflow, verilog, frames, engine="cxxrtl")
    packed = shards.pack_design(design, verilog)
    pieces = [shards.simulate_shard(packed, frames[piece], "cxxrtl", False, 0)
              for piece in shards.shards_of(70, 1)]
    assert len(pieces) == 2
    joined = shards.join_reports(design.dataflow, pieces)
    assert joined.ok and np.array_equal(joined.outputs, whole.outputs)
    for name in ("frames", "frames_requested", "mismatches", "streams", "interval_cycles",
                 "latency_cycles"):
        assert getattr(joined, name) == getattr(whole, name), name
    wrong = Mismatch("b", "s", 4, 0, 0, None, None, None, 1, 2)
    broken = [pieces[0], replace(pieces[1], first_mismatch=wrong, mismatches=3)]
    joined = shards.join_reports(design.dataflow, broken)
    assert joined.mismatches == 3 and not joined.ok
    assert joined.first_mismatch.frame == 4 + pieces[0].frames  # counted from the first of all


def test_command(out, tmp_path):
    design = Design.load(out)
    frames = np.asarray(random_frames(design.network, 70, seed=5))
    np.save(tmp_path / "x.npy", frames)
    found = {}
    for name, options in (("whole", ()), ("pieces", ("--workers", "2"))):
        done = command("simulate", out, "--inputs", tmp_path / "x.npy", "--engine", "cxxrtl",
                       "--outputs", tmp_path / f"{name}.npy", "--json", *options)
        assert done.code == 0, done.err
        found[name] = {**done.json, "cycles": None}
    assert found["whole"] == found["pieces"]
    assert np.array_equal(np.load(tmp_path / "whole.npy"), np.load(tmp_path / "pieces.npy"))
    done = command("simulate", out, "--workers", "2", "--activity")
    assert done.code == 2 and "leave out --workers and --scheduler" in done.err
