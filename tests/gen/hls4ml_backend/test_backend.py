"""The backend: from a model graph to Verilog, predictions and a report."""

from __future__ import annotations

import contextlib
import io
import shutil
import warnings

import numpy as np
import onnx
import pytest
from hls4ml.converters import convert_from_onnx_model
from hls4ml.utils import config_from_onnx_model
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.transformation.gemm_to_matmul import GemmToMatMul
from qonnx.util.cleanup import cleanup_model

from quantloom.gen.design import Design
from quantloom.gen.errors import QuantloomError, TargetError, UnsupportedError
from quantloom.gen.frontends import load
from quantloom.gen.frontends.hls4ml import from_graph
from quantloom.gen.frontends.hls4ml.fixed import Fixed
from quantloom.gen.hls4ml_backend.design import design_of

from ..frontends.graphs import GraphBuilder, compute
from .layers import activation, conv, dense, emulate, graph, ours, pool, source, types

X = {"result": "fixed<8,3>"}


def classifier(folder, **config):
    rng = np.random.default_rng(1)
    layers = [source(6, 6, 2), conv(rng, "c", (6, 6, 2), 4), activation("r", "relu", 144),
              pool("p", "Max", (6, 6, 4)),
              {"class_name": "Reshape", "name": "flat", "target_shape": [36]},
              dense(rng, "d", 36, 5), activation("s", "softmax", 5, "Softmax")]
    precisions = {"x": X, "c": types("fixed<12,7,RND,SAT>"),
                  "r": {"result": "ufixed<5,4,RND_CONV,SAT>"},
                  "p": {"result": "auto", "accum": "auto"}, "d": types("fixed<9,7>")}
    return graph(layers, precisions, "Quantloom", folder, **config)


def reals(rng, *shape):
    return (rng.integers(-128, 128, shape) / 32).astype(np.float32)


def test_from_graph_to_verilog(tmp_path, capsys):
    model = classifier(tmp_path / "net", part=None, cycles=400)
    with pytest.raises(QuantloomError, match=r"nothing was written yet: call compile\(\)"):
        model.predict(np.zeros((1, 6, 6, 2), np.float32))
    model.compile()
    design = Design.load(tmp_path / "net")
    assert design.dataflow.interval <= 400
    assert design.network.host == ("s (Softmax)",)
    x = reals(np.random.default_rng(2), 7, 6, 6, 2)
    y = model.predict(x)
    assert y.shape == (7, 5) and y.dtype == np.float32
    np.testing.assert_array_equal(model.predict(x, engine="verilator"), y)
    np.testing.assert_array_equal(ours(model, x)["d"], y)
    np.testing.assert_array_equal(model.predict(x[:1]), y[0])
    with pytest.raises(QuantloomError, match="engine must be one of golden, verilator, cxxrtl"):
        model.predict(x, engine="vivado")
    with pytest.raises(QuantloomError, match="inputs must be finite"):
        model.predict(np.full((1, 6, 6, 2), np.nan))
    with pytest.raises(QuantloomError, match=r"must have the shape \(frames, 6, 6, 2\)"):
        model.predict(np.zeros((1, 6, 6, 3)))


def test_inputs_are_converted_as_ap_fixed_converts(tmp_path):
    """Reals off the grid are floored and wrap: the input's type says so."""
    rng = np.random.default_rng(3)
    model = graph([source(4), dense(rng, "d", 4, 4)], {"x": X, "d": types("auto")}, "Quantloom",
                  tmp_path / "net", part=None, cycles=10)
    model.write()
    x = rng.uniform(-6, 6, (50, 4))
    wrapped = (np.floor(x * 32).astype(int) + 128) % 256 - 128
    np.testing.assert_array_equal(model.predict(x), model.predict(wrapped / 32))


def test_report(tmp_path):
    rng = np.random.default_rng(4)
    model = graph([source(4), dense(rng, "d", 4, 3)], {"x": X, "d": types("auto")}, "Quantloom",
                  tmp_path / "net", part="xc7z010", cycles=12, clock_period=5)
    model.write()
    report = model.build()
    assert report["cycles"] <= 12 and report["clock_mhz"] == 200
    assert report["images_per_second"] == pytest.approx(200e6 / report["cycles"])
    assert report["resources"]["lut"] > 20 and report["part"] == "XC7Z010"
    assert report["estimate"]["LUT sites"] > 20


@pytest.mark.parametrize("factor", [2, 4, 16])
def test_reuse_factor_is_folding(factor, tmp_path):
    rng = np.random.default_rng(5)
    layers = [source(16), dense(rng, "a", 16, 8), dense(rng, "b", 8, 4)]
    model = graph(layers, {"x": X, "a": types("fixed<8,5>"), "b": types("auto")}, "Quantloom",
                  tmp_path / "net", part=None)
    for layer in model.get_layers():
        layer.set_attr("reuse_factor", factor)
    model.write()
    assert model.quantloom_design.dataflow.interval <= factor


def test_no_reuse_is_as_fast_as_the_part_allows(tmp_path):
    rng = np.random.default_rng(5)
    layers = [source(8, 8, 2), conv(rng, "a", (8, 8, 2), 12), conv(rng, "b", (8, 8, 12), 12)]
    small, large = (graph(layers, {"x": X, "a": types("fixed<6,5,TRN,SAT>"), "b": types("auto")},
                          "Quantloom", tmp_path / part, part=part)
                    for part in ("xc7z007s", "xc7z020"))
    small.write()
    assert small.predict(np.zeros((2, 8, 8, 2))).shape == (2, 8 * 8 * 12)
    interval = small.quantloom_design.dataflow.interval
    assert design_of(large).dataflow.interval < interval <= 8 * 8 * 64


def test_part_that_is_too_small(tmp_path):
    rng = np.random.default_rng(6)
    model = graph([source(64), dense(rng, "d", 64, 512)], {"x": X, "d": types("auto")},
                  "Quantloom", tmp_path / "net", part="xc7z007s", cycles=1)
    with pytest.raises(TargetError, match="XC7Z007S"):
        model.write()
    model = graph([source(4), dense(rng, "d", 4, 4)], {"x": X, "d": types("auto")}, "Quantloom",
                  tmp_path / "net", part="xc7z999")
    with pytest.raises(QuantloomError, match=r"part: .*xc7z999"):
        model.write()


def test_ternary_tanh_by_its_formula(tmp_path):
    model = graph([source(16), activation("t", "ternary_tanh", 16, "TernaryTanh")],
                  {"x": {"result": "fixed<8,4>"}, "t": {"result": "fixed<4,3>"}}, "Quantloom",
                  tmp_path / "net")
    x = np.arange(-128, 128).reshape(16, 16) / 16
    # Twice the value wraps in the input's own type.
    double = (2 * x + 8) % 16 - 8
    np.testing.assert_array_equal(ours(model, x)["t"], np.where(double > 1, 1, 0)
                                  - np.where(double <= -1, 1, 0))


def qonnx_classifier(rng):
    g = GraphBuilder((1, 12), rng)
    g.quant(0.125, 8)
    for inputs, outputs in ((12, 8), (8, 4)):
        tip = g.tip
        g.node("MatMul", tip, g.weights((inputs, outputs), 0.25, 4))
        if outputs == 8:
            g.node("Relu")
            g.quant(0.5, 5, signed=0)
    return g


def test_qonnx_through_hls4ml_equals_our_own_door(tmp_path):
    rng = np.random.default_rng(7)
    path = qonnx_classifier(rng).save(tmp_path)
    own = load(path)
    x = (rng.integers(-128, 128, (40, 12)) * 0.125).astype(np.float32)
    _, expected = compute(own, x)
    model = cleanup_model(ModelWrapper(onnx.load(path)))
    config = config_from_onnx_model(model, granularity="name", backend="Quantloom",
                                    default_precision="fixed<24,12>")
    config["LayerName"]["global_in"]["Precision"]["result"] = "fixed<12,8>"
    with contextlib.redirect_stdout(io.StringIO()):
        graph_ = convert_from_onnx_model(model, hls_config=config, backend="Quantloom", part=None,
                                         cycles=20, output_dir=str(tmp_path / "net"))
    graph_.write()
    np.testing.assert_array_equal(graph_.predict(x), expected.reshape(40, 4))


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_qonnx_convolutions_equal_the_emulation(tmp_path):
    """hls4ml's ONNX converter, which wants channels last, layer by layer."""
    rng = np.random.default_rng(9)
    g = GraphBuilder((1, 2, 6, 6), rng)
    g.quant(0.125, 6)
    tip = g.tip
    g.node("Conv", tip, g.weights((4, 2, 3, 3), 0.25, 4), pads=[1] * 4, kernel_shape=[3, 3],
           strides=[1, 1], dilations=[1, 1], group=1)
    g.node("Relu")
    g.quant(0.5, 5, signed=0)
    g.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4)
    tip = g.tip
    g.node("Conv", tip, g.weights((3, 4, 3, 3), 0.25, 4), pads=[0] * 4, kernel_shape=[3, 3],
           strides=[1, 1], dilations=[1, 1], group=1)
    path = g.save(tmp_path)
    x = (rng.integers(-32, 32, (30, 2, 6, 6)) * 0.125).astype(np.float32)

    def convert(backend):
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            model = cleanup_model(ModelWrapper(onnx.load(path)))
            model = model.transform(ConvertToChannelsLastAndClean()).transform(GemmToMatMul())
            model = cleanup_model(model)
            config = config_from_onnx_model(model, granularity="name", backend=backend,
                                            default_precision="fixed<24,12>")
            config["LayerName"]["global_in"]["Precision"]["result"] = "fixed<8,5>"
            for layer in config["LayerName"].values():
                layer["Trace"] = True
            return convert_from_onnx_model(model, hls_config=config, backend=backend,
                                           output_dir=str(tmp_path / backend))

    expected, own = emulate(convert("Vitis"), x), convert("Quantloom")
    found = ours(own, x)
    names = expected.keys() & found.keys()
    assert sum("Conv" in name for name in names) >= 2
    for name in names:
        np.testing.assert_array_equal(found[name], expected[name].reshape(found[name].shape), name)
    # The same integers as the front door that reads the file itself.
    _, reals = compute(load(path), x)
    np.testing.assert_array_equal(list(found.values())[-1].reshape(30, 1, 1, 3),
                                  np.moveaxis(reals, 1, -1))


def chain(*layers, **precisions):
    def build(folder):
        return graph([source(4, 4, 2), *layers], {"x": X, **precisions}, "Quantloom", folder)

    return build


RNG = np.random.default_rng(8)
CONV = conv(RNG, "c", (4, 4, 2), 3)


@pytest.mark.parametrize("build, text", [
    (chain(CONV, c=types("fixed<8,4>", accum="fixed<16,12>")),
     r"c \(Conv2D\): its accumulator \(fixed<16,12,.*drops binary places of each product, which "
     r"have 8\. Set config\['LayerName'\]\['c'\]\['Precision'\]\['accum'\] = 'auto' "
     r"\(granularity 'name'\), or to 'fixed<20,12>'"),
    (chain(CONV, c=types("fixed<8,4>", accum="fixed<14,4,TRN,SAT>")),
     r"c \(Conv2D\): its accumulator .* may saturate in mid-sum"),
    (chain(CONV, c=types("fixed<8,4,TRN,SAT_ZERO>")), r"its precision is fixed<8,4,TRN,SAT_ZERO,0>"
     r"\. Use WRAP without sign bits, SAT or SAT_SYM"),
    (chain(activation("e", "Celu", 32, "ELU", activ_param=1.0)),
     r"e \(ParametrizedActivation\): activation 'celu' is not supported"),
    (chain(activation("s", "gelu", 32)), "activation 'gelu' is not supported. Use one of binary"),
    (chain(activation("lk", "LeakyReLU", 32, "LeakyReLU", activ_param=0.5),
           lk={"param": "fixed<8,2>", "result": "fixed<5,3,RND>"}),
     r"lk \(ParametrizedActivation\): its result wraps, which is not monotone: it reaches -2 to 4"
     r"\. Set config\['LayerName'\]\['lk'\]\['Precision'\]\['result'\] = 'fixed<5,3,RND,SAT>'"),
    (chain({"class_name": "Embedding", "name": "k", "n_in": 32, "n_out": 2, "vocab_size": 3,
            "embeddings_data": np.zeros((3, 2))}), r"k \(Embedding\): layer Embedding is not supp"),
    (chain(activation("lk", "LeakyReLU", 32, "LeakyReLU", activ_param=-0.5),
           lk={"param": "fixed<8,2>", "result": "fixed<8,4>"}), "its slope is negative"),
    (chain(activation("s", "softmax", 32, "Softmax"), activation("r", "relu", 32)),
     r"r \(Activation\): it follows s \(Softmax\), which is left to the host"),
    (chain(), "nothing is computed between input and output"),
])  # fmt: skip
def test_refusals(build, text, tmp_path):
    with pytest.raises(UnsupportedError, match=text):
        from_graph(build(tmp_path))


def test_too_wide_an_input(tmp_path):
    model = graph([source(4), dense(RNG, "d", 4, 4)], {"x": {"result": "fixed<20,8>"},
                                                       "d": types("auto")}, "Quantloom", tmp_path)
    with pytest.raises(UnsupportedError, match=r"its type has 20 bits\. Give the input at most 16"):
        from_graph(model)


def test_weights_off_their_grid():
    """They go through hls4ml's decimal digits, then through the type's own rounding."""
    type_ = Fixed(8, 4, True)
    np.testing.assert_array_equal(type_.constants("w", [0.30000001, -0.3, 0.5, 0.06249999]),
                                  [4, -5, 8, 1])
    with pytest.raises(UnsupportedError, match=r"not finite"):
        type_.constants("w", [np.inf])
