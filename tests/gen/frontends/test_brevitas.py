"""A PyTorch model with Brevitas's quantisers, as its exporters write it, to simulated Verilog."""

from __future__ import annotations

import numpy as np
import pytest

import quantloom
from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.frontends import load
from quantloom.gen.network.convert import inputs_to_integers
from quantloom.sim.simulate import simulate

from .graphs import compute

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
qnn = pytest.importorskip("brevitas.nn", reason="Brevitas is not installed")
pytest.importorskip("onnxoptimizer", reason="onnxoptimizer, which Brevitas exports with, is not "
                    "installed")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def model():
    """Eight-bit input, four-bit weights and activations, batch norm and a biased last layer."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        qnn.QuantIdentity(bit_width=8, return_quant_tensor=True),
        qnn.QuantConv2d(2, 4, 3, weight_bit_width=4, bias=False), torch.nn.BatchNorm2d(4),
        qnn.QuantReLU(bit_width=4, return_quant_tensor=True), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), qnn.QuantLinear(36, 5, weight_bit_width=4, bias=True))
    model.train()
    for _ in range(20):
        model(torch.randn(16, 2, 8, 8))
    return model.eval()


def export(model, kind, path):
    from brevitas.export import export_onnx_qcdq, export_qonnx

    x = torch.randn(1, 2, 8, 8)
    if kind == "qonnx":
        export_qonnx(model, args=x, export_path=str(path))
    else:  # the newer exporter writes integers of two types into one Clip
        export_onnx_qcdq(model, args=x, export_path=str(path), dynamo=False, opset_version=14)
    return path


@pytest.mark.parametrize("kind", ["qonnx", "qcdq"])
def test_equals_torch_and_its_verilog(model, kind, tmp_path):
    network = load(export(model, kind, tmp_path / "model.onnx"))
    assert [op.kind for op in network.ops if op.kind != "reshape"] == [
        "conv2d", "threshold", "maxpool", "dense"]
    end = network.source_input
    torch.manual_seed(1)
    x = torch.randn(60, 2, 8, 8)
    integers = np.clip(np.rint(x.numpy() / end.scale), network.input.lo, network.input.hi)
    found, _ = compute(network, integers.astype(np.int64))
    out = network.source_output
    implied = (model(x).detach().numpy() - out.offset) / out.scale
    assert np.abs(implied - np.rint(implied)).max() < 0.05  # float32 sums, far from the next one
    np.testing.assert_array_equal(found, np.rint(implied))
    design = Design(network, quantloom.fold(network, 1_000))
    verilog = tmp_path / "model.v"
    verilog.write_text(to_verilog(design.dataflow))
    frames = inputs_to_integers(network, integers[:3].astype(np.int64))
    report = simulate(design.dataflow, verilog, frames)
    assert report.ok and report.frames == 3, report.first_mismatch
