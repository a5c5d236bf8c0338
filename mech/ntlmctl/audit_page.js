// SPDX-License-Identifier: MIT
// Draws what the filters leave of the rows. Text of the records is only ever set as textContent.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = Object.fromEntries(data.dimensions.map((name, index) => [name, index]));
  const dimensions = data.dimensions.length;
  const all = data.rows.map((row) => ({
    words: row.slice(0, dimensions).map((index) => data.names[index]),
    count: row[dimensions], first: row[dimensions + 1], last: row[dimensions + 2],
    slots: row.slice(dimensions + 3),
  }));
  // A service without a name of its own is the one that the peer meant.
  for (const row of all) row.words[at.service] ||= row.words[at.target];

  const says = {
    direction: { accept: "logins here", initiate: "logins elsewhere" },
    result: { success: "let in", failure: "refused" },
    mic: { verified: "MIC verified", absent: "no MIC", bad: "MIC wrong", sent: "MIC sent" },
    bindings: { match: "bindings match", absent: "client sends none", mismatch: "of another channel",
                none: "service has none", unasked: "sent, service has none" },
    protection: { none: "neither signed nor sealed", sign: "signed", seal: "sealed" },
  };
  // What a tighter setting refuses.
  const weak = { version: ["NTLMv1", "NTLM2-session"], mic: ["absent", "bad"], bindings: ["absent", "mismatch"],
                 protection: ["none"] };
  const shown = (dimension, word) =>
    Object.hasOwn(says[dimension] ?? {}, word) ? says[dimension][word] : word === "" ? "none named" : word;
  const whole = new Intl.NumberFormat("en");
  const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");

  // Of a period of days, the day.
  const dated = (seconds) => clock(seconds).slice(0, data.width >= 21600 ? 10 : 16);

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const drawing = (name, attributes, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const find = (id) => document.getElementById(id);

  // --- the filters

  const filter = { search: "", slot: null };
  const start = { direction: all.some((row) => row.words[at.direction] === "accept") ? "accept" : null };
  const countIn = (row, slot) => {
    if (slot === null) return row.count;
    for (let i = 0; i < row.slots.length; i += 2) if (row.slots[i] === slot) return row.slots[i + 1];
    return 0;
  };
  // The rows that every filter but `but` leaves.
  const left = (but) => all.filter((row) => {
    for (const dimension of data.dimensions) {
      const wanted = filter[dimension];
      if (wanted != null && dimension !== but && row.words[at[dimension]] !== wanted) return false;
    }
    if (but !== "slot" && countIn(row, filter.slot) === 0) return false;
    if (filter.search === "") return true;
    return ["account", "workstation", "service", "target", "reason"].some(
      (name) => row.words[at[name]].toLowerCase().includes(filter.search));
  });
  const toggle = (what, value) => {
    filter[what] = filter[what] === value ? null : value;
    draw();
  };

  const choices = ["direction", "result", "version", "mic", "bindings", "protection", "service", "store"];
  const selects = choices.map((dimension) => {
    const words = [...new Set(all.map((row) => row.words[at[dimension]]))].sort();
    const select = element("select", { id: "by-" + dimension },
      element("option", { value: "-1", textContent: "all" }),
      ...words.map((word, index) => element("option", { value: String(index), textContent: shown(dimension, word) })));
    select.addEventListener("change", () => {
      filter[dimension] = select.value === "-1" ? null : words[Number(select.value)];
      draw();
    });
    const label = element("label", {}, dimension === "mic" ? "MIC" : dimension[0].toUpperCase() + dimension.slice(1), select);
    label.hidden = words.filter((word) => word !== "").length < 2 && dimension !== "result";
    return { dimension, words, select, label };
  });
  const showFilters = () => {
    for (const { dimension, words, select } of selects) {
      select.value = String(filter[dimension] == null ? -1 : words.indexOf(filter[dimension]));
    }
  };

  // --- sums

  const sums = (rows) => {
    const distinct = (name) => new Set(rows.map((row) => row.words[at[name]]).filter((word) => word !== "")).size;
    const total = (test) => rows.filter(test).reduce((sum, row) => sum + countIn(row, filter.slot), 0);
    const letIn = (row) => row.words[at.result] === "success";
    return [
      ["Logins", total(letIn)],
      ["Refused", total((row) => !letIn(row))],
      ["Accounts", distinct("account")],
      ["Workstations", distinct("workstation")],
      ["Services", distinct("service")],
      ["NTLMv1 logins", total((row) => letIn(row) && weak.version.includes(row.words[at.version])), "bad"],
    ];
  };
  const drawSums = (rows) => {
    find("tiles").replaceChildren(...sums(rows).map(([name, value, mark]) =>
      element("div", { className: value > 0 && mark ? mark : "" },
        element("dt", { textContent: name }), element("dd", { textContent: whole.format(value) }))));
  };

  // --- charts

  const grouped = (rows, dimension) => {
    const groups = new Map();
    for (const row of rows) {
      const word = row.words[at[dimension]];
      const group = groups.get(word) ?? { word, success: 0, failure: 0 };
      group[row.words[at.result]] += countIn(row, filter.slot);
      groups.set(word, group);
    }
    return [...groups.values()].sort((a, b) =>
      b.success + b.failure - a.success - a.failure || (a.word < b.word ? -1 : 1));
  };

  const barChart = (dimension, most, onlyRefused) => {
    const groups = grouped(left(dimension), dimension)
      .map((group) => (onlyRefused ? { ...group, success: 0 } : group))
      .filter((group) => group.success + group.failure > 0)
      .sort((a, b) => b.success + b.failure - a.success - a.failure);
    const longest = Math.max(1, ...groups.map((group) => group.success + group.failure));
    const bars = groups.slice(0, most).map((group) => {
      const text = shown(dimension, group.word);
      const sum = group.success + group.failure;
      const picture = drawing("svg", { viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true" },
        drawing("rect", { class: "track", width: 100, height: 12 }),
        drawing("rect", { class: "success", width: 100 * group.success / longest, height: 12 }),
        drawing("rect", { class: "failure", x: 100 * group.success / longest, width: 100 * group.failure / longest, height: 12 }));
      const mark = group.word === "" ? "none" : weak[dimension]?.includes(group.word) ? "weak" : "";
      const bar = element("button", { type: "button", className: "bar", title: `${text}: ${whole.format(group.success)} let in, ${whole.format(group.failure)} refused` },
        element("span", { className: "label " + mark, textContent: text }), picture,
        element("span", { className: "number", textContent: whole.format(sum) }));
      bar.setAttribute("aria-pressed", String(filter[dimension] === group.word));
      bar.setAttribute("aria-label", bar.title);
      bar.dataset.key = dimension + ":" + group.word;
      bar.addEventListener("click", () => toggle(dimension, group.word));
      return bar;
    });
    if (groups.length > most) bars.push(element("p", { className: "rest", textContent: `and ${whole.format(groups.length - most)} more` }));
    if (groups.length === 0) bars.push(element("p", { className: "rest", textContent: "none" }));
    return bars;
  };

  const charts = [
    ["NTLM version", "version", 6], ["Integrity code (MIC)", "mic", 6],
    ["Channel bindings", "bindings", 6], ["Protection of messages", "protection", 6],
    ["Accounts", "account", 10], ["Workstations", "workstation", 10],
    ["Services", "service", 10], ["Why attempts failed", "reason", 10, true],
  ].map(([title, dimension, most, onlyRefused]) => {
    const body = element("div");
    const card = element("section", { className: "card", id: "chart-" + dimension }, element("h2", { textContent: title }), body);
    return { card, draw: () => body.replaceChildren(...barChart(dimension, most, onlyRefused)) };
  });

  const drawTime = () => {
    const first = Math.floor(data.first / data.width);
    const last = Math.floor(data.last / data.width);
    const slots = Array.from({ length: last - first + 1 }, () => ({ success: 0, failure: 0 }));
    for (const row of left("slot")) {
      for (let i = 0; i < row.slots.length; i += 2) {
        slots[row.slots[i] - first][row.words[at.result]] += row.slots[i + 1];
      }
    }
    const [width, height, margin, foot] = [1160, 170, 46, 20];
    const highest = Math.max(1, ...slots.map((slot) => slot.success + slot.failure));
    const step = Math.min((width - margin) / slots.length, 60);
    const scale = (height - 8) / highest;
    const picture = drawing("svg", { viewBox: `0 0 ${width} ${height + foot}`, role: "group", tabindex: "0",
      "aria-label": "Attempts over time; left and right move, Enter filters" });
    for (const part of [0, 0.5, 1]) {
      const y = height - part * highest * scale;
      picture.append(drawing("line", { x1: margin, x2: width, y1: y, y2: y }));
      if (part !== 0.5 || highest > 1) {
        picture.append(drawing("text", { x: margin - 6, y: y + 4, "text-anchor": "end" }, whole.format(Math.round(part * highest))));
      }
    }
    const columns = slots.map((slot, index) => {
      const x = margin + index * step;
      const from = (first + index) * data.width;
      const bar = (name, above) => drawing("rect", { class: name, x: x + step * 0.1, width: step * 0.8,
        y: height - (above + slot[name]) * scale, height: slot[name] * scale });
      const chosen = filter.slot !== null && filter.slot !== first + index;
      const column = drawing("g", { class: chosen ? "slot dim" : "slot" },
        drawing("title", {}, `from ${clock(from)}: ${whole.format(slot.success)} let in, ${whole.format(slot.failure)} refused`),
        drawing("rect", { class: "hit", x, y: 0, width: step, height }), bar("success", 0), bar("failure", slot.success));
      column.addEventListener("click", () => toggle("slot", first + index));
      return column;
    });
    picture.append(...columns);
    const labels = Math.min(6, slots.length);
    for (let i = 0; i < labels; ++i) {
      const index = Math.floor(i * slots.length / labels);
      const label = dated((first + index) * data.width);
      picture.append(drawing("text", { x: margin + index * step, y: height + 15 }, label));
    }
    let here = filter.slot === null ? -1 : filter.slot - first;
    picture.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (move) {
        columns[here]?.classList.remove("at");
        here = Math.min(Math.max(here + move, 0), columns.length - 1);
        columns[here].classList.add("at");
        picture.setAttribute("aria-label", columns[here].querySelector("title").textContent);
      } else if ((event.key === "Enter" || event.key === " ") && here >= 0) {
        toggle("slot", first + here);
        find("time").firstChild.focus();
      } else {
        return;
      }
      event.preventDefault();
    });
    find("time").replaceChildren(picture);
  };

  // --- the table

  const columns = [
    ["Account", "account"], ["Workstation", "workstation"], ["Service", "service"], ["Attempts", "count"],
    ["Outcome", "outcome"], ["Version", "version"], ["MIC", "mic"], ["Bindings", "bindings"],
    ["Protection", "protection"], ["First", "first"], ["Last", "last"], ["Service meant", "target"],
  ];
  const kinds = ["account", "workstation", "service", "version", "mic", "bindings", "protection", "target"];
  const order = { by: "count", down: true };
  let most = 25;
  const lines = (rows) => {
    const merged = new Map();
    for (const row of rows) {
      const line = { outcome: row.words[at.result] === "success" ? "let in" : row.words[at.reason] || "refused",
                     refused: row.words[at.result] !== "success" };
      for (const name of kinds) line[name] = row.words[at[name]];
      const key = JSON.stringify(line);
      const known = merged.get(key) ?? { ...line, count: 0, first: row.first, last: row.last };
      known.count += countIn(row, filter.slot);
      known.first = Math.min(known.first, row.first);
      known.last = Math.max(known.last, row.last);
      merged.set(key, known);
    }
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    return [...merged.values()].sort((a, b) =>
      (order.down ? -1 : 1) * compare(a[order.by], b[order.by]) || compare(b.count, a.count) || compare(a.account, b.account));
  };
  const headers = columns.map(([title, name]) => {
    const button = element("button", { type: "button", textContent: title });
    const numeric = ["count", "first", "last"].includes(name);
    button.addEventListener("click", () => {
      order.down = order.by === name ? !order.down : numeric;
      order.by = name;
      draw();
    });
    const cell = element("th", { scope: "col", className: name === "count" ? "number" : "" }, button);
    return { name, cell };
  });
  const cellOf = (line, name) => {
    if (name === "count") return element("td", { className: "number", textContent: whole.format(line.count) });
    if (name === "first" || name === "last") return element("td", { textContent: dated(line[name]), title: clock(line[name]) });
    if (name === "outcome") return element("td", { className: line.refused ? "failure" : "", textContent: line.outcome });
    const text = line[name] === "" ? "" : shown(name, line[name]);
    const mark = weak[name]?.includes(line[name]) ? "name weak" : "name";
    return element("td", { className: mark, textContent: text, title: text });
  };
  const drawTable = (rows) => {
    const found = lines(rows);
    for (const { name, cell } of headers) {
      cell.ariaSort = order.by === name ? (order.down ? "descending" : "ascending") : "none";
    }
    find("body").replaceChildren(...found.slice(0, most).map((line) =>
      element("tr", {}, ...columns.map(([, name]) => cellOf(line, name)))));
    find("more").hidden = found.length <= most;
    find("more").textContent = `Show more (${whole.format(found.length - most)} left)`;
  };

  const draw = () => {
    const focused = document.activeElement?.dataset?.key;
    const rows = left();
    showFilters();
    drawSums(rows);
    drawTime();
    for (const chart of charts) chart.draw();
    drawTable(rows);
    const count = (some, slot) => some.reduce((sum, row) => sum + countIn(row, slot), 0);
    find("shown").textContent = `${whole.format(count(rows, filter.slot))} of ${whole.format(count(all, null))} attempts` +
      (filter.slot === null ? "" : `, from ${clock(filter.slot * data.width)} on`);
    // A bar that was pressed has been drawn anew.
    if (focused) [...document.querySelectorAll(".bar")].find((bar) => bar.dataset.key === focused)?.focus();
  };

  find("selects").append(...selects.map(({ label }) => label));
  find("charts").append(...charts.map(({ card }) => card));
  find("head").append(...headers.map(({ cell }) => cell));
  find("search").addEventListener("input", (event) => {
    filter.search = event.target.value.trim().toLowerCase();
    draw();
  });
  const reset = () => {
    for (const dimension of data.dimensions) filter[dimension] = start[dimension] ?? null;
    Object.assign(filter, { search: "", slot: null });
    find("search").value = "";
    draw();
  };
  find("reset").addEventListener("click", reset);
  find("more").addEventListener("click", () => {
    most += 200;
    draw();
  });
  for (const id of ["filters", "time-card", "table"]) find(id).hidden = false;
  reset();
})();
