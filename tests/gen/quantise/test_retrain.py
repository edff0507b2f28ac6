"""The hook for retraining, with a training that changes nothing, or goes wrong."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.frontends import InputGrid
from quantloom.gen.quantise import Formats, command_hook, load_retrained, prepare, retrain
from quantloom.gen.quantise.calibration import read_array
from quantloom.sim import golden
from quantloom.sim.accuracy import accuracy

from .models import float_model, inputs

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "digits_bits"
FORMATS = Formats.uniform(3, 3, channels_pruned=0.4, sparsity=0.2)


@pytest.fixture
def model(tmp_path):
    rng = np.random.default_rng(5)
    path = float_model(tmp_path, "convolutions", rng)
    return path, prepare(path, inputs(rng, 8))


def test_request_and_result(model, tmp_path):
    path, prepared = model
    seen = {}

    def hook(request, output):
        seen.update(json.loads(request.read_text()))
        with np.load(seen["masks"]) as masks:
            seen["kept"] = {name: masks[name].mean() for name in masks}
        prepared.quantise(FORMATS).save_qonnx(output)

    found = retrain(path, prepared, FORMATS, hook, output=tmp_path / "kept.onnx")
    assert seen["model"] == str(path)
    assert [(layer["name"], layer["weights"], layer["activations"]) for layer in seen["layers"]] \
        == [("c1", 3, 3), ("c2", 3, 3), ("fc", 3, 3)]
    assert set(seen["kept"]) == {"c1", "c2", "fc"} and seen["kept"]["fc"] < 1
    x = np.random.default_rng(1).integers(*_ends(found.network), (5, *found.network.input.shape))
    expected = prepared.quantise(FORMATS).network
    np.testing.assert_array_equal(golden.run(found.network, x)["fc"],
                                  golden.run(expected, x)["fc"])
    layer = found.layers[0]
    assert (layer.quantiser, layer.weight_bits, layer.activation_bits) == ("retrained", 3, 3)
    assert layer.outputs_removed == 2 and layer.pruned > 0.4
    again = load_retrained(tmp_path / "kept.onnx")
    np.testing.assert_array_equal(golden.run(again.network, x)["fc"],
                                  golden.run(expected, x)["fc"])


def _ends(network):
    return network.input.lo, network.input.hi + 1


def failed(model, hook, formats=FORMATS):
    path, prepared = model
    with pytest.raises(QuantloomError) as caught:
        retrain(path, prepared, formats, hook)
    return str(caught.value)


def test_trainings_that_fail(model, tmp_path):
    _, prepared = model
    assert failed(model, lambda request, output: None) == (
        "convolutions: the retraining wrote no convolutions.onnx; its second argument is the file "
        "to write")
    assert "c1: the retraining left weights that its masks set to zero" in failed(
        model, lambda request, output: prepared.quantise(Formats()).save_qonnx(output))
    rng = np.random.default_rng(0)
    other = prepare(float_model(tmp_path, "dense", rng), inputs(rng, 2))
    assert "its layers are hidden, fc; those of the float model are c1, c2, fc" in failed(
        model, lambda request, output: other.quantise(Formats()).save_qonnx(output))
    stops = f"{sys.executable} -c 'import sys; sys.exit(\"no GPU\")'"
    assert "it ended with exit code 1: no GPU" in failed(model, command_hook(stops))
    assert "--retrain none-such: cannot be run: No such file" in failed(
        model, command_hook("none-such"))


@pytest.mark.parametrize("width", ["4", "binary"])
def test_digits(width):
    """The example's stored models have the accuracy that its table says."""
    stored = json.loads((EXAMPLE / "curves.json").read_text())
    test = Path(str(files("quantloom.gen") / "assets" / "digits_test.npz"))
    images, labels = read_array(test, ("images",)), read_array(test, ("labels",))
    x = images[:, None] * np.float32(1 / 16)
    place = stored["widths"].index(width)
    network = load_retrained(EXAMPLE / f"retrained_{width}.onnx").network
    assert accuracy(network, x, labels) == stored["accuracy"]["retrained"][place]
    if width == "4":
        model = prepare(EXAMPLE / "float.onnx", read_array(EXAMPLE / "data.npz", ("calibration",)),
                        input_grid=InputGrid(5, scale=1 / 16))
        done = model.quantise(Formats.uniform(4, 4)).network
        assert accuracy(done, x, labels) == stored["accuracy"]["per channel"][place]
