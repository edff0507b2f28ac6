import shutil
import subprocess

import pytest

from quantloom.sim import golden
from quantloom.sim.packing import pack
from quantloom.sim.testbench import write_testbench
from quantloom.sim.verilator import find_verilator

from .designs import frames_of
from .test_simulate import wrong_weight

FRAMES = 5


def words(dataflow, end, values):
    shape = dataflow.streams[end].shape
    return pack(values.reshape(-1, shape.lanes), shape)


@pytest.fixture
def written(emitted, tmp_path):
    """Function from a design's name to its output directory."""
    def write(name):
        dataflow, path = emitted(name)
        (tmp_path / "rtl").mkdir()
        shutil.copy(path, tmp_path / "rtl")
        x = frames_of(dataflow, FRAMES)
        y = golden.run(dataflow.network, x)[dataflow.network.output]
        write_testbench(dataflow, words(dataflow, dataflow.input, x),
                        words(dataflow, dataflow.output, y), tmp_path)
        return tmp_path

    return write


@pytest.fixture(params=["icarus", "verilator"])
def make(request, monkeypatch):
    """Function that runs the bench as its user would."""
    variables = []
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    if request.param == "icarus" and shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    if request.param == "verilator":
        tool = find_verilator()
        monkeypatch.setenv("VERILATOR_ROOT", str(tool.root))
        # A Verilator built elsewhere has to be told about this compiler.
        variables = [f"VERILATOR={tool.program} -CFLAGS '-std=c++20 -fcoroutines' -MAKEFLAGS "
                     "'CFG_CXXFLAGS_PCH_I=-include CXX=c++ LINK=c++ AR=ar OPT_FAST=-O0 "
                     "PYTHON3=python3'"]

    def run(directory, arguments=""):
        return subprocess.run(["make", "-C", directory / "tb", request.param, *variables,
                               f"ARGS={arguments}"], capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("name", ["chain", "branches"])
def test_passes(written, make, name):
    directory = written(name)
    for arguments in ("", "+gaps=40 +stalls=60 +seed=3"):
        done = make(directory, arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"PASS: {FRAMES} frames" in done.stdout
        assert "%Warning" not in done.stdout + done.stderr


def test_fails(written, make):
    directory = written("chain")
    wrong_weight(directory / "rtl" / "chain.v", directory / "rtl" / "chain.v")
    done = make(directory)
    assert done.returncode != 0 and "PASS" not in done.stdout
    assert "FAIL: frame 0, beat 0: expected" in done.stdout


def test_ends_when_stuck(written, make):
    directory = written("chain")
    bench = directory / "tb" / "chain_tb.v"
    bench.write_text(bench.read_text().replace(".m_axis_tvalid(m_axis_tvalid)",
                                               ".m_axis_tvalid()"))
    done = make(directory)
    assert done.returncode != 0 and "FAIL: stuck after" in done.stdout


def test_vectors(written, emitted):
    directory = written("chain")
    dataflow, _ = emitted("chain")
    lines = (directory / "vectors" / "input.hex").read_text().split()
    shape = dataflow.streams[dataflow.input].shape
    assert len(lines) == FRAMES * shape.beats
    first = frames_of(dataflow, FRAMES).reshape(-1, shape.lanes)[0]
    assert int(lines[0], 16) == sum(int(v) << (4 * k) for k, v in enumerate(first))


def test_whole_frames_only(emitted, tmp_path):
    dataflow, _ = emitted("chain")
    beats = words(dataflow, dataflow.input, frames_of(dataflow, 2))
    with pytest.raises(ValueError, match="must be whole frames of 8 and 4 beats, not 16 and 16"):
        write_testbench(dataflow, beats, beats, tmp_path)
