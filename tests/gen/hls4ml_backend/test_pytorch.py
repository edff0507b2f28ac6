"""Plain PyTorch models through hls4ml's converter: its own C++, layer by layer, and the Verilog."""

from __future__ import annotations

import contextlib
import io
import shutil

import numpy as np
import pytest
from hls4ml.converters import convert_from_pytorch_model
from hls4ml.utils import config_from_pytorch_model

from quantloom.gen.errors import UnsupportedError
from quantloom.gen.frontends.hls4ml import from_graph

from .layers import emulate, ours

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")

RESULTS = {
    "x": "fixed<8,3>", "act": "ufixed<8,4,RND_CONV,SAT>", "bn": "fixed<12,6,RND,SAT>",
    "leaky": "fixed<12,6,RND,SAT>", "prelu": "fixed<12,6,RND,SAT>", "add": "fixed<12,7>",
    "avg": "fixed<16,8>", "elu": "fixed<9,4,RND,SAT>", "sigmoid": "ufixed<8,0,RND,SAT>",
    "tanh": "fixed<8,1,RND,SAT>", "_1": "fixed<16,8>"}


class Images(torch.nn.Module):
    """Two branches that are added and joined."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 4, 3, padding=1)
        self.bn = torch.nn.BatchNorm2d(4)
        self.act = torch.nn.ReLU()
        self.pool = torch.nn.MaxPool2d(2)
        self.left = torch.nn.Conv2d(4, 4, 1)
        self.right = torch.nn.Conv2d(4, 4, 3, padding=1)
        self.leaky = torch.nn.LeakyReLU(0.25)
        self.avg = torch.nn.AvgPool2d(2)
        self.flat = torch.nn.Flatten()
        self.fc = torch.nn.Linear(32, 5)

    def forward(self, x):
        x = self.pool(self.act(self.bn(self.conv(x))))
        a, b = self.left(x), self.leaky(self.right(x))
        return self.fc(self.flat(self.avg(torch.cat((torch.add(a, b), b), dim=1))))


class Sequences(torch.nn.Module):
    """A batch norm that stays a layer, and every activation with a table."""

    def __init__(self):
        super().__init__()
        self.bn = torch.nn.BatchNorm1d(3)
        self.elu = torch.nn.ELU(0.75)
        self.conv = torch.nn.Conv1d(3, 4, 3)
        self.pool = torch.nn.MaxPool1d(2)
        self.sigmoid = torch.nn.Sigmoid()
        self.flat = torch.nn.Flatten()
        self.fc = torch.nn.Linear(20, 6)
        self.prelu = torch.nn.PReLU(6, 0.3)
        self.fc2 = torch.nn.Linear(6, 4)
        self.tanh = torch.nn.Tanh()

    def forward(self, x):
        x = self.flat(self.sigmoid(self.pool(self.conv(self.elu(self.bn(x))))))
        return self.tanh(self.fc2(self.prelu(self.fc(x))))


def made(kind):
    torch.manual_seed(1)
    model = kind().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    return model


def converted(model, shape, backend, folder, mode="full", io_type="io_parallel", **options):
    """The model as a graph; results as above, weights of six bits."""
    with contextlib.redirect_stdout(io.StringIO()):
        config = config_from_pytorch_model(model, shape, granularity="name", backend=backend,
                                           channels_last_conversion=mode)
        for name, layer in config["LayerName"].items():
            layer["Trace"] = True
            types = layer["Precision"]
            types |= {"weight": "fixed<6,1>", "bias": "fixed<8,3>"} if "weight" in types else {}
            types |= {"scale": "fixed<8,3>", "bias": "fixed<8,3>"} if "scale" in types else {}
            types |= {"param": "fixed<8,2>"} if "param" in types else {}
            types |= {"result": RESULTS[name]} if name in RESULTS else {}
        return convert_from_pytorch_model(model, hls_config=config, backend=backend,
                                          io_type=io_type, output_dir=str(folder), **options)


def reals(rng, *shape):
    return (rng.integers(-128, 128, shape) / 32).astype(np.float32)


@needs_compiler
@pytest.mark.parametrize("kind, shape, mode, io_type", [
    (Images, (2, 8, 8), "full", "io_stream"), (Images, (2, 8, 8), "internal", "io_parallel"),
    (Sequences, (3, 12), "full", "io_parallel"), (Sequences, (3, 12), "internal", "io_stream")])
def test_equals_the_emulation_of_every_layer(kind, shape, mode, io_type, tmp_path):
    model, rng = made(kind), np.random.default_rng(2)
    x = reals(rng, 20, *shape)
    if mode == "internal":  # the caller turns the input around
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    expected = emulate(converted(model, shape, "Vitis", tmp_path / "vitis", mode, io_type), x)
    found = ours(converted(model, shape, "Quantloom", tmp_path / "own", mode, io_type), x)
    own = {name for name, _ in model.named_children()} - {"flat"}
    fused = {"bn"} if kind is Images else set()
    assert own - fused <= expected.keys() & found.keys()
    for name in expected.keys() & found.keys():
        np.testing.assert_array_equal(found[name], expected[name].reshape(found[name].shape), name)
    assert len(np.unique(list(found.values())[-1])) > 10


@pytest.mark.parametrize("kind, shape", [(Images, (2, 8, 8)), (Sequences, (3, 12))])
def test_verilog_takes_channels_first(kind, shape, tmp_path):
    """No block turns the input around: the stream has the order that convolutions want."""
    graph = converted(made(kind), shape, "Quantloom", tmp_path, part=None, cycles=1_000)
    graph.compile()
    x = reals(np.random.default_rng(3), 6, *shape)
    y = graph.predict(x)
    np.testing.assert_array_equal(graph.predict(x, engine="verilator"), y)
    np.testing.assert_array_equal(list(ours(graph, x).values())[-1], y)


def test_off_is_refused_where_there_are_weights(tmp_path):
    """hls4ml's own results are wrong then."""
    model = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.ReLU())
    with pytest.raises(UnsupportedError, match=r"PyTorch's weights the wrong way round with "
                       r"channels_last_conversion='off'\. Set it to 'full'"):
        from_graph(converted(model, (6,), "Quantloom", tmp_path, "off"))


@needs_compiler
def test_off_without_weights(tmp_path):
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.act, self.tanh = torch.nn.ReLU(), torch.nn.Tanh()

        def forward(self, x):
            return torch.add(self.act(x), self.tanh(x))

    model, x = Model().eval(), reals(np.random.default_rng(4), 20, 2, 4, 4)
    expected = emulate(converted(model, (2, 4, 4), "Vitis", tmp_path / "vitis", "off"), x)
    found = ours(converted(model, (2, 4, 4), "Quantloom", tmp_path / "own", "off"), x)
    assert {"act", "tanh", "add"} <= found.keys()
    for name in expected.keys() & found.keys():
        np.testing.assert_array_equal(found[name], expected[name].reshape(found[name].shape), name)


def test_one_slope_for_all_channels(tmp_path):
    """hls4ml's C++ reads beyond the one slope; it is shared, as in PyTorch."""
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.PReLU(init=0.25)).eval()
    graph = converted(model, (2, 4, 4), "Quantloom", tmp_path, "internal")
    before, after = list(ours(graph, reals(np.random.default_rng(5), 10, 4, 4, 2)).values())[-2:]
    np.testing.assert_array_equal(
        after, np.floor(np.where(before > 0, before, before / 4) * 256) / 256)
