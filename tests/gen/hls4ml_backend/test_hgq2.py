"""A Keras 3 model with HGQ2's quantisers, from layers to simulated Verilog."""

from __future__ import annotations

import contextlib
import io
import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
pytest.importorskip("hgq", reason="HGQ2 is not installed (pip install 'quantloom[hgq]')")
pytestmark = pytest.mark.filterwarnings("ignore")


def classifier(x):
    import keras
    from hgq.config import LayerConfigScope, QuantizerConfigScope
    from hgq.layers import QConv2D, QDense
    from hgq.utils import trace_minmax

    keras.utils.set_random_seed(1)
    with (
        QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM"),
        QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP",
                             heterogeneous_axis=(), f0=3, i0=3),
        LayerConfigScope(enable_ebops=False, beta0=0.0),
    ):
        source = keras.layers.Input((8, 8, 2))
        y = QConv2D(4, (3, 3), activation="relu")(source)
        y = keras.layers.MaxPooling2D((2, 2))(y)
        y = keras.layers.Flatten()(y)
        model = keras.Model(source, QDense(5)(y))
    trace_minmax(model, x)
    return model


def test_equals_keras_and_its_verilog(tmp_path):
    import hls4ml

    rng = np.random.default_rng(0)
    x = (rng.integers(-64, 64, (40, 8, 8, 2)) / 16).astype(np.float32)
    with contextlib.redirect_stdout(io.StringIO()):
        model = classifier(x)
        expected = np.asarray(model.predict(x, verbose=0))
        graph = hls4ml.converters.convert_from_keras_model(
            model, backend="Quantloom", part=None, cycles=800, output_dir=str(tmp_path / "net"))
        graph.compile()
    y = graph.predict(x)
    np.testing.assert_array_equal(y, expected)
    assert len(np.unique(y)) > 40
    np.testing.assert_array_equal(graph.predict(x[:4], engine="verilator"), y[:4])
