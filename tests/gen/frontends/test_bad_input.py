"""What cannot be compiled is refused with one message that names it."""

from __future__ import annotations

import gzip
import time

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from quantloom.gen.errors import QuantloomError, UnsupportedError
from quantloom.gen.frontends import InputGrid, check, load

from .graphs import GraphBuilder

GRID = InputGrid(4, False, 0.5)


@pytest.fixture(autouse=True)
def prompt():
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 5


def graph(shape=(1, 2, 6, 6), **kwargs) -> GraphBuilder:
    return GraphBuilder(shape, np.random.default_rng(1), **kwargs)


def conv(g, shape=(3, 2, 3, 3), **attributes):
    return g.node("Conv", g.tip, g.weights(shape), **attributes)


def refused(g: GraphBuilder, tmp_path, message: str, grid=GRID):
    path = g.save(tmp_path)
    with pytest.raises(QuantloomError, match=message):
        load(path, input_grid=grid)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x89PNG\r\n\x1a\n" * 40,
                                     b"\x08\x07\x12\x04test"])
def test_not_onnx(content, tmp_path):
    path = tmp_path / "thing.onnx"
    path.write_bytes(content)
    with pytest.raises(QuantloomError, match=r"thing\.onnx: not an ONNX model"):
        load(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(QuantloomError, match=r"none\.onnx: cannot be read: No such file"):
        load(tmp_path / "none.onnx")
    with pytest.raises(QuantloomError, match="cannot be read"):
        load(tmp_path)


def test_truncated_anywhere(tmp_path):
    g = graph()
    conv(g)
    data = g.model().SerializeToString()
    path = tmp_path / "cut.onnx"
    for length in range(1, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(QuantloomError, match=r"cut\.onnx: "):
            load(path, input_grid=GRID)
    packed = gzip.compress(data)
    path = tmp_path / "cut.onnx.gz"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(QuantloomError, match=r"cut\.onnx\.gz: damaged or truncated gzip file"):
        load(path)
    path.write_bytes(packed)
    assert load(path, input_grid=GRID).name == "cut"


def test_unsupported_operators_are_listed_together(tmp_path):
    g = graph()
    conv(g)
    g.node("LSTM", name="memory")
    g.node("Relu")
    g.node("Einsum", name="sum", equation="i->i")
    path = g.save(tmp_path)
    problems = check(path, input_grid=GRID)
    assert [str(p) for p in problems] == [
        "memory (LSTM): operator LSTM is not supported. Replace it, or cut the graph before it",
        "sum (Einsum): operator Einsum is not supported. Replace it, or cut the graph before it"]
    with pytest.raises(UnsupportedError, match=r"LSTM.*\(1 more: `quantloom inspect` lists all\)"):
        load(path, input_grid=GRID)


def test_foreign_domain(tmp_path):
    g = graph()
    g.node("Conv", g.tip, g.weights((3, 2, 3, 3)), domain="com.example", name="odd")
    refused(g, tmp_path, r"odd \(Conv\): operator Conv of domain 'com\.example' is not supported")


def test_missing_quantiser_between_layers(tmp_path):
    g = graph()
    conv(g, name="first")
    g.norm(3, name="norm")
    conv(g, (2, 3, 3, 3), name="second")
    refused(g, tmp_path, r"second \(Conv\): no quantiser between first \(after norm "
            r"\(BatchNormalization\)\) and this node\. Insert a Quant node between the two")


def test_missing_input_grid(tmp_path):
    g = graph()
    conv(g, name="first")
    refused(g, tmp_path, r"first \(Conv\): no quantiser between the model's input and this node\. "
            r"Insert a Quant node there, or state the input's integer grid \(--input-bits", None)


def test_unquantised_weights(tmp_path):
    g = graph()
    g.node("Conv", g.tip, g.const(g.rng.normal(size=(3, 2, 3, 3))), name="first")
    refused(g, tmp_path, r"first \(Conv\): its weights \(c0\) are not quantised\. Put a Quant")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(value, tmp_path):
    floats = np.ones((3, 2, 3, 3), np.float32)
    floats[1, 0, 2, 2] = value
    g = graph()
    g.node("Conv", g.tip, g.quant(0.5, 4, source=g.const(floats), name="wq"), name="first")
    g.nodes[-1].input[0] = "x"
    refused(g, tmp_path, r"wq \(Quant\): a parameter is not finite \(NaN or infinity\)")
    g = graph()
    g.node("Conv", g.tip, g.const(floats), name="first")
    refused(g, tmp_path, r"first \(Conv\): a parameter is not finite")
    g = graph()
    conv(g)
    g.after("BatchNormalization", [1, value, 1], *np.ones((3, 3)), name="norm")
    refused(g, tmp_path, r"norm \(BatchNormalization\): a parameter is not finite")


@pytest.mark.parametrize(("shape", "message"), [
    ((1, 2, "height", 6), r"input 'x' has the dynamic shape \[1, 2, 'height', 6\]"),
    ((1, 2, 1 << 20, 1 << 20), r"input 'x' has the shape .* at most \d+ elements"),
    ((1, 2, 0, 6), r"input 'x' has the shape \[1, 2, 0, 6\]; sizes must be positive"),
    ((1, 2, -6, 6), r"sizes must be positive"),
    ((8, 2, 6, 6), r"input 'x' has a batch of 8\. Export the model with batch size 1"),
    (None, r"input 'x' has no static shape"),
])
def test_shapes(shape, message, tmp_path):
    g = graph(shape)
    conv(g)
    refused(g, tmp_path, message)


def test_absurd_constants_and_results(tmp_path):
    g = graph()
    conv(g, pads=[60000, 60000, 60000, 60000], name="wide")
    refused(g, tmp_path, r"wide \(Conv\): the result has the shape")
    g = graph()
    conv(g)
    model = g.model()
    model.graph.initializer[0].dims[:] = [1 << 40, 1 << 40]
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(QuantloomError, match=r"constant 'c0' has the shape .* at most"):
        load(path)
    g = graph()
    g.node("ConstantOfShape", g.const([1 << 30, 1 << 30], np.int64), name="huge")
    g.node("Add", "x", g.tip)
    refused(g, tmp_path, r"huge \(ConstantOfShape\): its result is too large")


def test_damaged_constant(tmp_path):
    g = graph()
    conv(g)
    model = g.model()
    model.graph.initializer[0].raw_data = b"\0" * 11
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(QuantloomError, match="constant 'c0' is damaged or truncated"):
        load(path)


def test_data_outside_the_models_folder(tmp_path):
    g = graph()
    conv(g)
    model = g.model()
    (tmp_path / "secret").write_bytes(b"\0" * 4096)
    folder = tmp_path / "model"
    folder.mkdir()
    tensor = model.graph.initializer[0]
    for location, message in (("../secret", "outside the model's folder"),
                              (str(tmp_path / "secret"), "outside the model's folder"),
                              ("absent", "which is missing")):
        tensor.ClearField("raw_data")
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
        path = folder / "m.onnx"
        path.write_bytes(model.SerializeToString())
        with pytest.raises(QuantloomError, match=message):
            load(path)


def test_dangling_edge(tmp_path):
    g = graph()
    conv(g)
    model = g.model()
    model.graph.node[-1].input[0] = "nowhere"
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(QuantloomError, match="reads 'nowhere', which nothing before it defines"):
        load(path)


def test_inputs_must_be_single_and_outputs_defined(tmp_path):
    g = graph()
    conv(g)
    path = tmp_path / "m.onnx"
    model = g.model()
    model.graph.output.append(onnx.ValueInfoProto(name="t7"))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(QuantloomError, match="nothing defines the output 't7'"):
        load(path)
    del model.graph.output[:]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(QuantloomError, match="the model has no output"):
        load(path)
    model = g.model()
    model.graph.input.append(onnx.helper.make_tensor_value_info("y", 1, (1, 2)))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(QuantloomError, match=r"must have one input, not 2 \(x, y\)"):
        load(path)


def test_reordering_layouts(tmp_path):
    g = graph((1, 3, 6, 6))
    conv(g, (3, 3, 1, 1))
    g.quant(0.5, 4)
    g.node("Transpose", perm=[0, 1, 3, 2])
    conv(g, (3, 3, 3, 3), name="behind")
    refused(g, tmp_path, r"behind \(Conv\): the transposition before it would reorder the stream")


def test_rising_and_falling_on_many_values(tmp_path):
    g = graph()
    g.node("Conv", g.tip, g.weights((3, 2, 3, 3), bits=8))
    g.quant(0.001, 16)
    g.node("Conv", g.tip, g.weights((3, 3, 3, 3), bits=8))
    g.node("LeakyRelu", alpha=-0.5, name="vee")
    g.quant(0.5, 4)
    refused(g, tmp_path, r"vee \(LeakyRelu\): it rises and falls, and what it reads has \d+ values"
            r"\. Quantise its input to fewer bits")
    g = graph()
    conv(g)
    g.node("Abs")
    g.node("MaxPool", kernel_shape=[2, 2], name="p")
    g.quant(0.5, 4)
    refused(g, tmp_path, r"p \(MaxPool\): a function before it rises and falls")


@pytest.mark.parametrize(("build", "message"), [
    (lambda g: g.quant(-0.5, 4, name="q"), r"q \(Quant\): its scale is not positive"),
    (lambda g: g.quant(0.5, 4, zero=0.5, name="q"), r"q \(Quant\): its zero point 0.5 is not a"),
    (lambda g: g.quant(0.5, 40, name="q"), r"q \(Quant\): its bit width is 40"),
    (lambda g: g.quant(0.5, 24, name="q"), r"q \(Quant\): it quantises to 24 bits"),
    (lambda g: g.quant(0.5, 4, mode="DICE", name="q"), r"q \(Quant\): unknown rounding mode"),
    (lambda g: g.node("AveragePool", kernel_shape=[2, 2], pads=[2, 0, 0, 0], name="p"),
     r"p \(AveragePool\): a window lies in the padding alone"),
    (lambda g: g.node("MaxPool", kernel_shape=[9, 9], name="p"),
     r"p \(MaxPool\): a window of \[9, 9\] does not fit the input of 6 x 6"),
    (lambda g: g.node("Div", g.tip, g.tip, name="sq"), r"sq \(Div\): it combines two computed"),
    (lambda g: g.after("Div", 0.0, name="d"), r"d \(Div\): it divides by a tensor or by zero"),
    (lambda g: g.node("Reshape", g.tip, g.const([1, 7], np.int64), name="r"),
     r"r \(Reshape\): a tensor of shape \(1, 2, 6, 6\) cannot be rearranged"),
    (lambda g: g.node("Resize", g.tip, "", g.const([1, 1, 1.5, 2]), name="up"),
     r"up \(Resize\): its factors are"),
])
def test_nodes(build, message, tmp_path):
    g = graph()
    build(g)
    conv(g)
    refused(g, tmp_path, message)


@pytest.mark.parametrize(("arguments", "message"), [
    ((0,), "must have 1 to 16 bits, not 0"),
    ((8, False, 0.0), "scale must be positive, not 0.0"),
    ((8, False, float("nan")), "scale must be positive"),
    ((8, False, 1.0, 256), "zero point must be an integer from 0 to 255, not 256"),
])
def test_input_grid(arguments, message):
    with pytest.raises(QuantloomError, match=message):
        InputGrid(*arguments)


def test_random_damage_never_escapes_as_another_error(tmp_path):
    """Flipped bytes: an error of ours, or a model that still loads."""
    g = graph()
    conv(g)
    g.norm(3)
    g.quant(0.5, 4)
    data = bytearray(g.model().SerializeToString())
    seed = 7
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    path = tmp_path / "m.onnx"
    loaded = 0
    for _ in range(300):
        broken = bytearray(data)
        for position in rng.integers(0, len(data), 3):
            broken[position] = rng.integers(0, 256)
        path.write_bytes(bytes(broken))
        try:
            load(path, input_grid=GRID)
            loaded += 1
        except QuantloomError:
            pass
    assert loaded < 300


def test_model_without_layers(tmp_path):
    g = graph()
    g.node("Identity")
    refused(g, tmp_path, "nothing is computed between input and output")
    g = graph()
    g.node("Identity", g.const(numpy_helper.to_array(numpy_helper.from_array(np.ones(3)))))
    refused(g, tmp_path, "the output does not depend on the input")
