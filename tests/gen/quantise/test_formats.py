"""Formats: what they hold, and what they refuse."""

from __future__ import annotations

import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.quantise import Format, Formats


def test_layers_and_the_rest():
    formats = Formats.uniform(4, 3, scale="tensor").but("c1", weights=1)
    assert formats.of("c1") == Format(1, 3, scale="tensor")
    assert formats.of("c2") == Format(4, 3, scale="tensor")
    assert formats.of("input").activations == 8  # pixels, whatever the layers have
    assert Formats.from_json(formats.to_json(), "here") == formats


def test_toml(tmp_path):
    path = tmp_path / "formats.toml"
    path.write_text('[default]\nweights = 4\noverflow = "wrap"\n'
                    "[layers.c1]\nactivations = 2\nsparsity = 0.5\n")
    formats = Formats.read(path)
    assert formats.of("c2") == Format(4, overflow="wrap")
    assert formats.of("c1") == Format(4, 2, overflow="wrap", sparsity=0.5)


@pytest.mark.parametrize(("field", "value", "message"), [
    ("weights", 0, "weights must have 1 to 8 bits, not 0"),
    ("weights", 9, "weights must have 1 to 8 bits, not 9"),
    ("weights", 2.5, "weights must have 1 to 8 bits, not 2.5"),
    ("activations", True, "activations must have 1 to 8 bits, not True"),
    ("scale", "row", "scale must be channel or tensor, not 'row'"),
    ("overflow", "round", "overflow must be saturate or wrap, not 'round'"),
    ("power_of_two", 1, "power_of_two must be true or false, not 1"),
    ("sparsity", 1.0, "sparsity must be a share from 0 and below 1, not 1.0"),
    ("channels_pruned", -0.1, "channels_pruned must be a share from 0 and below 1, not -0.1"),
])
def test_out_of_range(field, value, message):
    with pytest.raises(QuantloomError) as caught:
        Format(**{field: value})
    assert str(caught.value) == message


@pytest.mark.parametrize(("text", "message"), [
    ("[default]\nwidth = 4", "formats.toml, default: nothing is called 'width'; there are weights, "
     "activations, scale, power_of_two, overflow, sparsity, channels_pruned"),
    ("[layers.c1]\nweights = 12", "formats.toml, layers.c1: weights must have 1 to 8 bits, not 12"),
    ("[layer.c1]\nweights = 1", "there must be a table 'default' and tables 'layers.NAME', and "
     "nothing else"),
    ("layers = 3", "there must be a table 'default' and tables 'layers.NAME'"),
    ("[default", "formats.toml: not a TOML file"),
])
def test_bad_files(text, message, tmp_path):
    path = tmp_path / "formats.toml"
    path.write_text(text)
    with pytest.raises(QuantloomError) as caught:
        Formats.read(path)
    assert message in str(caught.value)
    with pytest.raises(QuantloomError, match="cannot be read: No such file"):
        Formats.read(tmp_path / "none.toml")
