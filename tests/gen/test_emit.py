"""Emission: the same bytes on every run, accepted by every tool, speaking names."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import quantloom
from quantloom.gen.emit import to_verilog
from quantloom.gen.yosys import run_yosys
from quantloom.sim.verilator import find_verilator

from ..networks import tiny_network


@pytest.fixture(scope="module")
def design():
    network = tiny_network()
    return quantloom.Design(network, quantloom.fold(network, 200))


@pytest.fixture(scope="module")
def out(design, tmp_path_factory):
    folder = tmp_path_factory.mktemp("emit") / "out"
    quantloom.generate(design, folder)
    return folder


def hashes(folder):
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


SCRIPT = """
import sys
import quantloom
from quantloom import Design
design = Design.load(__import__("pathlib").Path(sys.argv[1]))
quantloom.generate(design, sys.argv[2])
"""


@pytest.mark.parametrize("seed", ["1", "4711"])
def test_same_bytes_in_a_fresh_process(out, tmp_path, seed):
    """The whole directory, from the stored design, in another folder and hash order."""
    subprocess.run([sys.executable, "-c", SCRIPT, str(out), str(tmp_path / "again")], check=True,
                   cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": seed})
    assert hashes(tmp_path / "again") == hashes(out)


def test_same_bytes_in_one_process(design, out):
    assert to_verilog(design.dataflow) == (out / "rtl" / "tiny.v").read_text()


def test_names(out):
    text = (out / "rtl" / "tiny.v").read_text()
    modules = re.findall(r"^module (\S+)\(", text, re.M)
    assert modules[0] == "tiny"
    assert {"conv1_window", "conv1_neuron", "act1_fork", "conv2_neuron", "skip", "pool",
            "fc_neuron"} <= set(modules)
    assert len(set(modules)) == len(modules)
    instances = re.findall(r"^  (\w+) (\w+) \($", text.split("endmodule")[0], re.M)
    assert instances and all(module == name for module, name in instances)
    assert "U$" not in text and "\\" not in text and "src =" not in text
    assert str(Path.home()) not in text
    top = text.split("endmodule")[0]
    for port in ("s_axis_tdata", "s_axis_tvalid", "s_axis_tready", "s_axis_tlast", "m_axis_tdata",
                 "m_axis_tvalid", "m_axis_tready", "m_axis_tlast", "aclk", "aresetn"):
        assert re.search(rf"^  (in|out)put .*\b{port};$", top, re.M), port


def test_verilator_has_nothing_to_say(out):
    tool = find_verilator()
    done = subprocess.run([tool.program, "--lint-only", "--top-module", "tiny",
                           out / "rtl" / "tiny.v"], env=tool.environment, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0 and "%" not in done.stdout + done.stderr, done.stderr


def test_icarus_has_nothing_to_say(out, tmp_path):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    done = subprocess.run(["iverilog", "-Wall", "-Wno-timescale", "-s", "tiny", "-o",
                           tmp_path / "a.vvp", out / "rtl" / "tiny.v"], capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_yosys_reads_it(out, tmp_path):
    shutil.copy(out / "rtl" / "tiny.v", tmp_path)
    log = run_yosys(["read_verilog tiny.v", "hierarchy -check -top tiny", "proc",
                     "check -assert"], directory=tmp_path)
    assert "Warning" not in log


def test_bench_runs_without_this_package(out, tmp_path):
    """From a copy of the directory, with nothing but Icarus and make."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    work = shutil.copytree(out, tmp_path / "copy")
    done = subprocess.run(["make", "-C", work / "tb", "icarus"], capture_output=True, text=True,
                          env={"PATH": os.defpath, "HOME": str(tmp_path)}, check=False)
    assert done.returncode == 0 and "PASS" in done.stdout, done.stdout + done.stderr
