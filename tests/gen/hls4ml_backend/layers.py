"""Layer lists as hls4ml's converters make them, and model graphs from them."""

from __future__ import annotations

import contextlib
import copy
import io
import math
from typing import Any

import numpy as np
from hls4ml.model.graph import ModelGraph
from hls4ml.utils.config import create_config

from quantloom.gen.frontends.hls4ml.fixed import Fixed
from quantloom.gen.frontends.hls4ml.graph import convert
from quantloom.sim.golden import compute

Layer = dict[str, Any]


def source(*shape: int) -> Layer:
    return {"class_name": "InputLayer", "name": "x", "input_shape": list(shape)}


def dense(rng, name, inputs, outputs, *, places=3, bits=5) -> Layer:
    return {"class_name": "Dense", "name": name, "n_in": inputs, "n_out": outputs,
            "weight_data": _weights(rng, (inputs, outputs), places, bits),
            "bias_data": rng.integers(-30, 30, outputs) / 2**places}


def _weights(rng, shape, places, bits):
    return rng.integers(-(1 << bits - 1), 1 << bits - 1, shape) / 2**places


def conv(rng, name, shape, outputs, kernel=(3, 3), stride=(1, 1), *, same=True, depthwise=False,
         places=3, bits=5, inputs=None) -> Layer:
    """A 2-D convolution; ``outputs`` of a depthwise one are those of each channel."""
    pads, out = [], []
    for n, k, s in zip(shape, kernel, stride, strict=False):
        size = math.ceil(n / s) if same else (n - k) // s + 1
        need = max(0, (size - 1) * s + k - n)
        pads.append((need // 2, need - need // 2))
        out.append(size)
    channels = shape[2]
    n_filt = channels * outputs if depthwise else outputs
    layer = {
        "class_name": "DepthwiseConv2D" if depthwise else "Conv2D", "name": name,
        "in_height": shape[0], "in_width": shape[1], "n_chan": channels, "n_filt": n_filt,
        "filt_height": kernel[0], "filt_width": kernel[1], "stride_height": stride[0],
        "stride_width": stride[1], "out_height": out[0], "out_width": out[1],
        "pad_top": pads[0][0], "pad_bottom": pads[0][1], "pad_left": pads[1][0],
        "pad_right": pads[1][1], "data_format": "channels_last",
        "bias_data": rng.integers(-30, 30, n_filt) / 2**places}
    if depthwise:
        layer |= {"depthwise_data": _weights(rng, (*kernel, channels, outputs), places, bits),
                  "depth_multiplier": outputs}
    else:
        layer["weight_data"] = _weights(rng, (*kernel, channels, outputs), places, bits)
    return layer | ({} if inputs is None else {"inputs": inputs})


def conv_1d(rng, name, length, channels, outputs, kernel) -> Layer:
    return {"class_name": "Conv1D", "name": name, "in_width": length, "n_chan": channels,
            "n_filt": outputs, "filt_width": kernel, "stride_width": 1, "pad_left": 0,
            "pad_right": 0, "out_width": length - kernel + 1, "data_format": "channels_last",
            "weight_data": _weights(rng, (kernel, channels, outputs), 3, 5),
            "bias_data": rng.integers(-30, 30, outputs) / 8}


def pool(name, kind, shape, kernel=(2, 2), stride=None, pads=(0, 0, 0, 0), **more) -> Layer:
    """``pads``: top, left, bottom, right."""
    stride = stride or kernel
    out = [(n + pads[i] + pads[i + 2] - k) // s + 1
           for i, (n, k, s) in enumerate(zip(shape, kernel, stride, strict=False))]
    return {"class_name": f"{kind}Pooling2D", "name": name, "in_height": shape[0],
            "in_width": shape[1], "n_filt": shape[2], "pool_height": kernel[0],
            "pool_width": kernel[1], "stride_height": stride[0], "stride_width": stride[1],
            "pad_top": pads[0], "pad_bottom": pads[2], "pad_left": pads[1], "pad_right": pads[3],
            "out_height": out[0], "out_width": out[1], "data_format": "channels_last", **more}


def activation(name, kind, size, class_name="Activation", **attributes) -> Layer:
    return {"class_name": class_name, "name": name, "activation": kind, "n_in": size, **attributes}


def types(result, weight="fixed<5,2>", bias="fixed<9,6>", accum="auto", **more) -> dict[str, str]:
    return {"result": result, "weight": weight, "bias": bias, "accum": accum, **more}


def graph(layers: list[Layer], precisions: dict[str, Any], backend: str, folder, *,
          io_type="io_parallel", default="fixed<24,10>", **config) -> ModelGraph:
    settings = create_config(output_dir=str(folder), project_name="net", backend=backend,
                             io_type=io_type, **config)
    settings["HLSConfig"] = {
        "Model": {"Precision": default, "ReuseFactor": 1, "Strategy": "Latency"},
        "LayerName": {layer["name"]: {"Precision": precisions.get(layer["name"], {}),
                                      "Trace": True} for layer in layers}}
    return ModelGraph.from_layer_list(settings, copy.deepcopy(layers))


def emulate(model: ModelGraph, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every layer's reals from hls4ml's own C++, by name; a last layer it does not trace too."""
    with contextlib.redirect_stdout(io.StringIO()):
        y, traced = model.trace(np.ascontiguousarray(x, np.float32))
    traced.setdefault(list(model.get_layers())[-1].name, y)
    return traced


def ours(model: ModelGraph, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every layer's reals from the golden model, by name: (frames, elements)."""
    state = convert(model)
    layers = list(model.get_layers())
    type_ = Fixed.of("x", layers[0].get_output_variable().type.precision)
    integers = type_.cast(np.floor(np.ldexp(x.astype(np.float64), 40)).astype(np.int64), 40)
    flat = np.empty((len(x), integers[0].size), np.int64)
    flat[:, state.source.index.ravel()] = integers.reshape(len(x), -1)
    tensors = {"input": flat.reshape(-1, *state.draft.tensors["input"].shape)}
    for op in state.draft.ops.values():
        tensors[op.name] = compute(op, *(tensors[name] for name in op.inputs))
    found = {}
    for layer in layers:
        value = state.values[layer.outputs[0]]
        tensor = tensors[value.tensor]
        if value.pending:
            tensor = compute(value.operation("pending"), tensor)
        elements = tensor.reshape(len(x), -1)[:, value.index.ravel()]
        found[layer.name] = np.ldexp(elements.astype(np.float64), -value.fraction)
    return found
