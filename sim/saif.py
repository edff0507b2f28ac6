"""Switching activity in SAIF 2.0: read what Verilator writes, write what other tools read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..gen.errors import QuantloomError

__all__ = ["Net", "Saif", "Scope", "read_saif", "traced"]

Counts = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Net:
    """A net's bits, the lowest first.

    Parameters
    ----------
    toggles : array of int64, (bits,)
        Changes of each bit.
    high : array of int64, (bits,)
        Time for which it was 1.
    """

    toggles: Counts
    high: Counts


@dataclass(eq=False)
class Scope:
    """An instance: its nets and the instances in it, by name."""

    nets: dict[str, Net] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Saif:
    """Activity over a time, the instances at the top by name."""

    duration: int
    scope: Scope

    def write(self, path: Path, unit_ps: int) -> None:
        """Write a file; a unit of time has so many picoseconds.

        Raises
        ------
        QuantloomError
            If it cannot be written.
        """
        try:
            with path.open("w") as file:
                file.writelines(self._lines(unit_ps))
        except OSError as error:
            raise QuantloomError(
                f"{path}: cannot be written: {error.strerror or error}") from error

    def _lines(self, unit: int) -> Iterator[str]:
        yield ('(SAIFILE\n(SAIFVERSION "2.0")\n(DIRECTION "backward")\n'
               '(PROGRAM_NAME "Quantloom")\n(DIVIDER / )\n(TIMESCALE 1 ps)\n'
               f"(DURATION {self.duration * unit})\n")
        for name, scope in self.scope.scopes.items():
            yield from self._instance(name, scope, unit)
        yield ")\n"

    def _instance(self, name: str, scope: Scope, unit: int) -> Iterator[str]:
        yield f"(INSTANCE {name}\n"
        if scope.nets:
            yield "(NET\n"
            for net, counts in scope.nets.items():
                for bit, (toggles, high) in enumerate(zip(counts.toggles.tolist(),
                                                          counts.high.tolist(), strict=True)):
                    index = f"\\[{bit}\\]" if len(counts.toggles) > 1 else ""
                    yield (f"({net}{index} (T0 {(self.duration - high) * unit}) "
                           f"(T1 {high * unit}) (TX 0) (TC {toggles}))\n")
            yield ")\n"
        for child, inner in scope.scopes.items():
            yield from self._instance(child, inner, unit)
        yield ")\n"


_LINE = re.compile(r"""\s*(?:
    \((?P<net>[^\s()\\]+)(?:\\\[\d+\\\])?\s
        \(T0\s\d+\)\s\(T1\s(?P<high>\d+)\)(?:\s\(T[ZXB]\s\d+\))*\s\(TC\s(?P<count>\d+)\)\)
    | \((?P<open>NET)
    | \(INSTANCE\s(?P<instance>\S+)
    | \(DURATION\s(?P<duration>\d+)\)
    | (?P<close>\))
    )$""", re.X)


def read_saif(path: Path) -> Saif:
    """Read a file of the form that Verilator and :meth:`Saif.write` write: a line a bit or bracket.

    Raises
    ------
    QuantloomError
        If it cannot be read or ends early.
    """
    duration: int | None = None
    scopes = [Scope()]
    bits: dict[str, list[tuple[int, int]]] | None = None
    done = False
    try:
        with path.open() as file:
            for line in file:
                match = _LINE.match(line)
                if match is None:
                    continue  # the header
                kind = match.lastgroup
                if kind == "count":
                    assert bits is not None
                    bits.setdefault(match["net"], []).append(
                        (int(match["count"]), int(match["high"])))
                elif kind == "open":
                    bits = {}
                elif kind == "instance":
                    scopes.append(scopes[-1].scopes.setdefault(match["instance"], Scope()))
                elif kind == "duration":
                    duration = int(match["duration"])
                elif bits is not None:
                    for net, values in bits.items():
                        counts = np.array(values, np.int64)
                        scopes[-1].nets[net] = Net(counts[:, 0], counts[:, 1])
                    bits = None
                elif len(scopes) > 1:
                    scopes.pop()
                else:
                    done = True
    except OSError as error:
        raise QuantloomError(f"{path}: cannot be read: {error.strerror or error}") from error
    if duration is None or not done:
        raise QuantloomError(f"{path}: not a whole SAIF file")
    return Saif(duration, scopes[0])


def traced(path: Path) -> Saif:
    """What a traced simulation wrote, without the changes that its writer adds at the start.

    Verilator's writer takes every bit as 0 before the first state, so that one which begins as 1
    has a change too many; ``<path>.start`` holds these changes alone. Its scope of the ports,
    ``TOP``, falls away: the design's top module is the outermost.
    """
    whole, start = read_saif(path), read_saif(path.with_name(path.name + ".start"))

    def corrected(scope: Scope, first: Scope) -> Scope:
        return Scope({name: Net(net.toggles - first.nets[name].toggles, net.high)
                      for name, net in scope.nets.items()},
                     {name: corrected(inner, first.scopes[name])
                      for name, inner in scope.scopes.items()})

    top, top_start = whole.scope.scopes["TOP"], start.scope.scopes["TOP"]
    return Saif(whole.duration, Scope(scopes=corrected(top, top_start).scopes))
