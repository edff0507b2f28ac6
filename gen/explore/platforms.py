"""The same network elsewhere: published figures, and those of this machine's processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import QuantloomError
from ..stored import parse_toml
from .pareto import usable

__all__ = ["Platform", "best_of", "published", "published_names"]

_KEYS = ("name", "images-per-second", "latency-ms", "watts", "source")


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A network on some hardware.

    Parameters
    ----------
    name, network : str
    images_per_second : float or None
        None where it could not be run; the note says why.
    latency_ms : float or None
    watts : (float, float) or None
        Lowest and highest.
    source : str
        Where the figures come from.
    note : str
    kind : str
        ``estimated`` (ours), ``measured`` (here and now) or ``published``.
    """

    name: str
    network: str
    images_per_second: float | None = None
    latency_ms: float | None = None
    watts: tuple[float, float] | None = None
    source: str = ""
    note: str = ""
    kind: str = "published"

    @property
    def images_per_second_and_watt(self) -> tuple[float, float] | None:
        """Lowest and highest."""
        if self.images_per_second is None or self.watts is None:
            return None
        return self.images_per_second / self.watts[1], self.images_per_second / self.watts[0]

    @property
    def energy(self) -> tuple[float, float] | None:
        """Joules an image, lowest and highest."""
        per = self.images_per_second_and_watt
        return None if per is None else (1 / per[1], 1 / per[0])

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        per = self.images_per_second_and_watt
        return {**vars(self), "watts": list(self.watts) if self.watts else None,
                "images_per_second_and_watt": list(per) if per else None,
                "energy_j": list(self.energy) if self.energy else None}


def published_names() -> list[str]:
    """The tables that come with Quantloom."""
    folder = files(__package__) / "published"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir()
                  if entry.name.endswith(".toml"))


def published(name: str, folder: Path = Path()) -> list[Platform]:
    """A table of published figures: one that comes with Quantloom, or a TOML file.

    The file has ``network`` and ``source``, and tables ``[[platform]]`` with ``name``,
    ``images-per-second`` and, if they are known, ``latency-ms``, ``watts`` (a number, or the
    lowest and the highest) and a ``source`` of their own.

    Parameters
    ----------
    name : str
    folder : Path
        That the file's name starts from.

    Raises
    ------
    QuantloomError
        If there is no such table, or it is not of this form.
    """
    try:
        if name in published_names():
            text = (files(__package__) / "published" / f"{name}.toml").read_text(encoding="utf-8")
        else:
            text = (folder / name).read_text(encoding="utf-8")
        value = parse_toml(text)
    except OSError as error:
        raise QuantloomError(f"{name}: cannot be read: {error.strerror or error}; a table of "
                             f"platforms is a TOML file, or one of {', '.join(published_names())}"
                             ) from error
    except ValueError as error:
        raise QuantloomError(f"{name}: not a TOML file: {error}") from error
    network, source, rows = (value.pop(key, default) for key, default in
                             (("network", ""), ("source", ""), ("platform", [])))
    if value:
        raise QuantloomError(f"{name}: unknown key {', '.join(map(repr, value))}; known are "
                             "network, source, platform")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise QuantloomError(f"{name}: has no [[platform]]")
    return [_platform(name, k, row, str(network), str(source)) for k, row in enumerate(rows, 1)]


def _platform(file: str, k: int, row: Mapping[str, Any], network: str, source: str) -> Platform:
    if unknown := [key for key in row if key not in _KEYS]:
        raise QuantloomError(f"{file}: platform {k}: unknown key {', '.join(map(repr, unknown))}; "
                             f"known are {', '.join(_KEYS)}")
    for key in ("name", "images-per-second"):
        if key not in row:
            raise QuantloomError(f"{file}: platform {k} needs {key}")

    def number(key: str) -> float | None:
        given = row.get(key)
        if given is None:
            return None
        if isinstance(given, bool) or not isinstance(given, int | float) or not given > 0:
            raise QuantloomError(f"{file}: platform {k}: {key} must be a number above 0, not "
                                 f"{given!r}")
        return float(given)

    watts = row.get("watts")
    pair = watts if isinstance(watts, list) else [watts, watts]
    if watts is not None and not (len(pair) == 2 and all(
            isinstance(w, int | float) and not isinstance(w, bool) and w > 0 for w in pair)):
        raise QuantloomError(f"{file}: platform {k}: watts must be a number above 0, or two of "
                             f"them, not {watts!r}")
    return Platform(name=str(row["name"]), network=network,
                    images_per_second=number("images-per-second"),
                    latency_ms=number("latency-ms"),
                    watts=None if watts is None else (float(min(pair)), float(max(pair))),
                    source=str(row.get("source", source)))


def best_of(records: Sequence[Mapping[str, Any]]) -> list[Platform]:
    """Of each model and part, the fastest design and the one with the least energy an image."""
    found: dict[int, str] = {}
    groups = dict.fromkeys((r["model"], r["part"]) for r in records if usable(r))
    for model, part in groups:
        mine = [k for k, r in enumerate(records)
                if usable(r) and (r["model"], r["part"]) == (model, part)]
        fastest = max(mine, key=lambda k: records[k]["images_per_second"])
        found[fastest] = "fastest"
        metered = [k for k in mine if records[k]["energy_mj_typical"] is not None]
        if metered:
            least = min(metered, key=lambda k: records[k]["energy_mj_typical"])
            found[least] = "least energy" if least not in found else "fastest, least energy"
    return [_estimated(records[k], why) for k, why in found.items()]


def _estimated(record: Mapping[str, Any], why: str) -> Platform:
    watts = None if record["power_w_low"] is None else (record["power_w_low"],
                                                        record["power_w_high"])
    return Platform(
        name=f"{record['part'] or 'any part'}, {record['clock_mhz']:g} MHz, "
        f"{record['interval_cycles']:,} cycles", network=record["model"],
        images_per_second=record["images_per_second"], latency_ms=record["latency_us"] / 1000,
        watts=watts, source="Quantloom's estimate, programmable logic alone", note=why,
        kind="estimated")
