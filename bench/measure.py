"""What modules occupy on either family, several of them in one run of Yosys.

Every module is flattened for itself and keeps its boundary, so that each comes out as it would
alone; reading the families' libraries, which takes longer than many a block, is paid for once.
Results are kept in a file by the hash of source, script and Yosys: what was measured before a run
was killed is not measured again.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.progress import Progress

from quantloom.gen.yosys import run_yosys
from quantloom.sim.cache import cache_root

from .area import modules_of, yosys_version
from .netlist import Netlist

__all__ = ["FAMILIES", "Counted", "count", "measure"]

FAMILIES = ("xc7", "ecp5")

_SYNTH = {
    "xc7": "synth_xilinx -flatten -abc9 -family xc7 -noiopad -top {top}",
    "ecp5": "synth_ecp5 -top {top}",
}

_TOGETHER = 1_000_000
"""Characters of Verilog that go into one run, unless a single module has more."""

Counted = dict[str, float]
"""``lut``, its parts ``logic``, ``carry`` and ``memory``, ``ff``, ``bram18`` and ``dsp``."""


def count(netlist: Netlist, family: str) -> Counted:
    """What a netlist occupies.

    7-series: LUT sites, RAMB18E1, DSP48E1. ECP5: TRELLIS_COMB, which are LUT4s, two a CCU2C and
    four a TRELLIS_DPR16X4; TRELLIS_FF, DP16KD (PDPW16KD too) and MULT18X18D.
    """
    types = netlist.types
    if family == "xc7":
        sites = netlist.sites()
        parts = {"logic": sites.lut, "carry": sites.carry, "memory": sites.memory}
        rest = {"ff": netlist.flip_flops, "bram18": round(2 * netlist.bram36),
                "dsp": types["DSP48E1"]}
    else:
        parts = {"logic": types["LUT4"], "carry": 2 * types["CCU2C"],
                 "memory": 4 * types["TRELLIS_DPR16X4"]}
        rest = {"ff": types["TRELLIS_FF"], "bram18": types["DP16KD"] + types["PDPW16KD"],
                "dsp": types["MULT18X18D"]}
    return {"lut": sum(parts.values()), **parts, **rest}


def measure(modules: Mapping[str, tuple[str, str]], family: str) -> dict[str, Counted]:
    """What modules occupy.

    Parameters
    ----------
    modules : mapping of str to (str, str)
        By a name of the caller's: Verilog that has the module and those below it, and its name.
    family : str
        ``xc7`` or ``ecp5``.
    """
    store = _Store(family)
    sources = {name: modules_of(*module) for name, module in modules.items()}
    keys = {name: store.key(source, modules[name][1]) for name, source in sources.items()}
    missing = list({key: name for name, key in keys.items() if key not in store.known}.values())
    missing.sort(key=lambda name: len(sources[name]))
    with Progress(transient=True) as progress:
        task = progress.add_task(f"synthesis for {family}", total=len(missing))
        for group in _groups(missing, sources):
            found = _run([(sources[name], modules[name][1]) for name in group], family)
            store.add({keys[name]: counted for name, counted in zip(group, found, strict=True)})
            progress.advance(task, len(group))
    return {name: store.known[key] for name, key in keys.items()}


def _groups(names: Sequence[str], sources: Mapping[str, str]) -> Iterator[list[str]]:
    group: list[str] = []
    for name in names:
        if group and sum(len(sources[n]) for n in (*group, name)) > _TOGETHER:
            yield group
            group = []
        group.append(name)
    if group:
        yield group


def _run(modules: Sequence[tuple[str, str]], family: str) -> list[Counted]:
    """One run over modules of any names."""
    texts, tops = [], []
    for k, (source, top) in enumerate(modules):
        own = set(re.findall(r"^module (\w+)", source, re.M))
        texts.append(re.sub(
            r"^(module |  )(\w+)(?= \w+ \($|\()",
            lambda found, own=own, k=k: f"{found[1]}m{k}_{found[2]}" if found[2] in own
            else found[0], source, flags=re.M))
        tops.append(f"m{k}_{top}")
    # A module without connections, none of whose parts may be swept away.
    instances = "\n".join(f"(* keep *) {top} u{k} ();" for k, top in enumerate(tops))
    texts.append(f"module everything;\n{instances}\nendmodule\n")
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "design.v").write_text("\n".join(texts))
        run_yosys(["read_verilog -sv design.v",
                   "setattr -mod -set keep_hierarchy 1 " + " ".join(tops),
                   _SYNTH[family].format(top="everything"), "write_json netlist.json"],
                  directory=directory)
        data: dict[str, Any] = json.loads((directory / "netlist.json").read_text())
    return [count(Netlist(data, top), family) for top in tops]


class _Store:
    """Results in a file, a line each."""

    def __init__(self, family: str):
        self.family = family
        self.path = cache_root() / "bench" / f"areas-{family}.jsonl"
        self.known: dict[str, Counted] = {}
        if self.path.is_file():
            for line in self.path.read_text().splitlines():
                key, counted = json.loads(line)
                self.known[key] = counted

    def key(self, source: str, top: str) -> str:
        script = _SYNTH[self.family].format(top=top)
        return hashlib.sha256(json.dumps([source, script, yosys_version()]).encode()).hexdigest()

    def add(self, found: Mapping[str, Counted]) -> None:
        self.known.update(found)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.writelines(json.dumps(item) + "\n" for item in found.items())
