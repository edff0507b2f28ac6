"""Parts and targets through the command line."""

from __future__ import annotations

import json

import pytest

from quantloom.boards.board import BOARDS
from quantloom.boards.parts import PARTS

from ...command import quantloom


@pytest.fixture(scope="module")
def fastest(model, tmp_path_factory):
    """The embedded model, as fast as the smallest Zynq allows."""
    out = tmp_path_factory.mktemp("fastest") / "out"
    done = quantloom("generate", model, "-o", out, "--max", "--part", "xc7z007s", "--json")
    assert done.code == 0, done.err
    return out, done.json


def test_boards():
    done = quantloom("boards")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["board", "name", "part", "host"]
    assert [line.split()[0] for line in lines[1 : 1 + len(BOARDS)]] == list(BOARDS)
    lines = lines[lines.index("") + 1 :]
    assert lines[0].split() == ["part", "family", "LUTs", "as", "memory", "FFs", "BRAM36",
                                "DSP"]
    assert [line.split()[0] for line in lines[1:-1]] == list(PARTS)
    assert lines[-1].startswith("or a file NAME.toml with name, family, luts, ")
    assert "17,600      6,000   35,200      60     80" in done.out
    listed = quantloom("boards", "--json").json
    assert listed["boards"][0] == {"name": "zybo-z7-10", "title": "Digilent Zybo Z7-10",
                                   "part": "XC7Z010", "host": "zynq"}
    listed = listed["parts"]
    assert [entry["name"] for entry in listed] == list(PARTS)
    assert listed[1] == {"name": "XC7Z010", "family": "Zynq-7000", "luts": 17600,
                         "lutram_luts": 6000, "ffs": 35200, "bram36": 60, "dsp": 80}


def test_max(fastest, model, tmp_path):
    """The fastest that fits: what is faster is refused, and every run says the same."""
    out, said = fastest
    assert said["part"] == "XC7Z007S" and said["limit"]["LUT sites"] == 0.9 * 14_400
    assert said["binding"] == max(said["limit"],
                                  key=lambda n: said["estimate"][n] / said["limit"][n])
    assert all(said["estimate"][name] <= said["limit"][name] for name in said["limit"])
    stored = json.loads((out / "design.json").read_text())
    assert stored["interval_cycles"] == said["interval_cycles"]
    assert stored["bottleneck"] == said["bottleneck"]
    again = tmp_path / "again"
    assert quantloom("generate", model, "-o", again, "--part", "XC7Z007S").code == 0
    for name in ("design.json", "weights.npz", "rtl/digits.v"):
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_less_room_is_slower(fastest, model, tmp_path):
    done = quantloom("generate", model, "-o", tmp_path / "out", "--max", "--part", "xc7z007s",
                     "--utilisation", "25%", "--json")
    assert done.code == 0, done.err
    _, most = fastest
    assert done.json["estimate"]["LUT sites"] <= 3600
    assert done.json["interval_cycles"] > most["interval_cycles"]


def test_target_on_a_part(model, tmp_path):
    out = tmp_path / "out"
    done = quantloom("generate", model, "-o", out, "--cycles", "1024", "--part", "xc7z010")
    assert done.code == 0, done.err
    assert "estimated" in done.out and "of XC7Z010" in done.out and "15,840" in done.out
    assert "bind first;" in done.out and "sets the speed" in done.out
    # A folding that is given is only checked.
    kept = quantloom("generate", out, "-o", out, "--part", "xc7z010", "--json")
    assert kept.code == 0 and kept.json["interval_cycles"] <= 1024
    done = quantloom("generate", out, "-o", out, "--part", "xc7z010", "--utilisation", "1")
    assert done.code == 1 and done.out == ""
    assert " with this folding, at " in done.err and " of 176 LUT sites (1% of 17,600)" in done.err
    without = quantloom("generate", out, "-o", out)
    assert without.code == 0 and "estimated: " in without.out


def test_refused_before_anything_is_written(model, tmp_path):
    done = quantloom("generate", model, "-o", tmp_path / "out", "--cycles", "256", "--part",
                     "xc7z007s", "--utilisation", "10")
    assert done.code == 1 and done.out == "" and not (tmp_path / "out").exists()
    assert "does not fit XC7Z007S at " in done.err and "short of " in done.err
    assert "LUT sites (10% of 14,400)" in done.err


@pytest.mark.parametrize(("options", "text"), [
    (("--max",), "--max needs --part"),
    (("--utilisation", "80"), "--utilisation needs --part"),
    (("--part", "xc7z"), "--part: Part must be one of XC7Z007S, XC7Z010, XC7Z014S"),
    (("--part", "xc7z010", "--utilisation", "0"), "percentage above 0 and up to 100"),
    (("--part", "xc7z010", "--utilisation", "101"), "percentage above 0 and up to 100"),
    (("--part", "xc7z010", "--max", "--cycles", "5"), "not allowed with argument"),
])
def test_bad_options(model, tmp_path, options, text):
    done = quantloom("generate", model, "-o", tmp_path / "out", *options)
    assert done.code == 2 and text in done.err
    assert not (tmp_path / "out").exists()
