"""Malformed and unsupported models: one message, little memory, no hang.

Those that could take memory or time, and some of each kind, go through the command as a process of
its own; the others through the same command within this one.
"""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ...command import quantloom
from ..frontends.graphs import GENERAL, GraphBuilder

MEMORY = 1 << 30
GUARD = 60
"""s; a command that takes longer hangs."""


@dataclass(frozen=True)
class Ended:
    code: int
    text: str
    seconds: float
    peak: int


LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:], stderr=subprocess.STDOUT)
_, status, usage = os.wait4(process.pid, 0)
with open(sys.argv[1], "w") as file:
    file.write(f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}")
"""
"""A process's peak counts from before its program is there, when it still is its parent: a small
one stands between this and the command."""


def command(*argv) -> Ended:
    """Run ``quantloom`` as a process of its own; peak resident memory in bytes."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(told), sys.executable, "-m", "quantloom",
             *map(str, argv)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True)
        guard = threading.Timer(GUARD, os.killpg, (process.pid, signal.SIGKILL))
        guard.start()
        text = process.communicate()[0]
        guard.cancel()
        assert told.is_file(), f"killed after {GUARD} s: {text}"
        code, peak = map(int, told.read_text().split())
    kilo = 1 if sys.platform == "darwin" else 1024
    return Ended(code, text, time.monotonic() - start, peak * kilo)


def within(*argv) -> Ended:
    """The same in this process."""
    start = time.monotonic()
    done = quantloom(*argv)
    return Ended(done.code, done.out + done.err, time.monotonic() - start, 0)


def refused(path: Path, *texts: str, run=command) -> None:
    out = path.parent / "out"
    for argv in (("inspect", path), ("generate", path, "-o", out)):
        ended = run(*argv)
        print(f"{argv[0]} {path.name}: {ended.seconds:.2f} s, {ended.peak / 2**20:.0f} MB")
        print(ended.text)
        assert ended.code == 2
        assert "Traceback" not in ended.text and "Warning" not in ended.text
        for text in texts:
            assert text in ended.text
        message = ended.text.splitlines()
        # inspect lists: the file, and a line for each node; generate says the first.
        assert len(message) == 1 if argv[0] == "generate" else len(message) <= 3
        assert ended.peak < MEMORY
    assert not out.exists()


def base(shape=(1, 2, 6, 6), opset=17, **options) -> GraphBuilder:
    return GraphBuilder(shape, np.random.default_rng(1), opset=opset, **options)


def sound(**options) -> GraphBuilder:
    """A small network that compiles; its convolution is called ``first``."""
    g = base(**options)
    g.quant(0.5, 4, name="grid")
    tip = g.tip
    g.node("Conv", tip, g.weights((3, 2, 3, 3)), name="first")
    g.node("Relu", name="act")
    g.quant(0.5, 4, signed=0, name="last")
    return g


def written(folder: Path, data: bytes, name="model.onnx") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def changed(folder: Path, change) -> Path:
    """The sound model after something was done to its protobuf."""
    model = sound().model()
    change(model.graph)
    return written(folder, model.SerializeToString())


def test_the_sound_one_compiles(tmp_path):
    path = sound().save(tmp_path)
    for argv in (("inspect", path), ("generate", path, "-o", tmp_path / "out")):
        ended = command(*argv)
        assert ended.code == 0, ended.text


def test_node_names_may_repeat(tmp_path):
    """ONNX does not forbid it; the blocks get names of their own."""
    path = changed(tmp_path, lambda g: [setattr(n, "name", "same") for n in g.node])
    ended = command("generate", path, "-o", tmp_path / "out")
    assert ended.code == 0, ended.text


@pytest.mark.parametrize("part", [0.02, 0.5, 0.9, 0.999])
def test_cut_onnx(part, tmp_path):
    data = sound().model().SerializeToString()
    refused(written(tmp_path, data[: int(len(data) * part)]), "model.onnx")


@pytest.mark.parametrize("part", [0.03, 0.99])
def test_cut_gzip(part, tmp_path):
    data = gzip.compress(sound().model().SerializeToString())
    refused(written(tmp_path, data[: int(len(data) * part)], "model.onnx.gz"), "model.onnx.gz",
            "damaged or truncated gzip")


def test_gzip_bombs(tmp_path):
    member = gzip.compress(bytes(1 << 26), 1)
    refused(written(tmp_path, member * 40, "zeros.onnx.gz"), "zeros.onnx.gz", "unpacks to more")
    packer = zlib.compressobj(9, wbits=31)
    head = sound().model().SerializeToString()
    data = packer.compress(head) + b"".join(packer.compress(bytes(1 << 24)) for _ in range(64)) \
        + packer.flush()
    refused(written(tmp_path, data, "tail.onnx.gz"), "tail.onnx.gz", "unpacks to more")


def test_huge_file(tmp_path):
    for name in ("huge.onnx", "huge.tflite"):
        path = tmp_path / name
        with path.open("wb") as file:
            file.write(b"\x1c\x00\x00\x00TFL3")
            file.truncate(3 << 30)  # sparse: no disk is used
        refused(path, name, "at most")


@pytest.mark.parametrize("scale", [np.nan, np.inf, 0.0, -0.5, 1e-40])
def test_scales(scale, tmp_path):
    g = sound()
    g.quant(scale, 4, name="odd")
    refused(g.save(tmp_path), "odd (Quant)", run=command if np.isnan(scale) else within)
    g = sound()
    g.node("QuantizeLinear", g.tip, g.const(scale), g.const(3, np.uint8), name="odd")
    refused(g.save(tmp_path), "odd (QuantizeLinear)", run=command if scale < 0 else within)


def _weights(array, dtype=np.float32):
    def build(g):
        g.node("Conv", g.tip, g.const(array, dtype), name="odd")
    return build


def _text(g):
    g.constants.append(helper.make_tensor("words", TensorProto.STRING, [2], [b"a", b"b"]))
    g.node("Add", g.tip, "words", name="odd")


def _sparse(g):
    values = numpy_helper.from_array(np.ones(1, np.float32), "v")
    places = numpy_helper.from_array(np.zeros(1, np.int64), "i")
    g.nodes.append(helper.make_node("Constant", [], ["s"], name="odd",
                                    sparse_value=helper.make_sparse_tensor(values, places, [4])))
    g.node("Add", g.tip, "s")


def _branch(depth):
    def build(g):
        inner = helper.make_graph([helper.make_node("Identity", [g.tip], ["deep"])], "g", [],
                                  [helper.make_tensor_value_info("deep", 1, None)])
        node = None
        for level in range(depth):
            node = helper.make_node("If", ["condition"], [f"o{level}"],
                                    name="odd" if level == depth - 1 else f"n{level}",
                                    then_branch=inner, else_branch=inner if not level else None)
            inner = helper.make_graph([node], "g", [],
                                      [helper.make_tensor_value_info(f"o{level}", 1, None)])
        g.constants.append(numpy_helper.from_array(np.array(True), "condition"))
        g.nodes.append(node)
        g.tip = node.output[0]
    return build


def _loop(g):
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Relu", ["v"], ["v2"])],
        "body", [helper.make_tensor_value_info("i", TensorProto.INT64, []),
                 helper.make_tensor_value_info("c", TensorProto.BOOL, []),
                 helper.make_tensor_value_info("v", 1, None)],
        [helper.make_tensor_value_info("c2", TensorProto.BOOL, []),
         helper.make_tensor_value_info("v2", 1, None)])
    g.node("Loop", g.const(1 << 40, np.int64), "", g.tip, name="odd", body=body)


NODES = {
    "unknown operator": (lambda g: g.node("Wobble", name="odd"), "operator Wobble is not"),
    "unknown domain": (lambda g: g.node("Relu", domain="com.example", name="odd"), "com.example"),
    "recurrent": (lambda g: g.node("LSTM", name="odd", hidden_size=4), "operator LSTM"),
    "float quantiser": (lambda g: g.node("FloatQuant", g.tip, *(g.const(v) for v in range(1, 6)),
                                         domain=GENERAL, name="odd"), "Quantise to integers"),
    "integer operators": (lambda g: g.node(
        "ConvInteger", g.tip, g.const(np.ones((2, 3, 1, 1)), np.uint8), name="odd"), "QDQ"),
    "dynamic quantisation": (lambda g: g.node("DynamicQuantizeLinear", g.tip, name="odd",
                                              outputs=3), "Quantise statically"),
    "control flow": (_branch(1), "control flow"),
    "nested control flow": (_branch(20), "control flow"),
    "loop": (_loop, "control flow"),
    "weights of no size": (_weights(np.ones((0, 3, 3, 3))), "it has 0 weights"),
    "weights of other channels": (_weights(np.ones((2, 5, 3, 3))), "do not fit 3 channels"),
    "weights of another rank": (_weights(np.ones((2, 3))), "weights of shape (2, 3)"),
    "weights too wide": (_weights(np.full((2, 3, 3, 3), 70_000)), "up to 70000"),
    "weights not finite": (_weights(np.full((2, 3, 3, 3), np.nan)), "not finite"),
    "weights unquantised": (_weights(np.full((2, 3, 3, 3), 0.3)), "are not quantised"),
    "weights complex": (_weights(np.full((2, 3, 3, 3), 1j), np.complex64), "complex"),
    "weights of truth": (_weights(np.ones((2, 3, 3, 3)), np.bool_), "bool"),
    "strings": (_text, "of type text"),
    "sparse": (_sparse, "holds no numbers"),
    "a real zero point": (lambda g: g.node("QuantizeLinear", g.tip, g.const(0.5), g.const(3.5),
                                           name="odd"), "quantises to float32"),
    "groups": (lambda g: g.node("Conv", g.tip, g.const(np.ones((2, 3, 1, 1))), group=0,
                                name="odd"), "groups"),
    "strides": (lambda g: g.node("Conv", g.tip, g.const(np.ones((2, 3, 1, 1))), strides=[0, 1],
                                 name="odd"), "strides"),
    "pads": (lambda g: g.node("Conv", g.tip, g.const(np.ones((2, 3, 1, 1))), pads=[-1, 0, 0, 0],
                              name="odd"), "pads"),
    "huge pads": (lambda g: g.node("Conv", g.tip, g.const(np.ones((2, 3, 1, 1))),
                                   pads=[60_000] * 4, name="odd"), "shape"),
    "attributes of another type": (lambda g: g.node(
        "Conv", g.tip, g.const(np.ones((2, 3, 1, 1))), strides="wide", name="odd"), "malformed"),
    "missing attributes": (lambda g: g.node("MaxPool", name="odd"), "kernel"),
    "missing inputs": (lambda g: g.node("Conv", g.tip, name="odd"), "weights"),
    "a window too large": (lambda g: g.node("MaxPool", kernel_shape=[9, 9], name="odd"), "fit"),
    "an impossible shape": (lambda g: g.node("Reshape", g.tip, g.const([1, 7], np.int64),
                                             name="odd"), "cannot be rearranged"),
    "a huge constant": (lambda g: (g.node("ConstantOfShape", g.const([1 << 20] * 3, np.int64),
                                          name="odd"),
                                   g.node("Add", "t0", g.tip)), "too large"),
    "a huge enlargement": (lambda g: g.node("Resize", g.tip, "", g.const([1, 1, 64, 64e6]),
                                            name="odd"), "factors"),
    "two tensors of two shapes": (lambda g: g.node("Add", g.tip, g.node("Flatten"), name="odd"),
                                  "do not meet"),
}  # fmt: skip


# Cases with a process of their own.
APART = frozenset({
    "unknown operator", "unknown domain", "float quantiser", "nested control flow", "loop",
    "weights too wide", "weights of other channels", "strings", "huge pads", "a huge constant",
    "cycle", "undefined tensor", "missing initialiser", "two inputs", "dynamic shape", "huge input",
    "huge size", "data missing", "data outside", "data beyond its file", "empty input"})


@pytest.mark.parametrize("name", NODES)
def test_nodes(name, tmp_path):
    build, text = NODES[name]
    g = sound()
    build(g)
    refused(g.save(tmp_path), "odd", text, run=command if name in APART else within)


def _initialiser(graph):
    return graph.initializer[2]


def _drop(graph):
    graph.initializer.remove(_initialiser(graph))


def _into_input(graph):
    name = _initialiser(graph).name
    _drop(graph)
    graph.input.append(helper.make_tensor_value_info(name, 1, [3, 2, 3, 3]))


def _external(location, **more):
    def change(graph):
        tensor = max(graph.initializer, key=lambda t: len(t.raw_data))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            tensor.external_data.add(key=key, value=str(value))
    return change


def _shape(*dims):
    def change(graph):
        graph.input[0].CopyFrom(helper.make_tensor_value_info("x", 1, dims))
    return change


def _cycle(graph):
    graph.node[0].input[0] = graph.node[-1].output[0]


def _twice(graph):
    graph.node[-1].output[0] = graph.node[0].output[0]


GRAPHS = {
    "cycle": (_cycle, "which nothing before it defines"),
    "output defined twice": (_twice, "exists already"),
    "undefined tensor": (lambda g: g.node[2].input.__setitem__(0, "nowhere"), "nowhere"),
    "missing initialiser": (_drop, "which nothing before it defines"),
    "initialiser that became an input": (_into_input, "must have one input, not 2"),
    "two inputs": (lambda g: g.input.append(helper.make_tensor_value_info("y", 1, [1, 2])),
                   "must have one input, not 2 (x, y)"),
    "no input": (lambda g: g.ClearField("input"), "must have one input"),
    "no output": (lambda g: g.ClearField("output"), "no output"),
    "undefined output": (lambda g: setattr(g.output[0], "name", "gone"), "'gone'"),
    "no nodes": (lambda g: g.ClearField("node"), "no graph with nodes"),
    "dynamic shape": (_shape(1, 2, "height", 6), "dynamic shape"),
    "no shape": (lambda g: g.input[0].type.tensor_type.ClearField("shape"), "no static shape"),
    "empty input": (_shape(1, 2, 0, 6), "must be positive"),
    "negative input": (_shape(1, 2, -6, 6), "must be positive"),
    "huge input": (_shape(1, 2, 1 << 20, 1 << 20), "at most"),
    "batch": (_shape(7, 2, 6, 6), "batch of 7"),
    "five axes": (_shape(1, 2, 6, 6, 6), "first"),
    "input of strings": (lambda g: setattr(g.input[0].type.tensor_type, "elem_type",
                                           TensorProto.STRING), "'x' is of type string"),
    "input of no known type": (lambda g: setattr(g.input[0].type.tensor_type, "elem_type", 99),
                               "'x'"),
    "sequence as input": (lambda g: g.input[0].type.sequence_type.elem_type.tensor_type
                          .__setattr__("elem_type", 1), "'x'"),
    "data of another length": (lambda g: setattr(max(g.initializer, key=lambda t: len(t.raw_data)),
                                                 "raw_data", b"12345"), "damaged or truncated"),
    "data of no known type": (lambda g: setattr(_initialiser(g), "data_type", 99), "damaged"),
    "negative size": (lambda g: _initialiser(g).dims.append(-5), "has the shape"),
    "huge size": (lambda g: _initialiser(g).dims.extend([1 << 40, 1 << 20]), "at most"),
    "data missing": (_external("weights.bin"), "which is missing"),
    "data outside": (_external("../../../etc/passwd"), "outside the model's folder"),
    "data at an absolute path": (_external("/etc/passwd"), "outside the model's folder"),
    "data without a place": (_external(""), "outside the model's folder"),
    "data beyond its file": (_external("model.onnx", offset=10**12, length=10), "truncated"),
    "data of negative length": (_external("model.onnx", offset=0, length=-5), "damaged"),
    "data in words": (_external("model.onnx", offset="far"), "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name, tmp_path):
    change, text = GRAPHS[name]
    refused(changed(tmp_path, change), text, run=command if name in APART else within)


@pytest.mark.parametrize("version", [0, 5, 999])
def test_opsets(version, tmp_path):
    model = sound().model()
    model.opset_import[0].version = version
    refused(written(tmp_path, model.SerializeToString()), "model.onnx", f"opset {version}",
            run=within)


def test_control_flow_without_end(tmp_path):
    """Branches within branches, deeper than protobuf reads."""
    g = sound()
    _branch(1)(g)
    data = g.nodes[-1].SerializeToString()
    for _ in range(200):
        graph = _field(1, data)
        attribute = onnx.AttributeProto(name="then_branch", type=onnx.AttributeProto.GRAPH)
        branch = attribute.SerializeToString() + _field(6, graph)
        data = onnx.NodeProto(op_type="If", output=["z"]).SerializeToString() + _field(5, branch)
    refused(written(tmp_path, onnx.ModelProto(ir_version=8).SerializeToString()
                    + _field(7, _field(1, data))), "model.onnx")


def _field(number: int, data: bytes) -> bytes:
    """A message as a field of another, as protobuf writes it."""
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def test_rows_without_end(tmp_path):
    """Blocks are scheduled row by row."""
    g = base((1, 2, 65_536, 6))
    g.quant(0.5, 4, name="grid")
    g.node("Conv", g.tip, g.const(np.ones((3, 2, 3, 3))), name="tall")
    refused(g.save(tmp_path), "65,536 rows", "8,192")


def test_a_layer_a_million_wide(tmp_path):
    """It cannot be on any chip; that takes neither the time nor the memory to try."""
    g = base((1, 16))
    g.quant(0.5, 4, name="grid")
    tip = g.tip
    g.node("MatMul", tip, g.const(np.ones((16, 1_000_000))), name="wide")
    refused(g.save(tmp_path), "wide", "16,000,000 weights")
    g = base((1, 1_000_000))
    g.quant(0.5, 4, name="grid")
    g.node("MatMul", g.tip, g.const(np.ones((1_000_000, 16))), name="wide")
    refused(g.save(tmp_path), "wide")
