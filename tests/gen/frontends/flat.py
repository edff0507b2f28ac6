"""TensorFlow Lite models for tests, and what its reference kernels compute from them."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import pytest

litert = pytest.importorskip("ai_edge_litert.interpreter")
schema = pytest.importorskip("ai_edge_litert.schema_py_generated")

TYPES = {"int8": np.int8, "int32": np.int32, "float32": np.float32, "int16": np.int16,
         "uint8": np.uint8, "int64": np.int64}


class FlatBuilder:
    """Builds a model operator by operator; ``tip`` is the tensor made last."""

    def __init__(self, shape, scale, zero, dtype="int8"):
        self.tensors, self.buffers, self.operators, self.codes = [], [b""], [], []
        self.tip = self.input = self.tensor(shape, scale, zero, dtype)

    def tensor(self, shape, scale=None, zero=0, dtype="int8", axis=0, data=None, name=None):
        t = schema.TensorT()
        t.name = (name or f"t{len(self.tensors)}").encode()
        t.shape, t.type = list(shape), getattr(schema.TensorType, dtype.upper())
        t.buffer = 0
        if data is not None:
            t.buffer = len(self.buffers)
            self.buffers.append(np.ascontiguousarray(data, TYPES[dtype]).tobytes())
        if scale is not None:
            q = t.quantization = schema.QuantizationParametersT()
            q.scale = np.atleast_1d(np.asarray(scale, np.float32))
            q.zeroPoint = np.broadcast_to(np.asarray(zero, np.int64), q.scale.shape)
            q.quantizedDimension = axis
        self.tensors.append(t)
        return len(self.tensors) - 1

    def const(self, data, scale=None, zero=0, dtype="int8", axis=0):
        data = np.asarray(data)
        return self.tensor(data.shape, scale, zero, dtype, axis, data)

    def op(self, kind, inputs, shape, scale=None, zero=0, dtype="int8", name=None, **options):
        """Append an operator; options by the schema's names."""
        o = schema.OperatorT()
        code = getattr(schema.BuiltinOperator, kind)
        if code not in self.codes:
            self.codes.append(code)
        o.opcodeIndex = self.codes.index(code)
        o.inputs = list(inputs)
        out = self.tensor(shape, scale, zero, dtype, name=name)
        o.outputs = [out]
        table = options.pop("table", None)
        if table:
            o.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            o.builtinOptions = getattr(schema, f"{table}T")()
            for key, value in options.items():
                assert hasattr(o.builtinOptions, key), key
                setattr(o.builtinOptions, key, value)
        self.operators.append(o)
        self.tip = out
        return out

    def bytes(self) -> bytes:
        model = schema.ModelT()
        model.version = 3
        model.buffers = []
        for data in self.buffers:
            b = schema.BufferT()
            b.data = np.frombuffer(data, np.uint8) if data else None
            model.buffers.append(b)
        model.operatorCodes = []
        for code in self.codes:
            c = schema.OperatorCodeT()
            c.builtinCode, c.deprecatedBuiltinCode, c.version = code, min(code, 127), 1
            model.operatorCodes.append(c)
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [self.input], [self.tip]
        model.subgraphs = [graph]
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def save(self, folder: Path) -> Path:
        path = folder / "model.tflite"
        path.write_bytes(self.bytes())
        return path


def execute(path: Path, x: np.ndarray, *, reference: bool = True) -> np.ndarray:
    """Outputs of the reference kernels for integers or reals of shape (frames, ...).

    Some tables have no reference kernel; ``reference=False`` takes the one there is.
    """
    kinds = litert.OpResolverType
    interpreter = litert.Interpreter(
        model_path=str(path), experimental_op_resolver_type=kinds.BUILTIN_REF if reference
        else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = []
    for frame in x:
        interpreter.set_tensor(source["index"], frame.reshape(source["shape"]))
        interpreter.invoke()
        results.append(interpreter.get_tensor(target["index"])[0])
    return np.stack(results)
