"""Quantised graphs as onnx's reference implementation computes them, sums rounded once.

In float32, sums of products on any scales are rounded term by term, in an order that ONNX leaves
open: now and then an element that lies between two levels falls on the other side. Here quantised
values and what is summed up of them are float64, and become float32 when the sum is complete.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from onnx.reference.ops import op_average_pool, op_conv, op_gemm, op_global_average_pool
from qonnx.custom_op.general.bipolar_quant import binary_quant
from qonnx.custom_op.general.intquant import int_quant

from quantloom.gen.quantise.qonnx_graph import DOMAIN

__all__ = ["reference"]


class Quant(OpRun):
    op_domain = DOMAIN

    def _run(self, x, scale, zero, bits, narrow=None, rounding_mode=None, signed=None):
        y = int_quant(x.astype(np.float32), scale, zero, bits, signed, narrow, rounding_mode)
        integers = np.rint(y / scale.astype(np.float64))
        return (integers * scale.astype(np.float64),)


class MatMul(OpRun):
    def _run(self, a, b):
        return (np.matmul(a, b),)


class Add(OpRun):
    def _run(self, a, b):
        return (a + b,)


def narrow(x):
    """What a function of single elements reads: float32, unless it is integers."""
    return x.astype(np.float32) if x.dtype == np.float64 else x


class Sub(OpRun):
    def _run(self, a, b):
        return (narrow(a) - b,)


class Div(OpRun):
    def _run(self, a, b):
        return (narrow(a) / b,)


class Mul(OpRun):
    """By a scale, behind integers; or of two tensors."""

    def _run(self, a, b):
        return (a * b if np.size(b) == 1 else (a * b).astype(np.float32),)


class Cast(OpRun):
    """To integers and back, as where results wrap: there float64 begins."""

    def _run(self, x, to=None, **_):
        return (x.astype(np.int64 if to == onnx.TensorProto.INT64 else np.float64),)


class BipolarQuant(OpRun):
    op_domain = DOMAIN

    def _run(self, x, scale):
        return (np.sign(binary_quant(x.astype(np.float32), scale)) * scale.astype(np.float64),)


def rounded_once(standard: Any, operator: str) -> type[OpRun]:
    """An operator of onnx whose sums over float64 become float32 at the end; biases come then."""

    def run(self, *inputs, **attributes):
        wide = any(x is not None and x.dtype == np.float64 for x in inputs)
        bias = inputs[2] if operator in ("Conv", "Gemm") and len(inputs) > 2 else None
        if not wide:
            return standard._run(self, *inputs, **attributes)
        inputs = [x.astype(np.float64) for x in (inputs if bias is None else inputs[:2])]
        (y,) = standard._run(self, *inputs, **attributes)
        y = y.astype(np.float32)
        if bias is not None:
            y = y + bias.reshape([-1 if axis == 1 else 1 for axis in range(y.ndim)])
        return (y,)

    return type(operator, (standard,), {"_run": run, "op_domain": ""})


SUMS = {"Conv": op_conv.Conv, "MatMul": MatMul, "Gemm": op_gemm.Gemm_7, "Add": Add,
        "AveragePool": op_average_pool.AveragePool_19,
        "GlobalAveragePool": op_global_average_pool.GlobalAveragePool}
OPERATORS = [Quant, BipolarQuant, Cast, Mul, Sub, Div,
             *(rounded_once(standard, name) for name, standard in SUMS.items())]


def reference(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """Outputs for inputs (frames, *shape), sample by sample."""
    session = ReferenceEvaluator(model, new_ops=OPERATORS)
    (source,) = session.input_names
    return np.stack([session.run(None, {source: frame[None]})[0][0] for frame in x])
