"""What simulate takes and what it says."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from quantloom.gen.cli.frames import random_frames
from quantloom.gen.design import Design
from quantloom.gen.errors import QuantloomError
from quantloom.gen.estimate.activity import load_activity
from quantloom.gen.network.convert import inputs_to_integers, integers_to_source
from quantloom.gen.output import changed_files
from quantloom.sim import golden

from ...command import quantloom

pytestmark = pytest.mark.skipif(shutil.which("iverilog") is None,
                                reason="Icarus Verilog is not installed")
ICARUS = ("--engine", "icarus")


def test_json_is_one_object(out):
    done = quantloom("simulate", out, *ICARUS, "--frames", 4, "--json")
    assert done.code == 0 and done.err == ""
    report = done.json
    assert report["frames"] == 4 and report["mismatches"] == 0 and report["engine"] == "icarus"
    interval = json.loads((out / "design.json").read_text())["interval_cycles"]
    assert report["interval_cycles"] == pytest.approx(interval, rel=0.02)
    assert report["latency_cycles"] > 0
    assert all(0 < mark <= depth for mark, depth in report["fifo_high_water"].values())
    assert report["layers_checked"] == ["input", "conv1", "act1", "conv2", "act2", "skip", "pool",
                                        "fc"]


def test_text(out):
    done = quantloom("simulate", out, *ICARUS, "--frames", 2, "--stress", "--seed", 3)
    assert done.code == 0
    assert done.out.startswith("equal: 2 frames, 8 layers")
    assert "every integer (icarus, under stress)" in done.out


def test_outputs_are_what_the_hardware_gave(out, tmp_path):
    design = Design.load(out)
    x = random_frames(design.network, 3, 5)
    np.save(tmp_path / "x.npy", x)
    done = quantloom("simulate", out, *ICARUS, "--inputs", tmp_path / "x.npy", "--outputs",
                     tmp_path / "y")
    assert done.code == 0, done.err
    want = integers_to_source(design.network, golden.run(design.network, x)["fc"])
    np.testing.assert_array_equal(np.load(tmp_path / "y"), want)


def test_layouts_of_inputs(model, tmp_path):
    """The model's own shape, channels-last, without the channel; integers and reals."""
    out = tmp_path / "out"
    assert quantloom("generate", model, "-o", out).code == 0
    design = Design.load(out)
    integers = random_frames(design.network, 2)
    own = integers.transpose(0, 3, 1, 2)
    assert design.network.source_input.shape == own.shape[1:] != integers.shape[1:]
    for array in (integers, own, own[:, 0], own[:1], own[0], own.astype(np.uint8), own / 16,
                  (own / 16).astype(np.float32), integers / 16):
        np.testing.assert_array_equal(inputs_to_integers(design.network, array),
                                      integers[: max(1, array.size // 64)])
    results = []
    for name, array in (("own", own), ("last", integers), ("reals", own / 16)):
        np.save(tmp_path / f"{name}.npy", array)
        done = quantloom("simulate", out, *ICARUS, "--inputs", tmp_path / f"{name}.npy",
                         "--outputs", tmp_path / "y.npy")
        assert done.code == 0, done.err
        results.append(np.load(tmp_path / "y.npy"))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_planted_fault_is_named(out):
    """The block act1_fork is given inverted bits in the Verilog."""
    verilog = out / "rtl" / "tiny.v"
    text = verilog.read_text()
    assert ".i_payload(act1_o_payload)" in text
    verilog.write_text(text.replace(".i_payload(act1_o", ".i_payload(~act1_o"))
    done = quantloom("simulate", out, *ICARUS, "--json")
    assert done.code == 1 and done.json["mismatches"] > 0
    first = done.json["first_mismatch"]
    assert (first["block"], first["tensor"], first["frame"]) == ("act1_fork", "act1", 0)
    assert len(first["position"]) == 2 and first["channel"] in range(4)
    assert first["expected"] != first["got"]
    done = quantloom("simulate", out, *ICARUS)
    assert done.code == 1
    assert f"first: {first['text']}" in done.out
    assert first["text"].startswith("block act1_fork, stream act1_fork_o, frame 0, row ")


def test_missed_target(out, tmp_path):
    model = out / "design.json"
    done = quantloom("generate", model, "-o", tmp_path / "fast", "--cycles", 10, "--json")
    assert done.code == 1 and done.json["target_missed"]
    assert done.json["interval_cycles"] > done.json["target_cycles"] == 10
    done = quantloom("generate", model, "-o", tmp_path / "fast", "--fps", 1e5, "--clock", 200)
    assert done.code == 0, done.err
    done = quantloom("generate", model, "-o", tmp_path / "fast", "--fps", 9e6)
    assert done.code == 1 and "The target of 11 cycles a frame is missed: " in done.out


def edit(out, layer, **folding):
    file = out / "design.json"
    value = json.loads(file.read_text())
    entry = next(entry for entry in value["layers"] if entry["name"] == layer)
    entry["folding"].update(folding)
    file.write_text(json.dumps(value))
    return file


def test_folding_by_hand(out, tmp_path):
    before = quantloom("simulate", out, *ICARUS, "--json").json["interval_cycles"]
    file = edit(out, "conv1", pe=2)
    file = edit(out, "conv2", pe=4, simd=36)
    stale = quantloom("simulate", out, *ICARUS)
    assert stale.code == 2
    assert f"quantloom generate {file} -o {out}" in stale.err
    for target in (tmp_path / "new", out):
        done = quantloom("generate", file, "-o", target)
        assert done.code == 0, done.err
        report = quantloom("simulate", target, *ICARUS, "--json")
        assert report.code == 0 and report.json["interval_cycles"] < before
    assert (out / "design.json").read_bytes() == (tmp_path / "new" / "design.json").read_bytes()
    assert (out / "rtl" / "tiny.v").read_bytes() == (
        tmp_path / "new" / "rtl" / "tiny.v").read_bytes()


@pytest.mark.parametrize(("layer", "folding", "text"), [
    ("conv1", {"pe": 3}, "conv1: pe must be one of 1, 2, 4, not 3"),
    ("conv1", {"pe": 10**30}, "conv1: pe must be one of 1, 2, 4, not 1000"),
    ("conv2", {"pe": 1, "simd": 7}, "conv2: simd must be one of 1, 2, 3, 4, 6, 9, 12, 18, 36"),
    ("conv1", {"pe": 4, "simd": 27, "positions": 3}, "conv1: positions must be one of 1, 2"),
    ("conv1", {"groups": 1},
     "conv1: the folding must have the keys pe, simd, positions, memory, multiplier, dsp_rows, "
     "not"),
    ("fc", {"simd": 0}, "fc: simd must be one of 1, 2, 4, 8, 16"),
])
def test_illegal_folding(out, tmp_path, layer, folding, text):
    file = edit(out, layer, **folding)
    done = quantloom("generate", file, "-o", tmp_path / "new")
    assert done.code == 2 and text in done.err, done.err
    assert not (tmp_path / "new").exists()


def test_folding_of_another_design(out, pristine, tmp_path):
    edit(out, "conv1", pe=1)
    done = quantloom("generate", pristine, "-o", tmp_path / "new", "--folding", out, "--json")
    assert done.code == 0 and done.json["foldings"]["conv1"]["pe"] == 1


def test_activity(out, tmp_path):
    saif = tmp_path / "a.saif"
    done = quantloom("simulate", out, "--frames", 2, "--activity", "--saif", saif, "--clock", 200,
                     "--json")
    assert done.code == 0, done.err
    counted = load_activity(out)
    assert done.json["activity"] == counted.to_json()
    assert counted.frames == 2 and counted.blocks.keys() == Design.load(out).dataflow.blocks.keys()
    # 200 MHz: 5 ns a cycle.
    assert f"(DURATION {5000 * counted.cycles})" in saif.read_text()
    assert changed_files(out) == []
    # It belongs to the output: what replaces that may take it away.
    assert quantloom("generate", out / "design.json", "-o", out).code == 0
    assert load_activity(out) is None


def test_activity_of_an_edited_verilog_is_refused(out):
    done = quantloom("simulate", out, "--frames", 1, "--activity")
    assert done.code == 0 and "wrote" in done.out and "activity over 1 frames" in done.out
    with (out / "rtl" / "tiny.v").open("a") as file:
        file.write("// edited\n")
    with pytest.raises(QuantloomError, match="counted on another Verilog"):
        load_activity(out)


@pytest.mark.parametrize("option", ["--activity", "--saif"])
def test_activity_wants_no_pauses_and_verilator(out, tmp_path, option):
    extra = (option, tmp_path / "a.saif") if option == "--saif" else (option,)
    done = quantloom("simulate", out, *ICARUS, *extra)
    assert done.code == 2 and "flat out, by Verilator: leave out --engine" in done.err
    for given in (("--stress",), ("--netlist", "xc7z010")):
        done = quantloom("simulate", out, *given, *extra)
        assert done.code == 2 and f"leave out {given[0]}" in done.err


def test_saif_needs_a_directory(out, tmp_path):
    done = quantloom("simulate", out, "--saif", tmp_path / "none" / "a.saif")
    assert done.code == 2 and "there is no such directory to write to" in done.err
