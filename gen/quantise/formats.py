"""What each layer of a float model is quantised to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..errors import QuantloomError
from ..stored import parse_toml

__all__ = ["INPUT", "INPUT_BITS", "MAX_BITS", "Format", "Formats"]

MAX_BITS = 8
"""Most bits of weights and activations."""

INPUT = "input"
"""Name under which the input's grid stands beside the layers."""

INPUT_BITS = 8
"""Bits of the input's grid where nothing is said of them: those of a pixel."""

_SCALES, _OVERFLOWS = ("channel", "tensor"), ("saturate", "wrap")


@dataclass(frozen=True)
class Format:
    """How one layer is quantised and pruned.

    Parameters
    ----------
    weights : int
        Bits of a weight, 1 to 8: from 2 bits on symmetric (-7 to 7 of 4 bits), with one bit -1
        and +1.
    activations : int
        Bits of the layer's result where others read it as integers, 1 to 8: unsigned where no
        negative value was met in calibration.
    scale : str
        ``channel``: the weights of each output have a scale of their own; ``tensor``: one for all.
    power_of_two : bool
        Scales are powers of two.
    overflow : str
        ``saturate``: what is out of range becomes the nearest integer, and scales are those of
        the least squared error; ``wrap``: results, rounded with halves up, keep their low bits, as
        hardware that drops the others, and scales cover all that was met in calibration.
    sparsity : float
        Share of the layer's weights, the smallest, that are set to zero: from 0, below 1.
    channels_pruned : float
        Share of the layer's outputs, those of the smallest weights, that lose these and their
        bias: they are removed where what follows allows it.

    Raises
    ------
    QuantloomError
        If a field is out of range.
    """

    weights: int = 8
    activations: int = 8
    scale: str = "channel"
    power_of_two: bool = False
    overflow: str = "saturate"
    sparsity: float = 0.0
    channels_pruned: float = 0.0

    def __post_init__(self) -> None:
        for name in ("weights", "activations"):
            bits = getattr(self, name)
            if not isinstance(bits, int) or isinstance(bits, bool) or not 1 <= bits <= MAX_BITS:
                raise QuantloomError(f"{name} must have 1 to {MAX_BITS} bits, not {bits!r}")
        for name, choices in (("scale", _SCALES), ("overflow", _OVERFLOWS)):
            if getattr(self, name) not in choices:
                raise QuantloomError(f"{name} must be {' or '.join(choices)}, "
                                     f"not {getattr(self, name)!r}")
        if not isinstance(self.power_of_two, bool):
            raise QuantloomError(f"power_of_two must be true or false, not {self.power_of_two!r}")
        for name in ("sparsity", "channels_pruned"):
            share = getattr(self, name)
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
                raise QuantloomError(f"{name} must be a share from 0 and below 1, not {share!r}")

    @classmethod
    def parse(cls, values: Mapping[str, Any], base: Format, where: str) -> Format:
        """A format from plain data; what it does not say is as in ``base``."""
        known = [f.name for f in fields(cls)]
        unknown = [key for key in values if key not in known]
        if unknown:
            raise QuantloomError(f"{where}: nothing is called {unknown[0]!r}; there are "
                                 f"{', '.join(known)}")
        try:
            return replace(base, **values)
        except QuantloomError as error:
            raise QuantloomError(f"{where}: {error}") from None


@dataclass(frozen=True)
class Formats:
    """The formats of all layers.

    Parameters
    ----------
    default : Format
    layers : mapping of str to Format
        Those of layers that differ, by the layer's name. ``input`` is the input's grid, of which
        ``activations`` alone means something; it has 8 bits where it is left out.
    """

    default: Format = Format()
    layers: Mapping[str, Format] = field(default_factory=dict)

    @classmethod
    def uniform(cls, weights: int, activations: int, **other: Any) -> Formats:
        """One format for all layers; further arguments are those of :class:`Format`."""
        return cls(Format(weights, activations, **other))

    def of(self, layer: str) -> Format:
        """Format of a layer."""
        found = self.layers.get(layer)
        if found is not None:
            return found
        return replace(self.default, activations=INPUT_BITS) if layer == INPUT else self.default

    def but(self, layer: str, **changes: Any) -> Formats:
        """These formats with another one for a layer."""
        return replace(self, layers={**self.layers, layer: replace(self.of(layer), **changes)})

    def require(self, names: Collection[str]) -> None:
        """Refuse formats of layers that there are not.

        Raises
        ------
        QuantloomError
            The text lists the names that there are.
        """
        unknown = [name for name in self.layers if name not in names]
        if unknown:
            raise QuantloomError(f"no layer is called {', '.join(map(repr, unknown))}; there are "
                                 f"{', '.join(names)}")

    def to_json(self) -> dict[str, Any]:
        """Plain data, of the form that :meth:`from_json` takes."""
        return {"default": vars(self.default),
                "layers": {name: vars(found) for name, found in self.layers.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str) -> Formats:
        """Formats from plain data: ``default`` and ``layers``, a table of fields each.

        Parameters
        ----------
        value : mapping
        where : str
            What the data is, for errors.

        Raises
        ------
        QuantloomError
            If something in it is unknown or out of range.
        """
        unknown = [key for key in value if key not in ("default", "layers")]
        layers = value.get("layers", {})
        tables = [value.get("default", {}), layers,
                  *(layers.values() if isinstance(layers, Mapping) else ())]
        if unknown or not all(isinstance(table, Mapping) for table in tables):
            raise QuantloomError(f"{where}: there must be a table 'default' and tables "
                                 "'layers.NAME', and nothing else")
        default = Format.parse(value.get("default", {}), Format(), f"{where}, default")
        own = cls(default)
        return cls(default, {name: Format.parse(table, own.of(name), f"{where}, layers.{name}")
                             for name, table in layers.items()})

    @classmethod
    def read(cls, path: Path) -> Formats:
        """Formats in a TOML file.

        Raises
        ------
        QuantloomError
            If it cannot be read, or something in it is unknown or out of range.
        """
        try:
            value = parse_toml(path.read_text())
        except OSError as error:
            raise QuantloomError(f"{path}: cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            raise QuantloomError(f"{path}: not a TOML file: {error}") from error
        return cls.from_json(value, str(path))
