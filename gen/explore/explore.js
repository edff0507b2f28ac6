// The record of the point that is hovered, and the command of the one that is clicked.
(() => {
  const { columns, rows } = JSON.parse(document.getElementById("points").textContent);
  const index = Object.fromEntries(columns.map(([key], k) => [key, k]));
  const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  const share = /_share$|^(accuracy|pruned|sparsity|utilisation)$/;
  const base = { mJ: ["J", 1e-3], us: ["s", 1e-6], s: ["s", 1], W: ["W", 1], bit: ["bit", 1],
    B: ["B", 1] };
  const prefixes = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"],
    [1e-9, "n"], [1e-12, "p"]];
  const scaled = (value, unit) => {
    const [size, prefix] = prefixes.find(([least]) => value >= least * 0.99995) ?? [1, ""];
    return `${digits.format(value / size)} ${prefix}${unit}`;
  };
  const shown = (row, key) => {
    const [, , unit] = columns[index[key]];
    const value = row[index[key]];
    if (value === null || value === "") return null;
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (typeof value !== "number") return String(value);
    if (share.test(key)) return `${digits.format(100 * value)}%`;
    if (unit in base) return scaled(value * base[unit][1], base[unit][0]);
    const text = Number.isInteger(value) ? value.toLocaleString("en") : digits.format(value);
    return unit ? `${text} ${unit}` : text;
  };
  // Lines of a tip: what belongs together, with the names that it needs.
  const lines = [
    ["", "model", "part", "board", "clock_mhz"],
    ["target ", "target"], ["accuracy ", "accuracy"],
    ["weights ", "weight_bits"], ["activations ", "activation_bits"],
    ["quantiser ", "quantiser"], ["pruned ", "pruned"],
    ["images/s ", "images_per_second"], ["cycles a frame ", "interval_cycles", "bottleneck"],
    ["latency ", "latency_us", "latency_cycles"],
    ["LUT sites ", "lut", "lut_share"], ["FF ", "ff", "ff_share"],
    ["BRAM36 ", "bram36", "bram36_share"], ["DSP ", "dsp", "dsp_share"], ["Fmax ", "fmax_mhz"],
    ["power ", "power_w_typical", "power_w_low", "power_w_high"],
    ["energy ", "energy_mj_typical", "energy_mj_low", "energy_mj_high"],
    ["on the chip ", "memory_bits"], ["in and out ", "bytes_in", "bytes_out"],
    ["moved ", "bits_moved"], ["moved for a MAC ", "bits_per_mac"], ["MACs ", "macs"],
    ["weights that are 0 ", "sparsity"],
  ];
  const tip = (row) => lines.map(([name, ...keys]) => {
    const values = keys.map((key) => shown(row, key)).filter((text) => text !== null);
    if (!values.length) return null;
    const [typical, low, high] = values;
    return name + (/_typical$/.test(keys[0]) ? `${typical} (${low} to ${high})`
      : values.join(", "));
  }).filter((line) => line !== null).join("\n");
  const mark = (event) => event.target.closest?.("[data-key]");
  // Before the page's own listeners, which show what is in data-tip.
  for (const kind of ["pointermove", "pointerdown", "focusin"]) {
    document.addEventListener(kind, (event) => {
      const found = mark(event);
      if (found && found.matches(".mark") && !found.dataset.tip) {
        found.dataset.tip = tip(rows[Number(found.dataset.key)]);
      }
    }, true);
  }
  const panel = document.getElementById("chosen");
  const choose = (key) => {
    const row = rows[Number(key)];
    document.getElementById("command").textContent = row[index.command];
    const list = document.getElementById("record");
    list.replaceChildren();
    for (const [column, name] of columns) {
      const value = column === "command" ? null : shown(row, column);
      if (value === null) continue;
      const entry = document.createElement("div");
      const term = document.createElement("dt");
      const text = document.createElement("dd");
      term.textContent = name;
      text.textContent = value;
      entry.append(term, text);
      list.append(entry);
    }
    for (const other of document.querySelectorAll("[data-key]")) {
      other.classList.toggle("chosen", other.dataset.key === key);
    }
    panel.hidden = false;
    panel.scrollTop = 0;
  };
  const close = () => {
    panel.hidden = true;
    for (const other of document.querySelectorAll(".chosen")) other.classList.remove("chosen");
  };
  document.addEventListener("mark", (event) => choose(event.detail));
  document.addEventListener("keydown", (event) => {
    const found = mark(event);
    if (event.key === "Enter" && found) choose(found.dataset.key);
    if (event.key === "Escape") close();
  });
  document.getElementById("close").addEventListener("click", close);
  const button = document.getElementById("copy");
  button.addEventListener("click", async () => {
    const text = document.getElementById("command").textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Pages from a file have no clipboard in some browsers: select it, for the reader to copy.
      getSelection().selectAllChildren(document.getElementById("command"));
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
})();
