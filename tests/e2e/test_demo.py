"""The embedded digit classifier: demo, other simulators, netlist."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from quantloom.boards.parts import part
from quantloom.boards.target import Target
from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.network.convert import inputs_to_integers
from quantloom.gen.synth import core, synthesise
from quantloom.sim.cells import netlist_models
from quantloom.sim.simulate import simulate

from ..command import quantloom


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Output directory of the demo and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, quantloom("demo", "-o", out, "--json")


@pytest.fixture(scope="module")
def smaller(tmp_path_factory):
    """Output directory of the demo's network in less hardware, for what takes long."""
    out = tmp_path_factory.mktemp("smaller") / "out"
    model = str(files("quantloom.gen") / "assets" / "digits.onnx")
    done = quantloom("generate", model, "-o", out, "--cycles", 2304)
    assert done.code == 0, done.err
    return out


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """File with the held-out images."""
    path = tmp_path_factory.mktemp("images") / "x.npy"
    with np.load(str(files("quantloom.gen") / "assets" / "digits_test.npz")) as stored:
        np.save(path, stored["images"])
    return path


def test_all_held_out_images(demo):
    _, done = demo
    report = done.json
    assert done.code == 0, done.err
    assert report["mismatches"] == 0 and report["frames"] == report["images"] == 360
    assert report["accuracy"] >= 0.96
    assert set(report["layers_checked"]) > {"conv1", "b3b_act", "concat", "pool2", "dense"}
    assert report["interval_cycles"] == pytest.approx(256, rel=0.02)


def test_the_readme_shows_it(demo):
    """The lines under ``make demo``."""
    report = demo[1].json
    readme = Path(__file__).parents[2] / "README.md"
    text = readme.read_text().split("```text\n", 1)[1].split("```", 1)[0]
    cycles = report["interval_cycles"]
    rate = f"{1e8 / cycles:,.0f} images/s at 100 MHz"
    assert text.splitlines() == [
        f"equal: {report['frames']} frames, {len(report['layers_checked'])} layers on "
        f"{report['streams_checked']} streams, every integer ({report['engine']})",
        f"{cycles:,.0f} cycles a frame in the steady state: {rate}",
        f"accuracy of the hardware: {report['correct']} of {report['images']} held-out images, "
        f"{report['accuracy']:.1%}"]


@pytest.mark.parametrize(("engine", "stress"), [("verilator", True), ("cxxrtl", False),
                                                ("cxxrtl", True), ("icarus", False),
                                                ("icarus", True)])
def test_simulators(demo, smaller, images, engine, stress):
    out, frames = (smaller, 4) if engine == "cxxrtl" else (demo[0], 6)
    done = quantloom("simulate", out, "--inputs", images, "--frames", frames, "--engine", engine,
                     "--json", *["--stress"] * stress)
    assert done.code == 0, done.out
    assert done.json["mismatches"] == 0 and done.json["frames"] == frames


def test_netlist_of_the_synthesised_design(smaller, images, tmp_path):
    """Yosys maps the Verilog to 7-series cells; their models compute the same.

    Weights are in block RAMs, one layer's products in DSPs, and the sums of another.
    """
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    stored = Design.load(smaller)
    foldings = {name: dict(folding) for name, folding in stored.foldings.items()}
    foldings["dense"] |= {"pe": 2, "simd": 4, "multiplier": "dsp", "memory": "block"}
    foldings["b3b"]["dsp_rows"] = 9
    design = Design(stored.network, foldings)
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl" / "digits.v").write_text(to_verilog(design.dataflow))
    found = synthesise(design.dataflow, tmp_path, core(design.dataflow, tmp_path),
                       Target.of_part(part("XC7Z010")), place=False)
    netlist = tmp_path / found.files["netlist"]
    cells = netlist.read_text()
    assert "LUT6" in cells and "RAMB" in cells
    assert '.USE_SIMD("FOUR12")' in cells and '.USE_MULT("MULTIPLY")' in cells
    x = inputs_to_integers(design.network, np.load(images))[:2]
    report = simulate(design.dataflow, netlist, x, engine="icarus",
                      libraries=[netlist_models(tmp_path, "xc7")], ports_only=True)
    assert report.ok and report.frames == 2, report.first_mismatch
