"""The black box of Vitis HLS: its C++ with the real data types, its wrapper in a simulator."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from quantloom.gen.cli.frames import random_frames
from quantloom.gen.cli.generate import build
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design
from quantloom.sim import golden
from quantloom.sim.compiler import compiler
from quantloom.sim.packing import pack

from ...networks import tiny_network

BENCH = Path(__file__).parent / "hls_bench.v"


@pytest.fixture(scope="module")
def design():
    network = tiny_network()
    return Design(network, fold(network, 200))


@pytest.fixture(scope="module")
def out(design, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hls") / "out"
    build(design, folder, random_frames(design.network, 2), vendor=True)
    return folder


@pytest.fixture(scope="module")
def beats(design):
    """Frames as hexadecimal beats, and the beats that must come out."""
    frames = random_frames(design.network, 5, 3)
    outputs = golden.run(design.network, frames)[design.network.output]
    flow = design.dataflow

    def lines(stream, values):
        shape = flow.streams[stream].shape
        words = pack(values.reshape(-1, shape.lanes), shape)
        return [row.astype("<u4").tobytes()[::-1].hex() for row in words]

    return lines(flow.input, frames), lines(flow.output, outputs)


def test_function(design, out, beats, tmp_path):
    """With the arbitrary-precision types that hls4ml brings."""
    import hls4ml

    types = Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"
    main = tmp_path / "main.cpp"
    main.write_text(f"""
#include "{design.network.name}.h"
#include <cstdio>
int main() {{
  hls::stream<ap_uint<{width(design, 'input')}>> x;
  hls::stream<ap_uint<{width(design, 'output')}>> y;
  unsigned long long word;
  while (std::scanf("%llx", &word) == 1) x.write(word);
  while (!x.empty()) {design.network.name}(x, y);
  while (!y.empty()) std::printf("%llx\\n", (unsigned long long)y.read().to_uint64());
}}
""")
    program = tmp_path / "main"
    subprocess.run([*compiler(), "-O1", "-w", f"-I{types}", f"-I{out / 'hls'}", "-o", program, main,
                    out / "hls" / f"{design.network.name}.cpp"], check=True)
    done = subprocess.run([program], input="\n".join(beats[0]), capture_output=True, text=True,
                          check=True)
    assert [int(line, 16) for line in done.stdout.split()] == [int(b, 16) for b in beats[1]]


def width(design, end):
    shape = design.dataflow.streams[getattr(design.dataflow, end)].shape
    return -(-shape.width // 8) * 8


def test_description(design, out):
    found = json.loads((out / "hls" / f"{design.network.name}.json").read_text())
    assert found["c_function_name"] == design.network.name
    verilog = (out / "rtl" / f"{found['rtl_top_module_name']}.v").read_text()
    head = verilog[verilog.index(f"module {found['rtl_top_module_name']}(") :]
    ports = set(re.findall(r"^  (?:input|output) (?:\[.*?\] )?(\w+);",
                           head[: head.index("endmodule")], re.M))
    named = set(found["rtl_common_signal"].values())
    for parameter in found["c_parameters"]:
        named |= set(parameter["rtl_ports"].values())
    assert named == ports
    for file in found["rtl_files"] + [entry["c_file"] for entry in found["c_files"]]:
        assert (out / "hls" / file).is_file()


@pytest.mark.parametrize("seed", [0, 1])
def test_wrapper(design, out, beats, tmp_path, seed):
    """Calls with pauses of clock enable, FIFOs and continue; the handshake's rules hold."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    name = design.network.name
    (tmp_path / "x.hex").write_text("\n".join(beats[0]) + "\n")
    flow = design.dataflow
    numbers = {"NIN": len(beats[0]), "CALLS": 5, "XW": width(design, "input"),
               "YW": width(design, "output"), "SEED": seed,
               "XBEATS": flow.streams[flow.input].shape.beats,
               "YBEATS": flow.streams[flow.output].shape.beats}
    subprocess.run(
        ["iverilog", "-g2012", "-o", tmp_path / "run", "-s", "bench", f"-DTOP={name}_hls",
         *(f"-Pbench.{key}={value}" for key, value in numbers.items()), BENCH,
         out / "rtl" / f"{name}.v", out / "rtl" / f"{name}_hls.v"], check=True)
    done = subprocess.run(["vvp", "-n", tmp_path / "run"], cwd=tmp_path, capture_output=True,
                          text=True, check=True, timeout=300)
    words = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("y ")]
    assert "error" not in done.stdout and "finished" in done.stdout, done.stdout[-500:]
    assert [int(w, 16) for w in words] == [int(b, 16) for b in beats[1]]
    assert np.array_equal(len(words), len(beats[1]))
