"""The command: what it computes, keeps, resumes and refuses."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from quantloom.gen.design import Design
from quantloom.gen.explore.results import COLUMNS

from ...command import quantloom

SWEEP = ("--part", "xc7z010,lfe5u-25f", "--cycles", "400", "--clock", "50,100", "--workers", "0")


@pytest.fixture(scope="module")
def swept(designs, labelled, tmp_path_factory):
    """Two models, two parts, a target, two clocks."""
    out = tmp_path_factory.mktemp("swept") / "out"
    done = quantloom("explore", *designs.values(), "-o", out, *SWEEP, "--data", labelled, "--json")
    assert done.code == 0, done.err
    return out, done.json


def points(out):
    return json.loads((out / "explore.json").read_text())["points"]


def test_counts(swept):
    out, said = swept
    assert (said["points"], said["fits"], said["computed"], said["known"]) == (8, 8, 8, 0)
    assert said["solves"] == 4  # what differs by its clock alone shares a folding
    assert {p["model"] for p in points(out)} == {"tiny0", "tiny1"}
    assert {(p["part"], p["clock_mhz"]) for p in points(out)} == {
        (part, clock) for part in ("XC7Z010", "LFE5U-25F") for clock in (50, 100)}


def test_accuracy_is_that_of_the_golden_model(swept):
    """Three quarters of the labels are what the first network says."""
    found = {p["model"]: (p["accuracy"], p["frames"]) for p in points(swept[0])}
    assert found["tiny0"] == (0.75, 40) and found["tiny1"][0] != 0.75


def test_a_point_is_what_generate_and_estimate_give(swept, tmp_path):
    (point,) = (p for p in points(swept[0]) if (p["model"], p["part"], p["clock_mhz"])
                == ("tiny1", "XC7Z010", 100))
    words = point["command"].split()
    assert words[:2] == ["quantloom", "generate"]
    words[words.index("-o") + 1] = str(tmp_path / "out")
    done = quantloom(*words[1:])
    assert done.code == 0, done.err
    assert Design.load(tmp_path / "out").dataflow.interval == point["interval_cycles"]
    found = quantloom("estimate", tmp_path / "out", "--json").json
    used = {key: point[key] for key in ("lut", "ff", "bram36", "dsp")}
    assert used == found["total"]["resources"]
    for key in ("images_per_second", "latency_cycles", "fmax_mhz"):
        assert point[key] == found[key], key
    assert point["energy_mj_low"] == found["power"]["energy_mj"]["low"]
    assert point["memory_bits"] == found["traffic"]["memory_bits"]["total"]
    moved = found["traffic"]["bits_moved_per_image"]
    assert point["bits_moved"] == moved["between"] + moved["weights"]
    assert point["bits_per_mac"] == point["bits_moved"] / point["macs"]


def test_files_hold_the_same(swept):
    out, _ = swept
    rows = list(csv.DictReader((out / "points.csv").read_text().splitlines()))
    assert list(rows[0]) == [column.key for column in COLUMNS]
    assert [r["command"] for r in rows] == [p["command"] for p in points(out)]
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    table = parquet.read_table(out / "points.parquet")
    assert table.to_pylist() == points(out)
    assert table.schema.field("lut").metadata[b"name"] == b"LUT sites"


def test_nothing_is_computed_twice(swept, designs, labelled):
    out, _ = swept
    before = (out / "store.jsonl").read_bytes()
    done = quantloom("explore", *designs.values(), "-o", out, *SWEEP, "--data", labelled, "--json")
    assert (done.json["computed"], done.json["known"]) == (0, 8)
    assert (out / "store.jsonl").read_bytes() == before


def test_goes_on_behind_a_line_that_was_cut(swept, designs, labelled, tmp_path):
    """What a kill or a full disk leaves: whole lines count, the rest is computed."""
    lines = (swept[0] / "store.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "store.jsonl").write_bytes(b"".join(lines[:-1]) + lines[-1][:40])
    done = quantloom("explore", *designs.values(), "-o", tmp_path, *SWEEP, "--json",
                     "--data", labelled)
    assert (done.json["computed"], done.json["known"]) == (1, 7)

    def without_times(out):
        return [{key: v for key, v in p.items() if key != "seconds"} for p in points(out)]

    assert without_times(tmp_path) == without_times(swept[0])
    done = quantloom("explore", *designs.values(), "-o", tmp_path, *SWEEP, "--json")
    assert done.json["computed"] == 0


def test_lines_and_text(swept, designs, labelled):
    out, said = swept
    done = quantloom("explore", *designs.values(), "-o", out, *SWEEP, "--data", labelled)
    assert done.code == 0 and "images/s against LUT sites, XC7Z010" in done.out
    assert "8 points: 8 fit" in done.out
    for line in said["lines"]:
        values = [points(out)[k] for k in line["points"]]
        assert values == sorted(values, key=lambda p: p[line["cost"]])
        gains = [p[line["gain"]] for p in values]
        assert gains == sorted(set(gains))


def test_nothing_fits(designs, tmp_path):
    """The closest miss is named, and the points are written all the same."""
    done = quantloom("explore", designs["tiny0"], "-o", tmp_path, "--part", "xc7z007s,xc7z010",
                     "--utilisation", "1", "--max", "--workers", "0")
    assert done.code == 1
    assert "none of the 2 points fits. The closest is tiny0 on XC7Z010 (max at 100 MHz)" in done.err
    assert "short of LUT sites" in done.err
    assert [p["status"] for p in points(tmp_path)] == ["does not fit"] * 2
    assert points(tmp_path)[0]["lut"] > 144 and points(tmp_path)[0]["excess"] > 1


def test_a_bad_point_is_a_record(designs, tmp_path, monkeypatch):
    """What goes wrong with one is said, and the others are computed; it is tried again later."""
    from quantloom.gen.explore import points as module

    real = module.fold_for

    def broken(network, *arguments, **options):
        if network.name == "tiny1":
            raise RuntimeError("out of luck")
        return real(network, *arguments, **options)

    monkeypatch.setattr(module, "fold_for", broken)
    options = ("--part", "xc7z010", "--cycles", "400", "--workers", "0")
    done = quantloom("explore", *designs.values(), "-o", tmp_path, *options)
    assert done.code == 0 and "2 points: 1 fit, 0 do not, 1 failed" in done.out
    assert "RuntimeError: out of luck" in done.err
    monkeypatch.undo()
    done = quantloom("explore", *designs.values(), "-o", tmp_path, *options, "--json")
    assert (done.json["computed"], done.json["fits"], done.json["errors"]) == (1, 2, 0)


def test_killed_and_run_again(designs, tmp_path):
    """The whole run is killed after its first result; the next run computes the others."""
    command = [sys.executable, "-m", "quantloom", "explore", *map(str, designs.values()), "-o",
               str(tmp_path), "--part", "xc7z010", "--cycles", "400,2000", "--workers", "1"]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    store = tmp_path / "store.jsonl"
    deadline = time.monotonic() + 240
    while not (store.is_file() and store.read_bytes().count(b"\n")):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    kept = store.read_bytes().count(b"\n")
    done = quantloom(*command[3:-2], "--workers", "0", "--json")
    assert done.code == 0, done.err
    assert (done.json["known"], done.json["computed"]) == (kept, 4 - kept)


def test_one_run_at_a_time(designs, tmp_path):
    from quantloom.gen.explore.store import open_store

    with open_store(tmp_path / "store.jsonl"):
        done = quantloom("explore", designs["tiny0"], "-o", tmp_path, "--cycles", "400",
                         "--workers", "0")
    assert done.code == 2 and "another run writes there" in done.err


def test_a_full_disk(designs, tmp_path):
    """What is computed cannot be kept: the error says so, and what to do."""
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full on this system")
    (tmp_path / "store.jsonl").symlink_to("/dev/full")
    done = quantloom("explore", designs["tiny0"], "-o", tmp_path, "--cycles", "400",
                     "--workers", "0")
    assert done.code == 2
    assert ("store.jsonl: cannot be written: No space left on device: free some and run the command"
            " again; what it had finished is kept") in " ".join(done.err.split())
