"""PyTorch models quantised to 8 bits as PyTorch's users do it, exported with QuantizeLinear.

Two witnesses: onnxruntime, after all scales became powers of two, with which float32 sums are
exact; and, with the scales as they were, the ONNX reference evaluator with exact sums.
"""

from __future__ import annotations

import contextlib
import io
import logging

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops.op_conv import Conv
from onnx.reference.ops.op_gemm import Gemm_7
from onnx.reference.ops.op_global_average_pool import GlobalAveragePool
from onnx.reference.ops.op_reduce_mean import ReduceMean_18
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

import quantloom
from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.frontends import check, load
from quantloom.sim.simulate import simulate

from .graphs import compute

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnxscript", reason="onnxscript, which PyTorch exports with, is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

SHAPE = (1, 3, 16, 16)


class Network(torch.nn.Module):
    """A residual network with what usually stands in one; a plain one of weighted layers."""

    def __init__(self, plain):
        super().__init__()
        nn, self.plain = torch.nn, plain
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.depthwise, self.relu6 = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU6()
        self.pointwise, self.pool = nn.Conv2d(8, 8, 1), nn.MaxPool2d(2)
        self.strided = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.mean = nn.MaxPool2d(4) if plain else nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        y = self.pointwise(self.relu6(self.depthwise(x)))
        x = self.pool(torch.relu(y if self.plain else x + y))
        return self.fc(self.mean(torch.relu(self.strided(x))).flatten(1))


@contextlib.contextmanager
def quiet():
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)


def made(plain=False):
    torch.manual_seed(3)
    model = Network(plain).train()
    for _ in range(4):  # statistics of the batch norm
        model(torch.randn(8, *SHAPE[1:]))
    return model.eval()


def calibration():
    generator = torch.Generator().manual_seed(4)
    return [torch.randn(SHAPE, generator=generator) for _ in range(8)]


class Reader(CalibrationDataReader):
    def __init__(self):
        self.frames = iter([{"x": frame.numpy()} for frame in calibration()])

    def get_next(self):
        return next(self.frames, None)


def by_onnxruntime(folder, dynamo, per_channel, kind, **options):
    """Float PyTorch to ONNX, which onnxruntime quantises."""
    path, source = folder / "model.onnx", folder / "float.onnx"
    names = {"input_names": ["x"], "output_names": ["y"]}
    with quiet():
        if dynamo:
            torch.onnx.export(made(), (torch.zeros(SHAPE),), source, dynamo=True, verbose=False,
                              external_data=False, **names)
        else:
            torch.onnx.export(made(), torch.zeros(SHAPE), source, dynamo=False, opset_version=17,
                              **names)
        quantize_static(source, path, Reader(), per_channel=per_channel, activation_type=kind,
                        weight_type=QuantType.QInt8,
                        **{"quant_format": QuantFormat.QDQ, **options})
    return path


def by_fx(folder, engine):
    """torch.ao.quantization on an FX graph, through the older exporter."""
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = engine
    try:
        prepared = prepare_fx(made(), get_default_qconfig_mapping(engine), (torch.zeros(SHAPE),))
        for frame in calibration():
            prepared(frame)
        with quiet():
            torch.onnx.export(convert_fx(prepared), torch.zeros(SHAPE), folder / "model.onnx",
                              dynamo=False, opset_version=17)
    finally:
        torch.backends.quantized.engine = before
    return folder / "model.onnx"


def by_pt2e(folder, quantizer, plain=False):
    """torch.export and torchao's quantisation of what it gives, through the newer exporter."""
    with quiet():
        pt2e = pytest.importorskip("torchao.quantization.pt2e.quantize_pt2e",
                                   reason="torchao is not installed")
        prepared = pt2e.prepare_pt2e(
            torch.export.export(made(plain), (torch.zeros(SHAPE),)).module(), quantizer())
        for frame in calibration():
            prepared(frame)
        torch.onnx.export(pt2e.convert_pt2e(prepared), (torch.zeros(SHAPE),),
                          folder / "model.onnx", dynamo=True, verbose=False, external_data=False)
    return folder / "model.onnx"


def xnnpack():
    from torchao.testing.pt2e._xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )

    return XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))


def x86():
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as module

    return module.X86InductorQuantizer().set_global(
        module.get_default_x86_inductor_quantization_config())


EXPORTS = {
    "onnxruntime-int8": lambda f: by_onnxruntime(f, True, False, QuantType.QInt8),
    "onnxruntime-int8-channels": lambda f: by_onnxruntime(f, False, True, QuantType.QInt8),
    "onnxruntime-uint8": lambda f: by_onnxruntime(f, False, False, QuantType.QUInt8),
    "onnxruntime-uint8-channels": lambda f: by_onnxruntime(f, True, True, QuantType.QUInt8),
    "fx-x86": lambda f: by_fx(f, "x86"),
    "fx-qnnpack": lambda f: by_fx(f, "qnnpack"),
    "pt2e-xnnpack": lambda f: by_pt2e(f, xnnpack),
    "pt2e-x86": lambda f: by_pt2e(f, x86, plain=True),
}


@pytest.fixture(scope="module", params=EXPORTS)
def exported(request, tmp_path_factory):
    return EXPORTS[request.param](tmp_path_factory.mktemp(request.param))


def on_grid(network, frames, seed):
    end, rng = network.source_input, np.random.default_rng(seed)
    steps = np.rint(rng.normal(size=(frames, *end.shape)) / end.scale) + end.zero_point
    q = np.clip(steps, network.input.lo, network.input.hi)
    return ((q - end.zero_point) * end.scale).astype(np.float32)


def implied(network, reals):
    """Integers of the output for the source's reals, which may be sums with a real bias."""
    end = network.source_output
    steps = (reals.astype(np.float64) - end.offset) / end.scale + end.zero_point
    assert np.abs(steps - np.rint(steps)).max() < 1e-2
    return np.rint(steps).astype(np.int64)


def exact(kind):
    """A reference operator whose sums are those of float64, rounded once."""

    class Exact(kind):
        op_domain = ""

        def _run(self, *inputs, **attributes):
            wide = [x if x is None or x.dtype != np.float32 else x.astype(np.float64)
                    for x in inputs]
            return tuple(y.astype(np.float32) for y in super()._run(*wide, **attributes))

    Exact.__name__ = kind.__name__.split("_")[0]  # by which the evaluator finds it
    return Exact


def test_equals_the_definition(exported):
    assert check(exported) == []
    network = load(exported)
    assert network.host == ()
    x = on_grid(network, 6, 1)
    model = onnx.load(exported)
    if model.opset_import[0].version < 19:  # the evaluator has no older quantisers; they are alike
        model.opset_import[0].version = 19
    runner = ReferenceEvaluator(model, new_ops=[
        exact(kind) for kind in (Conv, Gemm_7, GlobalAveragePool, ReduceMean_18)])
    name = runner.input_names[0]
    expected = np.concatenate([runner.run(None, {name: frame[None]})[0] for frame in x])
    np.testing.assert_array_equal(compute(network, x)[0], implied(network, expected))
    assert len(np.unique(expected)) > 10


def test_equals_onnxruntime_where_sums_are_exact(exported, tmp_path):
    """All scales at the nearest power of two."""
    model = onnx.load(exported)
    names = {node.output[0]: node.input[0] for node in model.graph.node
             if node.op_type == "Identity"}
    scales = {node.input[1] for node in model.graph.node
              if node.op_type in ("QuantizeLinear", "DequantizeLinear")}
    scales = {names.get(name, name) for name in scales}
    held = [(i.name, i) for i in model.graph.initializer]
    held += [(n.output[0], n.attribute[0].t) for n in model.graph.node if n.op_type == "Constant"]
    stored = [tensor for name, tensor in held if name in scales]
    assert len(stored) == len(scales) > 8
    for tensor in stored:
        dyadic = np.exp2(np.rint(np.log2(numpy_helper.to_array(tensor)))).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(dyadic, tensor.name))
    path = tmp_path / "dyadic.onnx"
    onnx.save(model, path)
    network = load(path)
    x = on_grid(network, 20, 2)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options)
    name = session.get_inputs()[0].name
    expected = np.concatenate([session.run(None, {name: frame[None]})[0] for frame in x])
    np.testing.assert_array_equal(compute(network, x)[0], implied(network, expected))


def test_verilog(tmp_path):
    network = load(by_onnxruntime(tmp_path, True, True, QuantType.QUInt8))
    design = Design(network, quantloom.fold(network, 4_000))
    verilog = tmp_path / "model.v"
    verilog.write_text(to_verilog(design.dataflow))
    rng = np.random.default_rng(5)
    frames = rng.integers(network.input.lo, network.input.hi + 1, (3, *network.input.shape))
    report = simulate(design.dataflow, verilog, frames)
    assert report.ok and report.frames == 3, report.first_mismatch


def test_operators_of_the_other_format_are_refused(tmp_path):
    path = by_onnxruntime(tmp_path, False, False, QuantType.QUInt8,
                          quant_format=QuantFormat.QOperator)
    problems = check(path)
    assert {p.node.split("(")[-1].rstrip(")") for p in problems} >= {"QLinearConv"}
    for problem in problems:
        assert problem.problem == "it is of the QOperator format, which computes on integers itself"
        assert "quant_format=QuantFormat.QDQ" in problem.remedy
