// Comparing and settling: what coders marked alike and unlike, one stretch after the other, and a
// decision for each, written into the log of `consensus`.

import { $, el, notice, say } from "./dom.js";
import { markOf } from "./codes.js";

const KINDS = { agreed: "alike", borders: "same code, other borders", only: "not by all" };

export function settling({ transport, codes, coder, cut, lineOf, show, v }) {
  let stretches = [];

  async function ask(work) {
    try {
      ({ stretches } = await work());
      draw();
      return true;
    } catch (error) {
      notice(error.problems ?? [{ where: "Compare", what: error.message, fix: "Nothing was settled; try again." }]);
      $("comparison").close();
      return false;
    }
  }

  async function settle(one, keep, [start, end] = [one.start, one.end]) {
    const label = codes.get(one.code).label;
    if (await ask(() => transport.settle({ v: v(), code: one.code, start, end, keep }))) say(`${label}: ${keep ? "kept" : "dropped"}. Saved.`);
    ($("stretches").querySelector("button") ?? $("comparison").querySelector("button")).focus();
  }

  // The ways to keep a stretch: as each coder has it, and all of it, each once.
  function ways(one) {
    const every = new Map();
    for (const [by, spans] of Object.entries(one.marked))
      for (const [start, end] of spans) every.set(`${start}-${end}`, { span: [start, end], by: [...(every.get(`${start}-${end}`)?.by ?? []), by] });
    const all = `${one.start}-${one.end}`;
    if (!every.has(all)) every.set(all, { span: [one.start, one.end], by: ["all marked words"] });
    return [...every.values()];
  }

  function draw() {
    const open = stretches.filter((one) => one.consensus === "open");
    const alike = stretches.filter((one) => one.kind === "agreed").length;
    $("sums").textContent = `${stretches.length} stretches, ${alike} marked alike, ${open.length} open.`;
    const shown = $("only-open").checked ? open : stretches;
    const done = el("li", { className: "hint" }, stretches.length ? "Everything is settled: the consensus log is complete." : "Nobody marked anything.");
    $("stretches").replaceChildren(...(shown.length ? shown.map(stretch) : [done]));
  }

  function stretch(one) {
    const code = codes.get(one.code);
    const marks = Object.entries(one.marked).map(([by, spans]) =>
      el("p", {}, el("b", {}, by), " ", ...spans.map(([start, end]) => el("q", {}, cut(start, end)))));
    const context = el("p", { className: "context" }, `… ${cut(Math.max(0, one.start - 90), one.start)}`, el("mark", {}, cut(one.start, one.end)), `${cut(one.end, one.end + 90)} …`);
    const keeps = ways(one).map(({ span, by }) => el("button", { onclick: () => settle(one, true, span) }, one.kind === "borders" ? `Keep as ${by.join(", ")}` : "Keep"));
    const line = lineOf(one.start);
    return el("li", { className: one.consensus },
      el("h3", {}, markOf(code), ` ${code.label} `, el("small", {}, `line ${line} · ${KINDS[one.kind]} · ${one.consensus}`)), context, ...marks,
      el("p", { className: "acts" }, ...keeps, el("button", { onclick: () => settle(one, false) }, "Drop"),
        el("button", { onclick: () => ($("comparison").close(), show(one.start, one.end)) }, "In the text")));
  }

  $("only-open").addEventListener("change", draw);
  return async () => {
    // what all marked alike is taken over without a click
    if (await ask(() => transport.settle({}))) $("comparison").showModal();
    say(`${coder} compares.`);
  };
}
