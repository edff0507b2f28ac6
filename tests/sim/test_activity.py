"""Activity against counts that other tools and the golden model give."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.estimate.activity import Activity, load_activity
from quantloom.sim import golden
from quantloom.sim.activity import count_activity, simulate_traced
from quantloom.sim.expected import expected_frames
from quantloom.sim.nets import module_nets
from quantloom.sim.packing import pack
from quantloom.sim.saif import read_saif
from quantloom.sim.simulate import simulate

from .designs import frames_of

FRAMES = 3


@pytest.fixture(scope="module")
def counted(emitted):
    """Function from a design's name to its dataflow, Verilog, report, trace and activity."""
    made = {}

    def get(name):
        if name not in made:
            dataflow, path = emitted(name)
            x = frames_of(dataflow, FRAMES)
            report = simulate(dataflow, path, x)
            saif = simulate_traced(dataflow, path, x, report)
            made[name] = (dataflow, path, report, saif,
                          count_activity(dataflow, path, saif, FRAMES))
        return made[name]

    return get


def changes(words):
    """Bits that differ between consecutive rows of words."""
    return int(np.bitwise_count(words[1:] ^ words[:-1]).sum())


@pytest.mark.parametrize("name", ["chain", "branches"])
def test_whole_intervals_are_counted(counted, name):
    dataflow, _, report, saif, activity = counted(name)
    assert activity.frames == FRAMES and activity.engine == "verilator"
    assert saif.duration == 2 * activity.cycles
    assert activity.cycles == pytest.approx(FRAMES * report.interval_cycles, rel=0.02)
    clock = saif.scope.scopes[dataflow.name].nets["aclk"]
    assert clock.toggles.tolist() == [saif.duration] and clock.high.tolist() == [activity.cycles]


@pytest.mark.parametrize("name", ["chain", "branches"])
def test_input_payload_changes_as_its_beats_do(counted, name):
    """The window is from the first offer of a frame to that of the same frame again."""
    dataflow, _, _, saif, activity = counted(name)
    stream = dataflow.streams[dataflow.input]
    tensors = golden.run(dataflow.network, frames_of(dataflow, FRAMES), keep=True)
    beats = np.concatenate([pack(frame[dataflow.input], stream.shape)
                            for frame in expected_frames(dataflow, tensors)])
    toggles = saif.scope.scopes[dataflow.name].nets[f"{dataflow.input}_payload"].toggles
    assert toggles.sum() == changes(np.concatenate([beats, beats[:1]]))
    first = activity.blocks[stream.consumer].classes["payload"]
    own = [dataflow.streams[s].shape.width for s in dataflow.blocks[stream.consumer].outputs]
    assert first.bits == stream.shape.width + sum(own)


def test_valid_streams_transfer_their_beats(counted):
    """A FIFO that is never empty shows its beats one after the other, and nothing else."""
    dataflow, _, _, saif, _ = counted("chain")
    tensors = golden.run(dataflow.network, frames_of(dataflow, FRAMES), keep=True)
    top = saif.scope.scopes["chain"].nets
    always = [s for s in dataflow.streams.values()
              if top[f"{s.name}_valid"].high.sum() == saif.duration]
    assert dataflow.input in [s.name for s in always]
    for stream in always:
        beats = np.concatenate([pack(frame[stream.name], stream.shape)
                                for frame in expected_frames(dataflow, tensors)])
        ring = np.concatenate([beats, beats[:1]])
        assert top[f"{stream.name}_payload"].toggles.sum() == changes(ring)


BENCH = """\
`timescale 1ns/1ps
module bench;
  reg aclk = 1, aresetn = 0, tvalid = 0;
  reg [{width}:0] tdata = 0;
  wire tready, mvalid, mlast;
  wire [{out_width}:0] mdata;
  reg [{width}:0] beats [0:{last}];
  {top} dut (.aclk(aclk), .aresetn(aresetn), .s_axis_tdata(tdata), .s_axis_tvalid(tvalid),
    .s_axis_tlast(1'b0), .s_axis_tready(tready), .m_axis_tready(1'b1), .m_axis_tdata(mdata),
    .m_axis_tvalid(mvalid), .m_axis_tlast(mlast));
  integer next = 0, cycle = 0;
  reg taken;
  initial begin
    $readmemh("beats.hex", beats);
    $dumpfile("icarus.vcd");
    repeat (8) begin #1 aclk = 0; #1 aclk = 1; end
    aresetn = 1;
    while (next < {total}) begin
      tvalid <= 1;  // behind the edge, whose registers take what was there before
      tdata <= beats[next % {count}];
      #1 if (next == {first} && cycle == 0) $dumpvars(0, dut);
      if (next >= {first}) cycle = cycle + 1;
      taken = tready;
      aclk = 0;
      #1 aclk = 1;
      if (taken) next = next + 1;
    end
    tdata <= beats[next % {count}];
    #1 $finish;
  end
endmodule
"""


def vcd_changes(path):
    """Changes of every net's bits between the ends of time steps: by path, name, bit from 0."""
    scopes, names, widths = [], {}, {}
    values, settled, totals = {}, {}, {}
    lines = iter(path.read_text().splitlines())
    for line in lines:
        word = line.split()
        if line.startswith("$scope"):
            scopes.append(word[2])
        elif line.startswith("$upscope"):
            scopes.pop()
        elif line.startswith("$var"):
            names.setdefault(word[3], []).append((tuple(scopes), word[4]))
            widths[word[3]] = int(word[2])
        elif line.startswith("$enddefinitions"):
            break

    def settle():
        for code, value in values.items():
            before = settled.get(code)
            if before is not None and before != value:
                total = totals.setdefault(code, [0] * widths[code])
                for bit, (a, b) in enumerate(zip(reversed(before), reversed(value), strict=True)):
                    total[bit] += a != b
            settled[code] = value
        values.clear()

    for line in lines:
        if line.startswith("#"):
            settle()
        elif line[:1] == "b":
            value, code = line[1:].split()
            values[code] = value.rjust(widths[code], "x" if value[0] == "x" else "0")
        elif line[:1] in "01x":
            values[line[1:]] = line[0]
    settle()
    return {place: totals.get(code, [0] * widths[code])
            for code, places in names.items() for place in places}


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("name", ["chain", "branches"])
def test_every_net_changes_as_under_icarus(counted, tmp_path, name):
    dataflow, path, report, saif, _ = counted(name)
    stream = dataflow.streams[dataflow.input].shape
    tensors = golden.run(dataflow.network, frames_of(dataflow, FRAMES), keep=True)
    beats = [int.from_bytes(row.tobytes(), "little") for frame in expected_frames(
        dataflow, tensors) for row in pack(frame[dataflow.input], stream)]
    fill = report.latency_cycles // dataflow.interval + 1
    # The frames in order from the first counted one on; those before it are the last ones.
    turn = -fill * stream.beats % len(beats)
    (tmp_path / "beats.hex").write_text("\n".join(
        f"{b:x}" for b in beats[turn:] + beats[:turn]))
    width = -(-stream.width // 8) * 8
    out = dataflow.streams[dataflow.output].shape.width
    (tmp_path / "bench.v").write_text(BENCH.format(
        width=width - 1, out_width=-(-out // 8) * 8 - 1, last=len(beats) - 1, top=dataflow.name,
        count=len(beats), first=fill * stream.beats, total=fill * stream.beats + len(beats)))
    subprocess.run(["iverilog", "-g2005", "-o", "sim", "bench.v", path], cwd=tmp_path, check=True)
    subprocess.run(["vvp", "-n", "sim"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    other = vcd_changes(tmp_path / "icarus.vcd")
    compared = 0

    def compare(instance, module, scope, modules):
        nonlocal compared
        for net in modules[module].kinds:
            assert scope.nets[net].toggles.tolist() == other[instance, net], (instance, net)
            compared += 1
        for child, inner in modules[module].children.items():
            compare((*instance, child), inner, scope.scopes[child], modules)

    compare(("bench", "dut"), dataflow.name, saif.scope.scopes[dataflow.name],
            module_nets(path.read_text()))
    assert compared > 100
    assert any(sum(bits) for bits in other.values())


def test_saif_reads_back_and_durations_add_up(counted, tmp_path):
    dataflow, _, _, saif, _ = counted("chain")
    saif.write(tmp_path / "a.saif", 5000)
    text = (tmp_path / "a.saif").read_text()
    assert text.startswith("(SAIFILE\n(SAIFVERSION \"2.0\")\n")
    assert text.count("(") == text.count(")")
    duration = int(re.search(r"\(DURATION (\d+)\)", text)[1])
    assert duration == saif.duration * 5000
    bits = re.findall(r"\(T0 (\d+)\) \(T1 (\d+)\) \(TX 0\) \(TC (\d+)\)", text)
    assert len(bits) > 1000 and all(int(t0) + int(t1) == duration for t0, t1, _ in bits)
    again = read_saif(tmp_path / "a.saif")

    def compare(left, right):
        assert left.nets.keys() == right.nets.keys()
        for name, net in left.nets.items():
            np.testing.assert_array_equal(net.toggles, right.nets[name].toggles)
            np.testing.assert_array_equal(net.high * 5000, right.nets[name].high)
        for name, scope in left.scopes.items():
            compare(scope, right.scopes[name])

    compare(saif.scope, again.scope)
    assert list(again.scope.scopes) == [dataflow.name]


def test_half_a_saif_is_refused(counted, tmp_path):
    counted("chain")[3].write(tmp_path / "a.saif", 1)
    text = (tmp_path / "a.saif").read_text()
    (tmp_path / "a.saif").write_text(text[: len(text) // 2])
    with pytest.raises(QuantloomError, match=r"a\.saif: not a whole SAIF file"):
        read_saif(tmp_path / "a.saif")


@pytest.mark.parametrize("name", ["chain", "branches"])
def test_registers_and_memories_are_those_of_the_text(counted, name):
    """Every register and memory of the blocks' modules is counted once, in its block."""
    _, path, _, _, activity = counted(name)
    text = path.read_text()
    text = text[text.index("endmodule"):]  # the top's registers are nobody's
    width = sum(int(high or 0) + 1 for high, _ in
                re.findall(r"^  reg (?:\[(\d+):0\] )?(\w+)(?: = [^;]*)?;", text, re.M))
    total = activity.total()
    latched = sum(nets.kinds[reg] == "memory" for nets in module_nets(text).values()
                  for reg in re.findall(r"^  reg (?:\[\d+:0\] )?(\w+)(?: = [^;]*)?;", text, re.M)
                  if reg in nets.kinds)
    assert total["register"].bits <= width and (latched or total["register"].bits == width)
    declared = len(re.findall(r"^  reg (?:\[\d+:0\] )?\w+ \[\d+:0\];", text, re.M))
    memories = [m for block in activity.blocks.values() for m in block.memories]
    assert len(memories) == declared > 0
    for memory in memories:
        assert 0 <= memory.writes <= activity.cycles and memory.reads > 0
    for block in activity.blocks.values():
        for kind, toggles in block.classes.items():
            assert toggles.toggles <= toggles.bits * activity.cycles, kind


def test_fifos_write_as_many_beats_as_pass(counted):
    dataflow, _, _, _, activity = counted("chain")
    for name in ("fc1_fifo", "fc2_fifo"):
        beats = FRAMES * dataflow.streams[f"{name}_o"].shape.beats
        (memory,) = activity.blocks[name].memories
        assert abs(memory.writes - beats) <= 1  # the window is the input's


def test_json_and_back(counted, tmp_path):
    activity = counted("branches")[4]
    assert Activity.from_json(activity.to_json()) == activity
    with pytest.raises(ValueError, match="where a whole number from 1 is due"):
        Activity.from_json({**activity.to_json(), "cycles": 0})
    with pytest.raises(ValueError, match="blocks"):
        Activity.from_json({k: v for k, v in activity.to_json().items() if k != "blocks"})
    with pytest.raises(ValueError, match="format 7"):
        Activity.from_json({**activity.to_json(), "format": 7})
    assert load_activity(tmp_path) is None


def test_what_was_not_proven_flat_out_is_refused(counted):
    dataflow, path, report, _, _ = counted("chain")
    for other in (replace(report, latency_cycles=None), replace(report, mismatches=1)):
        with pytest.raises(QuantloomError, match="proven flat out"):
            simulate_traced(dataflow, path, frames_of(dataflow, 1), other)


def test_kinds_of_nets():
    nets = module_nets("""\
module m(a, b, aclk, y);
  input [3:0] a;
  wire [3:0] a;
  output [7:0] y;
  reg [7:0] y = 8'h00;
  wire [3:0] same;
  wire [4:0] _0_;
  wire [7:0] _1_;
  wire [3:0] given;
  (* ram_style = "block" *)
  reg [7:0] rows [15:0];
  (* rom_style = "logic" *)
  reg [2:0] table [3:0];
  always @(posedge aclk) begin
    if (put[2])
      rows[a] <= { a, b };
  end
  reg [7:0] _2_;
  always @(posedge aclk) begin
    if (get) begin
      _2_ <= rows[b];
    end
  end
  assign found = _2_;
  assign word = table[a[1:0]];
  assign same = { a[1:0], 2'h3 };
  assign { _0_[4], low } = a + b;
  assign _1_ = a * b;
  assign _3_ = a * 4'h9;
  always @(posedge aclk)
    y <= _1_;
  inner part (
    .x(same)
  );
endmodule
""")["m"]
    assert nets.kinds == {"y": "register", "_2_": "memory", "word": "memory", "_0_": "logic",
                          "low": "logic", "_1_": "product", "_3_": "logic"}
    rows, table = nets.memories
    assert (rows.name, rows.style, rows.width, rows.depth) == ("rows", "block", 8, 16)
    assert rows.reads == ("get",) and rows.writes == ("put[2]",)
    assert (table.style, table.width, table.depth, table.reads) == ("logic", 3, 4, (None,))
    assert nets.children == {"part": "inner"}
