// The coding page: a transcript, who said what in it, and the codes people put to its words.
//
// One element a line of the transcript, in blocks that the browser leaves alone until they are seen
// (watching every line for content-visibility cost 40 ms a frame). Codings are painted by the CSS
// Custom Highlight API and by bars beside the line; when one changes, the lines it touches are drawn
// again and no other. The page keeps UTF-16 positions; what travels counts code points (offsets.js).

import { Codes, Picker, definitionOf, drawTree, markOf } from "./codes.js";
import { $, Transport, el, notice, say } from "./dom.js";
import { Outbox, history, replay, ulid } from "./log.js";
import { Offsets, first, found, sentencesOf, stepsOf, trimmed, whole, wordsOf } from "./offsets.js";
import { settling } from "./settling.js";

const SPEAKS = /^(?:\[(\d\d:\d\d:\d\d)\] ?)?([\p{L}][^:\n]{0,30}): /u;
const LANES = 3; // bars side by side; more are counted
const FOLLOW = 1000; // milliseconds between looks at what has come since; hidden tabs look less often
const coder = new URLSearchParams(location.search).get("coder") ?? "";
const interview = decodeURIComponent(location.pathname.split("/").at(-1));
const transport = new Transport(interview, coder);

let told, text, offsets, codes, rows, outbox, picker; // as opened
let seen = {}; // coder → how far its log has been read
const logs = new Map(); // coder → id → line
const live = new Map(); // id → coding, with its UTF-16 span [from, to) and its rows
const BLOCK = 25; // lines that the browser lays out together, or leaves alone while out of sight
const lists = Object.assign([], { unplaced: el("ol", { ariaLabel: "Not placed" }) }); // codings, a list a block
const byRow = []; // row → codings that touch it
const paint = new Map(); // name of a highlight → Highlight
const at = { anchor: 0, focus: 0 }; // the cursor and the selection
let wanted = { code: "", coder: "" }; // filters
let hits = []; // places of the searched words

// ---- the text

function rowsOf(text) {
  let start = 0;
  return text.split("\n").map((line, n) => {
    const [head, time = "", speaker = ""] = line.match(SPEAKS) ?? [""];
    const row = { n, start, from: start + head.length, to: start + line.length, time, speaker };
    row.asked = speaker === "I" || !speaker; // an interviewer's line, or nobody's
    start += line.length + 1;
    return row;
  }).filter((row) => row.to > row.start).map((row, i) => Object.assign(row, { i }));
}

const rowAt = (position) => rows[Math.max(0, first(rows.length, (i) => rows[i].start > position) - 1)];
const wordsIn = (row) => text.slice(row.from, row.to);

function drawText() {
  const lines = rows.map((row) => {
    row.words = document.createTextNode(wordsIn(row));
    row.bars = el("span", { className: "bars" });
    row.chips = el("span", { className: "chips" });
    const who = el("span", { className: "who" }, row.speaker, row.time && el("time", {}, row.time));
    row.line = el("div", { className: row.asked ? "line asked" : "line", id: `L${row.n + 1}`, role: "option" },
      el("span", { className: "n" }, String(row.n + 1)), who, row.bars, el("span", { className: "words" }, row.words), row.chips);
    row.line.row = row;
    byRow.push(new Set());
    return row.line;
  });
  const blocks = [];
  for (let i = 0; i < rows.length; i += BLOCK) {
    blocks.push(el("div", { className: "block", role: "presentation" }, ...lines.slice(i, i + BLOCK)));
    lists.push(el("ol", { className: "block", ariaLabel: `Codings from line ${rows[i].n + 1}` }));
  }
  $("text").replaceChildren(...blocks);
  $("list").replaceChildren(lists.unplaced, ...lists);
}

function highlight(name, priority = 0) {
  if (!paint.has(name)) {
    const made = new Highlight();
    made.priority = priority;
    CSS.highlights.set(name, made);
    paint.set(name, made);
  }
  return paint.get(name);
}

// One range a line, so that no number or name between two lines is painted.
function rangesOf(from, to) {
  const ranges = [];
  for (let i = rowAt(from)?.i ?? 0; i < rows.length && rows[i].start < to; i++) {
    const [start, end] = [Math.max(from, rows[i].from), Math.min(to, rows[i].to)];
    if (start < end) ranges.push(new StaticRange({ startContainer: rows[i].words, startOffset: start - rows[i].from, endContainer: rows[i].words, endOffset: end - rows[i].from }));
  }
  return ranges;
}

// ---- codings

const mine = () => linesOf(coder);
const linesOf = (by) => [...(logs.get(by)?.values() ?? []), ...(by === coder ? outbox.waiting : [])];
const shows = (one) => (!wanted.code || one.code === wanted.code || one.code.startsWith(`${wanted.code}.`)) && (!wanted.coder || one.by === wanted.coder);
const inOrder = (a, b) => a.from - b.from || b.to - a.to || (a.id < b.id ? -1 : 1);

// Bring what is shown in line with the logs: only what changed is drawn again.
function refresh(coders = [coder]) {
  const touched = new Set();
  for (const by of coders) {
    const now = replay(linesOf(by), by);
    for (const one of [...live.values()].filter((one) => one.by === by)) {
      const next = now.get(one.id);
      if (next && next.start === one.start && next.end === one.end && next.memo === one.memo && (next.v ?? told.v) === (one.v ?? told.v)) now.delete(one.id);
      else remove(one, touched);
    }
    for (const one of now.values()) place(one, touched);
  }
  for (const row of touched) drawRow(row);
  if (touched.size) drawHere();
  drawSums();
}

function place(one, touched) {
  one.stale = (one.v ?? told.v) !== told.v;
  one.code = codes.inUse(one.code).id;
  if (!one.stale) {
    [one.from, one.to] = [offsets.units(one.start), offsets.units(one.end)];
    one.rows = [];
    for (let i = rowAt(one.from).i; i < rows.length && rows[i].start < one.to; i++) one.rows.push(rows[i]);
    for (const row of one.rows) byRow[row.i].add(one), touched.add(row);
  } else [one.from, one.to, one.rows] = [Infinity, Infinity, []];
  live.set(one.id, one);
  paintOne(one);
  listOne(one);
}

function remove(one, touched) {
  for (const row of one.rows) byRow[row.i].delete(one), touched.add(row);
  unpaint(one);
  one.item.remove();
  order.splice(order.indexOf(one), 1);
  live.delete(one.id);
}

function paintOne(one) {
  one.item?.toggleAttribute("hidden", !shows(one));
  if (one.stale || !shows(one)) return;
  one.painted = rangesOf(one.from, one.to);
  for (const range of one.painted) highlight(`f${codes.get(one.code).family}`).add(range);
}

function unpaint(one) {
  for (const range of one.painted ?? []) highlight(`f${codes.get(one.code).family}`).delete(range);
  one.painted = [];
}

// Bars: where in the line a coding stands and how long it is, side by side where they overlap.
function drawRow(row) {
  const shown = [...byRow[row.i]].filter(shows).sort(inOrder);
  const length = Math.max(1, row.to - row.from);
  const lanes = [];
  const bars = [];
  for (const one of shown) {
    const top = Math.max(0, (one.from - row.from) / length);
    const bottom = Math.min(1, (one.to - row.from) / length);
    let lane = lanes.findIndex((end) => end <= top);
    if (lane < 0) lane = lanes.length;
    lanes[lane] = bottom;
    if (lane >= LANES) continue;
    const code = codes.get(one.code);
    const bar = el("span", { className: `bar f${code.family}`, title: `${code.label} (${one.by})` }, code.mark);
    Object.assign(bar.style, { top: `${top * 100}%`, height: `${(bottom - top) * 100}%`, right: `${lane * 1.75}em` });
    bar.dataset.id = one.id;
    bars.push(bar);
  }
  if (lanes.length > LANES) bars.push(el("span", { className: "more" }, `+${lanes.length - LANES}`));
  row.bars.replaceChildren(...bars);
  const named = new Map(); // one name a code, whoever marked it
  for (const one of shown) named.set(one.code, [...(named.get(one.code) ?? []), one]);
  row.chips.replaceChildren(...[...named].map(([id, ones]) => {
    const who = [...new Set(ones.map((one) => one.by))];
    const memo = ones.map((one) => one.memo).filter(Boolean).join("\n");
    const by = who.join() === coder ? "" : el("i", {}, ` ${who.join(", ")}`);
    const chip = el("span", { className: "chip" }, markOf(codes.get(id)), el("span", {}, codes.get(id).label, by, memo ? el("b", { title: memo }, " ✎") : ""));
    chip.dataset.id = (ones.find((one) => one.by === coder) ?? ones[0]).id;
    return chip;
  }));
  row.line.classList.toggle("coded", [...byRow[row.i]].some((one) => one.by === coder));
}

function drawSums() {
  const turns = rows.filter((row) => !row.asked);
  const done = turns.filter((row) => row.line.classList.contains("coded")).length;
  $("reach").textContent = `${done} of ${turns.length} turns coded`;
  const all = [...live.values()];
  $("count").textContent = all.length;
  const { undo, redo } = history(mine());
  $("undo").disabled = !undo.length;
  $("redo").disabled = !redo.length;
}

// ---- the list of codings: the way in for who does not see the highlights

const order = []; // codings as they stand in the list
function listOne(one) {
  const code = codes.get(one.code);
  const words = one.stale ? one.quote : text.slice(one.from, one.to);
  const where = one.stale ? "not placed: the transcript was corrected" : `line ${rowAt(one.from).n + 1}`;
  one.item = el("li", { hidden: !shows(one) }, el("button", {}, el("span", { className: "head" }, markOf(code), el("b", {}, code.label), el("small", {}, `${where} · ${one.by}`)),
    el("q", {}, words.length > 240 ? `${words.slice(0, 240)} …` : words), one.memo ? el("em", {}, `✎ ${one.memo}`) : ""));
  one.item.dataset.id = one.id;
  const n = first(order.length, (i) => inOrder(order[i], one) > 0);
  const list = one.stale ? lists.unplaced : lists[Math.floor(rowAt(one.from).i / BLOCK)];
  list.insertBefore(one.item, order[n]?.item.parentElement === list ? order[n].item : null);
  order.splice(n, 0, one);
}

// ---- the cursor

function chosen() {
  const [low, high] = [Math.min(at.anchor, at.focus), Math.max(at.anchor, at.focus)];
  if (low === high) return null;
  const [head, tail] = [rowAt(low), rowAt(Math.max(low, high - 1))];
  const start = head.from + whole(wordsIn(head), Math.max(0, low - head.from), wordsIn(head).length)[0];
  const end = tail.from + whole(wordsIn(tail), 0, Math.max(0, Math.min(high, tail.to) - tail.from))[1];
  const [from, to] = trimmed(text, start, end);
  return from < to ? { from, to } : null;
}

// The codings at the cursor, or that share words with the selection; the shortest first.
function here() {
  const span = chosen() ?? { from: at.focus, to: at.focus + 1 };
  const near = rows.length ? [...byRow[rowAt(span.from).i], ...byRow[rowAt(span.to - 1).i]] : [];
  const touching = [...new Set(near)].filter((one) => one.from < span.to && span.from < one.to && shows(one));
  return touching.sort((a, b) => (b.id === current) - (a.id === current) || a.to - a.from - (b.to - b.from) || inOrder(a, b));
}
let current = ""; // the coding that was pointed at

function moveTo(focus, { extend = false, scroll = true } = {}) {
  at.focus = focus;
  if (!extend) at.anchor = focus;
  drawCursor(scroll);
}

let lineHere;
function drawCursor(scroll) {
  const row = rowAt(at.focus > at.anchor ? at.focus - 1 : at.focus);
  if (!row) return;
  if (row.line !== lineHere) {
    lineHere?.classList.remove("here");
    lineHere?.removeAttribute("aria-selected");
    lineHere = row.line;
    lineHere.classList.add("here");
    lineHere.setAttribute("aria-selected", "true");
    $("text").setAttribute("aria-activedescendant", lineHere.id);
  }
  if (scroll) row.line.scrollIntoView({ block: "nearest" });
  const span = chosen();
  highlight("chosen", 9).clear();
  highlight("caret", 8).clear();
  if (span) for (const range of rangesOf(span.from, span.to)) highlight("chosen").add(range);
  else for (const range of rangesOf(at.focus, wordsOf(wordsIn(row)).map(([, end]) => row.from + end).find((end) => end > at.focus) ?? row.to)) highlight("caret").add(range);
  if (!span) $("code-it").hidden = true;
  drawHere();
}

function select(from, to, scroll = true) {
  [at.anchor, at.focus] = [from, to];
  drawCursor(scroll);
}

// What the mouse has selected. Names, numbers and bars around the words cannot be.
function fromMouse() {
  const chosenByMouse = getSelection();
  if (!chosenByMouse.rangeCount || !$("text").contains(chosenByMouse.anchorNode) || !dragging) return;
  const position = (node, offset) => {
    const row = (node.nodeType === 3 ? node.parentElement : (node.children[offset] ?? node)).closest?.(".line")?.row;
    if (!row) return offset > 0 ? text.length : 0;
    if (node === row.words) return row.from + offset;
    const before = node.compareDocumentPosition(row.words) & Node.DOCUMENT_POSITION_FOLLOWING;
    return before || node === row.line ? row.from : row.to;
  };
  select(position(chosenByMouse.anchorNode, chosenByMouse.anchorOffset), position(chosenByMouse.focusNode, chosenByMouse.focusOffset), false);
}

let dragging = false;
function offerCode() {
  const span = chosen();
  if (!span) return;
  const box = boxOf(span);
  const inside = $("transcript").getBoundingClientRect();
  const button = $("code-it");
  button.hidden = Boolean(told.locked.includes(coder));
  button.style.left = `${Math.min(Math.max(0, box.left - inside.left), inside.width - 110)}px`;
  button.style.top = `${Math.min(box.bottom - inside.top + 4, inside.height - 40)}px`;
}

function boxOf(span) {
  const row = rowAt(span.to - 1);
  const range = document.createRange();
  range.setStart(row.words, Math.max(0, span.from - row.from));
  range.setEnd(row.words, Math.max(0, Math.min(span.to, row.to) - row.from));
  return range.getBoundingClientRect();
}

// ---- the codings at the cursor, with their memos

function drawHere() {
  const at = document.activeElement;
  if (at?.tagName === "TEXTAREA" && $("here").contains(at) && at.value !== at.defaultValue) return; // a memo is being written
  const cards = here().slice(0, 12).map(card);
  $("here").replaceChildren(...(cards.length ? cards : [el("p", { className: "hint" }, chosen() ? "Nothing is coded here yet. Enter opens the codes." : "Put the cursor on a coding to see it, or select words to code.")]));
}

function card(one) {
  const code = codes.get(one.code);
  const own = one.by === coder && !told.locked.includes(coder);
  const box = el("div", { className: "card" }, el("p", { className: "head" }, markOf(code), el("b", {}, code.label), el("small", {}, one.by)), el("details", {}, el("summary", {}, "Definition"), ...definitionOf(code).slice(2)));
  box.dataset.id = one.id;
  if (!own) box.append(el("p", { className: "memo" }, one.memo));
  else {
    const memo = el("textarea", { rows: 2, placeholder: "Memo (Ctrl+Enter saves)", ariaLabel: `Memo of ${code.label}`, maxLength: 20000, defaultValue: one.memo });
    const keep = () => memo.value !== memo.defaultValue && ((memo.defaultValue = memo.value), writeMemo(one, memo.value));
    memo.addEventListener("blur", keep);
    memo.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) keep(), back();
      if (event.key === "Escape") (memo.value = memo.defaultValue), back();
      if (event.key === "Enter" || event.key === "Escape") event.stopPropagation();
    });
    box.append(memo, el("p", { className: "acts" }, el("button", { onclick: () => takeBack(one) }, "Remove"),
      el("button", { onclick: () => moveCoding(one), disabled: !chosen(), title: "The words selected become the words of this coding" }, "Move to selection")));
  }
  return box;
}

const back = () => $("text").focus({ preventScroll: true });

// ---- writing

function write(line, words) {
  if (told.locked.includes(coder)) return say("You have locked this interview."), false;
  outbox.push({ id: ulid(), v: told.v, ...line });
  refresh();
  if (words) say(words);
  return true;
}

function apply(id) {
  const span = chosen();
  const code = codes.get(id);
  if (!span) return say(`Select words first, then ${code.label}.`);
  const there = [...live.values()].some((one) => one.by === coder && one.code === id && one.from === span.from && one.to === span.to);
  if (there) return say(`${code.label} is there already.`);
  const words = text.slice(span.from, span.to);
  current = "";
  write({ op: "add", code: id, start: offsets.points(span.from), end: offsets.points(span.to) }, `${code.label}: ${words.length > 80 ? `${words.slice(0, 80)} …` : words}`);
  $("code-it").hidden = true;
}

const takeBack = (one) => write({ op: "del", of: one.id }, `Removed ${codes.get(one.code).label}.`) && back();
const spanOf = (one) => ({ start: one.start, end: one.end });
const writeMemo = (one, memo) => write({ op: "memo", of: one.id, memo, ...(one.stale ? {} : spanOf(one)) }, `Memo of ${codes.get(one.code).label} written.`);

function moveCoding(one) {
  const span = chosen();
  if (!span) return;
  write({ op: "move", of: one.id, memo: one.memo, start: offsets.points(span.from), end: offsets.points(span.to) }, `Moved ${codes.get(one.code).label}.`);
  back();
}

function undo(which) {
  const id = history(mine())[which].at(-1);
  if (!id) return say(which === "undo" ? "Nothing to undo." : "Nothing to redo.");
  const line = mine().find((one) => one.id === id);
  const was = { add: "coding", memo: "memo", move: "move", del: "removal" }[line.op];
  write({ op: "del", of: id }, which === "undo" ? `Undone: ${was}.` : "Done again.");
}

// ---- finding one's way

function nextUncoded(step) {
  const from = rowAt(at.focus).i;
  for (let i = from + step; i >= 0 && i < rows.length; i += step)
    if (!rows[i].asked && !rows[i].line.classList.contains("coded")) return moveTo(rows[i].from), back();
  say(step > 0 ? "No uncoded turn after this one." : "No uncoded turn before this one.");
}

function search(step = 0) {
  const words = $("wanted").value;
  hits = words.trim().length > 1 ? found(text, words) : [];
  highlight("found", 7).clear();
  for (const [from, to] of hits.slice(0, 2000)) for (const range of rangesOf(from, to)) highlight("found").add(range);
  if (!hits.length) return ($("hits").textContent = words.trim().length > 1 ? "none" : "");
  const after = first(hits.length, (i) => hits[i][0] > Math.min(at.anchor, at.focus));
  const n = (step ? (step > 0 ? after : after - 2 + hits.length) : Math.max(0, after - 1)) % hits.length;
  $("hits").textContent = `${n + 1} of ${hits.length}`;
  if (step) select(...hits[n]);
}

function filter() {
  wanted = { code: $("of-code").value, coder: $("of-coder").value };
  for (const one of live.values()) unpaint(one), paintOne(one);
  for (const row of rows) if (byRow[row.i].size) drawRow(row);
  $("text").classList.toggle("only-uncoded", $("only-uncoded").checked);
  drawHere();
}

// Where an arrow goes: a bare one to where words begin, a selecting one forward to where they end.
function step(row, position, by, { altKey: letter, shiftKey: extend }) {
  const words = wordsIn(row);
  const stops = letter ? stepsOf(words) : [0, ...wordsOf(words).map((word) => word[by > 0 && extend ? 1 : 0]), words.length];
  const next = by > 0 ? stops.find((stop) => stop > position - row.from) : stops.findLast((stop) => stop < position - row.from);
  if (next !== undefined) return row.from + next;
  const beside = rows[row.i + by];
  return beside ? (by > 0 ? beside.from : beside.to) : position;
}

// Space: the sentence at the cursor; when it is selected already, the whole turn.
function selectMore() {
  const row = rowAt(Math.min(at.anchor, at.focus));
  const span = chosen();
  const position = (span?.from ?? at.focus) - row.from;
  const every = sentencesOf(wordsIn(row));
  const [start, end] = every.find(([, end]) => end > position) ?? [0, row.to - row.from];
  const sentence = span && span.from === row.from + start && span.to === row.from + end;
  const more = sentence || (span && span.to - span.from > end - start);
  select(more ? row.from : row.from + start, more ? row.to : row.from + end);
  say(text.slice(...Object.values(chosen() ?? {})));
}

const control = (event) => event.ctrlKey || event.metaKey;
function keyInText(event) {
  const row = rowAt(at.focus);
  const { key, shiftKey: extend } = event;
  const shown = (from, by) => {
    let next = rows[from + by];
    while (next && next.line.offsetParent === null) next = rows[next.i + by];
    return next;
  };
  const code = !control(event) && !event.altKey && !extend && codes.keys.get(key.toLowerCase());
  if (key === "ArrowDown" || key === "ArrowUp") {
    const next = shown(row.i, key === "ArrowDown" ? 1 : -1);
    if (next) moveTo(extend && key === "ArrowDown" ? next.to : next.from, { extend });
  } else if (key === "ArrowRight") moveTo(step(row, at.focus, 1, event), { extend });
  else if (key === "ArrowLeft") moveTo(step(row, at.focus, -1, event), { extend });
  else if (key === "Home") moveTo(control(event) ? rows[0].from : row.from, { extend });
  else if (key === "End") moveTo(control(event) ? rows.at(-1).to : row.to, { extend });
  else if (key === "PageDown" || key === "PageUp") moveTo(rows[Math.max(0, Math.min(rows.length - 1, row.i + (key === "PageDown" ? 10 : -10)))].from, { extend });
  else if (key === " ") selectMore();
  else if (key === "Escape") moveTo(Math.min(at.anchor, at.focus));
  else if (key === "Enter") openPicker();
  else if (key === "Delete" || key === "Backspace") takeBackHere();
  else if (extend && key === "M") $("here").querySelector("textarea")?.focus() ?? say("No coding of yours at the cursor.");
  else if (extend && key === "N") nextUncoded(1);
  else if (extend && key === "P") nextUncoded(-1);
  else if (extend && key === "L") view("side"), ($("list").querySelector("li:not([hidden]) button") ?? $("side")).focus();
  else if (extend && key === "C") view("book"), $("tree").querySelector("[tabindex='0']")?.focus();
  else if (code) apply(code.id);
  else return;
  event.preventDefault();
}

function takeBackHere() {
  const one = here().find((one) => one.by === coder);
  if (one) takeBack(one);
  else say("No coding of yours at the cursor.");
}

function keyAnywhere(event) {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (document.querySelector("dialog[open]")) return;
  const letter = event.key.toLowerCase();
  if (control(event) && letter === "z" && !typing) undo(event.shiftKey ? "redo" : "undo");
  else if (control(event) && letter === "y" && !typing) undo("redo");
  else if (event.key === "/" && !typing) $("wanted").focus(), $("wanted").select();
  else if (event.key === "?" && !typing) $("keys").showModal();
  else if (event.key === "Escape" && event.target !== $("text")) view("text"), back();
  else return;
  event.preventDefault();
}

function openPicker() {
  const span = chosen();
  if (!span) return say("Select words first: Space takes the sentence.");
  if (told.locked.includes(coder)) return say("You have locked this interview.");
  $("code-it").hidden = true;
  picker.open(boxOf(span));
}

function view(name) {
  document.querySelector("main").dataset.view = name;
  for (const button of $("views").children) button.ariaPressed = String(button.dataset.view === name);
}

// ---- saved or not, and what came since

function drawState() {
  const n = outbox.waiting.length;
  const many = n === 1 ? "1 change" : `${n} changes`;
  const gone = outbox.lost ?? followingLost;
  const state = n && gone ? "lost" : n ? "saving" : gone ? "gone" : "saved";
  const denied = gone?.status === 403 ? " Open the page again: its token has changed." : " Trying again; leave this tab open.";
  const words = { saved: "Saved", saving: `Saving ${many} …`, lost: `Not saved: ${many} waiting, the server does not answer.${denied}`, gone: `The server does not answer.${denied}` };
  const box = $("state");
  if (box.dataset.state === state && box.textContent === words[state]) return;
  box.dataset.state = state;
  box.textContent = words[state];
}

function take(more) {
  const changed = [];
  for (const [by, log] of Object.entries(more.logs)) {
    if (log.whole || !logs.has(by)) logs.set(by, new Map());
    for (const line of log.lines) logs.get(by).set(line.id, line);
    seen[by] = log.upto;
    changed.push(by);
  }
  if (changed.length) refresh(changed);
  const corrected = told.v !== more.v;
  if (corrected && !told.corrected) {
    told.corrected = true;
    notice([{ where: interview, what: "The transcript has been corrected", fix: "Open the page again to code its new words." }]);
  }
  for (const key of ["drawn", "coders", "locked", "open"]) told[key] = more[key];
  drawLock();
  const coders = [...logs.keys()];
  if ($("of-coder").options.length !== coders.length + 1)
    $("of-coder").replaceChildren(new Option("all", ""), ...coders.map((by) => new Option(by)));
}

function drawLock() {
  const locked = told.locked.includes(coder);
  const others = told.coders.filter((by) => by !== coder && !told.locked.includes(by));
  $("lock").hidden = false;
  $("lock").textContent = locked ? "Unlock" : "Lock";
  $("lock").title = locked && others.length ? `Waiting for ${others.join(", ")}` : "";
  $("compare").hidden = !(told.drawn && told.open);
  document.body.classList.toggle("locked", locked);
  const double = told.drawn ? ` · double coding: ${told.coders.join(", ")}${told.open ? "" : " (blind)"}` : "";
  $("about").textContent = `${told.country} · ${coder}${double}${locked ? " · locked" : ""}${told.invented ? " · invented evidence" : ""}${told.sealed ? " · sealed" : ""}`;
}

let followingLost = null;
async function follow() {
  try {
    take(await transport.grown(seen));
    followingLost = null;
    if (outbox.waiting.length && outbox.lost) outbox.flush();
  } catch (error) {
    followingLost = error;
  }
  drawState();
  setTimeout(follow, document.hidden ? 5 * FOLLOW : FOLLOW);
}

async function setLock() {
  const locked = told.locked.includes(coder);
  if (!locked && !(await asked($("sure")))) return;
  if (outbox.waiting.length) return say("Wait until everything is saved.");
  try {
    take(await transport.lock(!locked));
    drawHere();
    say(locked ? "Unlocked." : "Locked.");
  } catch (error) {
    notice(error.problems ?? [{ where: interview, what: error.message, fix: "Try again." }]);
  }
}

function asked(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answer) => dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }));
}

// A line the server would not write stays on the page, and in the browser's store, until it is read.
function refused(line, problems) {
  const words = line.code ? `${codes.get(line.code).label}: “${text.slice(offsets.units(line.start), offsets.units(line.end)).slice(0, 120)}”` : line.memo ?? "";
  notice(problems.map((one) => ({ ...one, where: `Not saved. ${words}` })), () => outbox.drop(line));
  refresh();
}

// ---- whose interviews

async function showDesk(must = false) {
  $("coder").value = coder || localStorage.getItem("ctresearch coder") || "";
  $("leave-desk").hidden = must;
  if (!$("desk").open) $("desk").showModal();
  if (must) $("desk").addEventListener("cancel", (event) => event.preventDefault());
  if ($("coder").value) await showProgress();
}

async function showProgress() {
  const asking = new Transport("", $("coder").value);
  try {
    const { countries, country, interviews } = await asking.progress($("country").value || told?.key || "");
    $("country").replaceChildren(...countries.map(({ key, name }) => new Option(name, key, false, key === country)));
    const open = (one) => el("a", { href: `../code/${encodeURIComponent(one.interview)}?coder=${encodeURIComponent(asking.coder)}` }, one.interview);
    const row = (one) => el("tr", {}, el("td", {}, open(one)), el("td", {}, el("meter", { max: Math.max(1, one.turns), value: one.coded, ariaLabel: `${one.coded} of ${one.turns} turns` }), ` ${one.coded} of ${one.turns}`), el("td", {}, String(one.codings)), el("td", {}, one.others.length ? `with ${one.others.join(", ")}` : "alone"), el("td", {}, one.locked ? "locked" : one.codings ? "begun" : "to do"));
    const heads = ["Interview", "Turns coded", "Codings", "Coded", "State"].map((name) => el("th", { scope: "col" }, name));
    $("progress").replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...interviews.map(row))));
    localStorage.setItem("ctresearch coder", asking.coder);
  } catch (error) {
    const problems = error.problems ?? [{ where: "", what: error.message, fix: "Try again." }];
    $("progress").replaceChildren(...problems.map((one) => el("p", { className: "notice" }, `${one.where} ${one.what}. ${one.fix}`)));
  }
}

// ---- wiring

function wire() {
  const box = $("text");
  box.addEventListener("keydown", keyInText);
  box.addEventListener("mousedown", (event) => {
    if (event.button === 0) dragging = true;
    current = event.target.closest("[data-id]")?.dataset.id ?? "";
  });
  document.addEventListener("selectionchange", fromMouse);
  document.addEventListener("mouseup", (event) => {
    if (!dragging) return;
    if (!event.target.closest("[data-id]")) fromMouse();
    dragging = false;
    offerCode();
  });
  for (const place of [box, $("list")]) place.addEventListener("click", (event) => {
    const one = live.get(event.target.closest("[data-id]")?.dataset.id);
    if (!one || one.stale) return;
    current = one.id;
    select(one.from, one.to, place !== box);
    if (place !== box) view("text");
  });
  $("list").addEventListener("keydown", (event) => {
    const one = live.get(event.target.closest("li")?.dataset.id);
    if (event.key !== "Delete" || !one || one.by !== coder) return;
    const next = one.item.nextElementSibling ?? one.item.previousElementSibling;
    write({ op: "del", of: one.id }, `Removed ${codes.get(one.code).label}.`);
    (next?.querySelector("button") ?? $("text")).focus();
  });
  $("code-it").addEventListener("click", openPicker);
  document.addEventListener("keydown", keyAnywhere);
  $("undo").onclick = () => undo("undo");
  $("redo").onclick = () => undo("redo");
  $("uncoded").onclick = () => nextUncoded(1);
  $("lock").onclick = setLock;
  $("wanted").addEventListener("input", () => search());
  $("wanted").addEventListener("keydown", (event) => {
    if (event.key === "Enter") search(event.shiftKey ? -1 : 1), event.preventDefault();
  });
  for (const id of ["of-code", "of-coder", "only-uncoded"]) $(id).addEventListener("change", filter);
  addEventListener("beforeunload", (event) => {
    if (outbox.waiting.length || [...document.querySelectorAll("#here textarea")].some((memo) => memo.value !== memo.defaultValue)) event.preventDefault();
  });
  $("compare").onclick = settling({ transport, codes, coder, cut: (start, end) => text.slice(offsets.units(start), offsets.units(end)), v: () => told.v, lineOf: (start) => rowAt(offsets.units(start)).n + 1, show: (start, end) => select(offsets.units(start), offsets.units(end)) });
}

function begin() {
  ({ text } = told);
  offsets = new Offsets(text);
  codes = new Codes(told.codebook);
  rows = rowsOf(text);
  outbox = new Outbox({ send: transport.write, store: localStorage, key: `ctresearch ${interview} ${coder} `, sealed: told.sealed, refused,
    changed: (line) => {
      if (line) logs.get(coder)?.set(line.id, line) ?? logs.set(coder, new Map([[line.id, line]]));
      drawState();
    } });
  picker = new Picker(codes, { apply, closed: back, applied: () => {
    const span = chosen();
    return new Set([...live.values()].filter((one) => span && one.by === coder && one.from === span.from && one.to === span.to).map((one) => one.code));
  } });
  document.title = `${interview} · coding`;
  $("interview").textContent = interview;
  drawText();
  drawTree(codes, apply);
  $("of-code").append(...codes.usable.map((code) => new Option(`${"\u2003".repeat(code.level - 1)}${code.label}`, code.id)));
  for (const name of ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"]) highlight(name);
  take(told);
  outbox.adopt();
  refresh();
  wire();
  moveTo(rows.find((row) => !row.asked)?.from ?? 0, { scroll: false });
  back();
  drawState();
  setTimeout(follow, FOLLOW);
}

async function open() {
  const address = new URL(location);
  address.searchParams.delete("token"); // it is a cookie by now and need not stand in the history
  globalThis.history.replaceState(null, "", address);
  for (const button of $("views").children) button.onclick = () => view(button.dataset.view);
  $("help").onclick = () => $("keys").showModal();
  $("interviews").onclick = () => showDesk();
  $("whose").addEventListener("submit", (event) => (event.preventDefault(), showProgress()));
  $("country").addEventListener("change", showProgress);
  if (!interview || !coder) return ($("state").textContent = ""), showDesk(true);
  try {
    told = await transport.open();
    begin();
  } catch (error) {
    if (!error.problems && !error.status) console.error(error);
    $("state").textContent = "Not opened";
    notice(error.problems ?? [{ where: interview, what: error.message, fix: "Open the page again: ctresearch code." }]);
  }
}

open();
