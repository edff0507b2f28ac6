import json
import re
import shutil

import numpy as np
import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.sim import cxxrtl, golden, verilator
from quantloom.sim.engine import BRIEF, Design
from quantloom.sim.simulate import simulate

from .designs import frames_of, replace

FRAMES = 7
FIRST_WEIGHTS = re.compile(r"weights\[3\] = (\d+'h\w+);")


def run(emitted, name, **options):
    dataflow, path = emitted(name)
    options.setdefault("seed", 5)
    return simulate(dataflow, options.pop("verilog", path), frames_of(dataflow, FRAMES), **options)


def wrong_weight(path, target):
    """One word of the first neuron's weights inverted."""
    text = path.read_text()
    target.write_text(FIRST_WEIGHTS.sub(r"weights[3] = ~\1;", text, count=1))
    return target


@pytest.mark.parametrize("stress", [False, True])
@pytest.mark.parametrize("name", ["chain", "branches"])
def test_equals_golden(emitted, engine, name, stress):
    dataflow, _ = emitted(name)
    report = run(emitted, name, engine=engine, stress=stress)
    assert report.ok and report.mismatches == 0 and report.first_mismatch is None
    assert report.frames == report.frames_requested == FRAMES
    expected = golden.run(dataflow.network, frames_of(dataflow, FRAMES))[dataflow.network.output]
    np.testing.assert_array_equal(report.outputs, expected)
    # The window of what follows brings the padding: no stream carries it.
    assert report.layers_checked == tuple(t for t in dataflow.network.tensors if t != "pad")
    for check in report.streams:
        assert check.beats == FRAMES * dataflow.streams[check.stream].shape.beats
    for mark, depth in report.fifo_high_water.values():
        assert 1 <= mark <= depth
    if not stress:
        assert report.interval_cycles == pytest.approx(dataflow.interval, rel=0.02)
        assert report.latency_cycles > dataflow.interval / 2


@pytest.mark.parametrize("stress", [False, True])
def test_engines_agree_to_the_cycle(emitted, engine, stress):
    other = run(emitted, "branches", engine="verilator", stress=stress)
    report = run(emitted, "branches", engine=engine, stress=stress)
    assert {**report.to_json(), "engine": ""} == {**other.to_json(), "engine": ""}


@pytest.mark.parametrize("stress", [False, True])
def test_levels_of_fifos_over_time(emitted, engine, stress):
    """The same in every engine; the high-water mark is the highest of them."""
    other = run(emitted, "chain", engine="verilator", stress=stress)
    report = run(emitted, "chain", engine=engine, stress=stress)
    assert report.fifo_levels == other.fifo_levels
    assert report.fifo_levels.keys() == report.fifo_high_water.keys() == {"fc1_fifo", "fc2_fifo"}
    for name, (every, levels) in report.fifo_levels.items():
        assert max(levels) == report.fifo_high_water[name][0]
        assert every * (len(levels) - 1) < report.cycles <= every * len(levels)
        assert len(levels) <= 512 and levels[0] == 0  # nothing has come so far when it begins


def test_levels_of_a_long_run_are_joined(emitted):
    dataflow, path = emitted("chain")
    long = simulate(dataflow, path, frames_of(dataflow, 60), engine="verilator")
    for every, levels in long.fifo_levels.values():
        assert every == 1 << (every.bit_length() - 1) > 4 and 256 <= len(levels) <= 512
        assert every * (len(levels) - 1) < long.cycles <= every * len(levels)


def test_seed_changes_the_pauses_and_nothing_else(emitted):
    runs = [run(emitted, "chain", stress=True, seed=seed) for seed in (1, 1, 2)]
    assert runs[0].cycles == runs[1].cycles != runs[2].cycles
    np.testing.assert_array_equal(runs[0].outputs, runs[2].outputs)


def test_report_is_plain_json(emitted):
    report = json.loads(json.dumps(run(emitted, "chain").to_json()))
    assert report["frames"] == FRAMES and report["mismatches"] == 0
    assert report["engine"] == "verilator" and report["interval_cycles"] == 64
    assert report["fifo_high_water"]["fc1_fifo"][1] == 8


def test_one_frame_has_no_interval(emitted):
    dataflow, path = emitted("chain")
    report = simulate(dataflow, path, frames_of(dataflow, 1))
    assert report.ok and report.interval_cycles is None and report.latency_cycles is not None


def test_wrong_weight_is_found(emitted, engine, tmp_path):
    dataflow, path = emitted("chain")
    report = run(emitted, "chain", engine=engine, verilog=wrong_weight(path, tmp_path / "bad.v"))
    first = report.first_mismatch
    assert not report.ok and report.mismatches > 0 and report.deadlock is None
    assert (first.block, first.stream, first.tensor) == ("fc1_neuron", "fc1_neuron_o", "fc1")
    frames = frames_of(dataflow, FRAMES)
    tensor = golden.run(dataflow.network, frames, keep=True)["fc1"]
    assert first.frame == 0
    assert first.expected == tensor[(0, *first.position, first.channel)] != first.got
    assert str(first).startswith("block fc1_neuron, stream fc1_neuron_o, frame 0, row 0, column ")


def test_mismatch_of_a_stream_without_tensor_names_beat_and_lane(emitted, tmp_path):
    _, path = emitted("branches")
    text = path.read_text()
    start = text.index("conv1_window conv1_window (")
    wire = re.compile(r"\.i_payload\((.*)\),").search(text, start)
    bad = tmp_path / "bad.v"
    bad.write_text(f"{text[: wire.start(1)]}~({wire[1]}){text[wire.end(1) :]}")
    report = run(emitted, "branches", verilog=bad)
    first = report.first_mismatch
    assert (first.block, first.stream) == ("conv1_window", "conv1_window_o")
    assert first.position is None and first.channel is None and (first.beat, first.lane) == (0, 0)
    assert "beat 0, lane 0: expected" in str(first)


def test_undefined_bits_are_a_mismatch(emitted, tmp_path):
    _, path = emitted("chain")
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    text = path.read_text()
    bad = tmp_path / "bad.v"
    bad.write_text(FIRST_WEIGHTS.sub("weights[3] = 64'hx;", text, count=1))
    report = run(emitted, "chain", engine="icarus", verilog=bad)
    assert report.mismatches > 0
    assert "got undefined bits" in str(report.first_mismatch)


def test_wrong_tlast_is_a_mismatch(emitted, engine, tmp_path):
    _, path = emitted("chain")
    old = re.search(r"assign m_axis_tlast = .*;", path.read_text())[0]
    bad = replace(path, old, "assign m_axis_tlast = 1'b0;", tmp_path / "bad.v")
    report = run(emitted, "chain", engine=engine, verilog=bad)
    assert report.first_mismatch.stream == "m_axis_tlast"
    assert (report.first_mismatch.expected, report.first_mismatch.got) == (1, 0)


def test_deadlock_is_reported(emitted, engine, tmp_path):
    # The second neuron is cut off from its input: the first neuron's FIFO fills up.
    _, path = emitted("chain")
    text = path.read_text()
    start = text.index("  fc2_neuron fc2_neuron (")
    end = text.index(");\n", start)
    ready = re.search(r"\.i_ready\((\w+)\)", text[start:end])[1]
    instance = re.sub(r"\.i_valid\(\w+\)", ".i_valid(1'b0)", text[start:end])
    instance = instance.replace(f".i_ready({ready})", ".i_ready()")
    bad = tmp_path / "bad.v"
    bad.write_text(f"{text[:start]}  assign {ready} = 1'b0;\n{instance}{text[end:]}")
    report = run(emitted, "chain", engine=engine, verilog=bad)
    assert not report.ok and report.frames == 0
    assert "fc2_fifo waits for fc2_neuron to offer beat 0 of fc2_neuron_o" in report.deadlock
    assert "fc2_neuron waits for nobody and does nothing" in report.deadlock
    assert report.fifo_high_water["fc1_fifo"] == (8, 8)


def test_progress(emitted, tmp_path, monkeypatch):
    monkeypatch.setenv("QUANTLOOM_CACHE", str(tmp_path))
    seen = []
    run(emitted, "chain", engine="cxxrtl", on_progress=lambda *call: seen.append(call))
    assert ("compile", 2, 2) in seen and seen[-1] == ("simulate", FRAMES, FRAMES)
    seen.clear()
    run(emitted, "chain", engine="cxxrtl", on_progress=lambda *call: seen.append(call))
    assert {stage for stage, _, _ in seen} == {"simulate"}  # from the cache


@pytest.mark.parametrize("tool", [verilator, cxxrtl])
def test_brief_run_takes_what_is_there(emitted, tool, tmp_path, monkeypatch):
    """A short run compiles without optimisation, unless an optimised simulator is there."""
    monkeypatch.setenv("QUANTLOOM_CACHE", str(tmp_path / "cache"))
    levels = []

    def compile_nothing(units, on_done=None):
        for unit in units:
            unit.object.touch()
            if unit.source.is_relative_to(tmp_path):  # not the simulator's own library
                levels.extend({tool.FAST, tool.SLOW} & set(unit.flags))

    monkeypatch.setattr(tool, "compile_units", compile_nothing)
    monkeypatch.setattr(tool, "link", lambda objects, program: program.touch())
    dataflow, path = emitted("chain")
    brief, long = (Design.of(dataflow, [path], cycles=n) for n in (BRIEF, BRIEF + 1))
    assert brief.brief and not long.brief and not Design.of(dataflow, [path]).brief
    unoptimised = tool.build(brief).program
    assert unoptimised == tool.build(brief).program
    optimised = tool.build(long).program
    assert optimised != unoptimised
    assert tool.build(brief).program == optimised
    assert levels == [tool.SLOW, tool.FAST]


def test_ports_only(emitted, engine):
    report = run(emitted, "branches", engine=engine, ports_only=True)
    assert report.ok and [check.tensor for check in report.streams] == ["input", "fc"]


def test_bad_use(emitted, tmp_path):
    dataflow, path = emitted("chain")
    frames = frames_of(dataflow, 2)
    with pytest.raises(QuantloomError, match="engine must be one of verilator, cxxrtl, icarus, "
                                             "not 'questa'"):
        simulate(dataflow, path, frames, engine="questa")
    with pytest.raises(QuantloomError, match="there is no such Verilog file"):
        simulate(dataflow, tmp_path / "none.v", frames)
    with pytest.raises(QuantloomError, match="there is no frame to simulate"):
        simulate(dataflow, path, frames[:0])
    with pytest.raises(QuantloomError, match="must be integers of shape"):
        simulate(dataflow, path, frames[:, :, :1])
    with pytest.raises(QuantloomError, match="must be uint4 within 0 to 15"):
        simulate(dataflow, path, frames + 8)


def test_refused_verilog(emitted, engine, tmp_path):
    dataflow, _ = emitted("chain")
    bad = tmp_path / "bad.v"
    bad.write_text("module chain(; endmodule\n")
    with pytest.raises(QuantloomError, match="failed with status"):
        simulate(dataflow, bad, frames_of(dataflow, 1), engine=engine)
