"""Small QONNX graphs, and their execution by qonnx."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from quantloom.gen.network import Network
from quantloom.gen.network.convert import dequantize, inputs_to_integers, integers_to_source
from quantloom.sim import golden

GENERAL = "qonnx.custom_op.general"
CHANNELS_LAST = "qonnx.custom_op.channels_last"


class GraphBuilder:
    """Strings nodes together; ``tip`` is the latest tensor."""

    def __init__(self, shape: tuple[int | str, ...], rng: np.random.Generator,
                 opset: int = 13, domain_version: int = 1, dtype: int = TensorProto.FLOAT):
        self.shape, self.rng, self.opset, self.dtype = shape, rng, opset, dtype
        self.domain_version = domain_version
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.annotations: dict[str, str] = {}
        self.tip = "x"
        self.result = TensorProto.FLOAT

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op: str, *inputs: str, domain: str = "", name: str = "", outputs: int = 1,
             **attributes: Any) -> str:
        """Append a node; without inputs given, it reads the tip."""
        outs = [f"t{len(self.nodes)}_{i}" if i else f"t{len(self.nodes)}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs) or [self.tip], outs, name=name,
                                           domain=domain, **attributes))
        self.tip = outs[0]
        return self.tip

    def after(self, op: str, *constants: Any, **attributes: Any) -> str:
        """Append a node on the tip and constants."""
        return self.node(op, self.tip, *(self.const(c) for c in constants), **attributes)

    def quant(self, scale: Any, bits: int, *, zero: float = 0, signed: int = 1, narrow: int = 0,
              mode: str = "ROUND", source: str = "", name: str = "") -> str:
        return self.node("Quant", source or self.tip, self.const(scale), self.const(zero),
                         self.const(bits), domain=GENERAL, signed=signed, narrow=narrow,
                         rounding_mode=mode, name=name)

    def weights(self, shape: tuple[int, ...], scale: Any = 0.25, bits: int = 4,
                narrow: int = 1) -> str:
        tip = self.tip
        floats = self.rng.normal(size=shape) * np.max(scale) * 2 ** (bits - 2)
        if bits == 1:
            out = self.node("BipolarQuant", self.const(floats), self.const(scale), domain=GENERAL)
        else:
            out = self.quant(scale, bits, narrow=narrow, source=self.const(floats))
        self.tip = tip
        return out

    def norm(self, channels: int, name: str = "", domain: str = "", spread: float = 1.0) -> str:
        rng = self.rng
        return self.after("BatchNormalization", rng.normal(size=channels),
                          rng.normal(size=channels), rng.normal(size=channels) * spread,
                          rng.uniform(0.1, 2, channels) * spread**2, name=name, domain=domain)

    def model(self, output: str = "") -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes, "g", [helper.make_tensor_value_info("x", self.dtype, self.shape)],
            [helper.make_tensor_value_info(output or self.tip, self.result, None)],
            self.constants)
        for tensor, datatype in self.annotations.items():
            graph.quantization_annotation.append(onnx.TensorAnnotation(
                tensor_name=tensor,
                quant_parameter_tensor_names=[onnx.StringStringEntryProto(
                    key="finn_datatype", value=datatype)]))
        return helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid("", self.opset),
            helper.make_opsetid(GENERAL, self.domain_version),
            helper.make_opsetid(CHANNELS_LAST, 1)])

    def save(self, folder: Path, output: str = "") -> Path:
        path = folder / "model.onnx"
        path.write_bytes(self.model(output).SerializeToString())
        return path


def execute(path: Path, x: np.ndarray) -> np.ndarray:
    """Outputs of qonnx for inputs (frames, *shape), sample by sample."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    # onnx may write a newer format version than onnxruntime reads.
    with warnings.catch_warnings(), mock.patch("onnx.IR_VERSION", 8):
        warnings.simplefilter("ignore")
        model = ModelWrapper(str(path)).transform(InferShapes())
        source, sink = model.graph.input[0].name, model.graph.output[0].name
        return np.stack([execute_onnx(model, {source: frame[None]})[sink][0] for frame in x])


def compute(network: Network, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers and reals of the golden model for the model's own inputs."""
    y = golden.run(network, inputs_to_integers(network, x))[network.output]
    integers = integers_to_source(network, y)
    return integers, dequantize(network, integers)
