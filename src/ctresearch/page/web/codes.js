// The codebook on the page: a tree with definitions at hand, and a picker that is an ARIA combobox.

import { $, el } from "./dom.js";
import { found } from "./offsets.js";

const LANGUAGE = (navigator.language || "en").slice(0, 2);
const inWords = (words) => words?.[LANGUAGE] ?? Object.values(words ?? {})[0] ?? "";
const FAMILIES = 8; // colours

export class Codes {
  constructor(codebook) {
    this.all = codebook.codes.map((code) => ({ ...code, label: inWords(code.label), definition: inWords(code.definition) }));
    this.by = new Map(this.all.map((code) => [code.id, code]));
    const heads = [...new Set(this.all.map((code) => code.id.split(".")[0]))];
    for (const code of this.all) {
      const parts = code.id.split(".");
      code.family = heads.indexOf(parts[0]) % FAMILIES;
      code.level = parts.length;
      code.parent = parts.slice(0, -1).join(".");
      code.path = parts.slice(0, -1).map((_, n) => this.by.get(parts.slice(0, n + 1).join("."))?.label ?? parts[n]).join(" › ");
      code.mark = code.key || parts[0][0].toUpperCase() + (parts.length > 1 ? parts.at(-1)[0] : "");
      code.inUse = !code.retired && !code.merged_into;
    }
    this.usable = this.all.filter((code) => code.inUse);
    this.keys = new Map(this.usable.filter((code) => code.key).map((code) => [code.key, code]));
  }

  get(id) {
    return this.by.get(id) ?? { id, label: id, mark: "?", family: 0, definition: "", path: "" };
  }

  // The code, or the one that took it in.
  inUse(id) {
    const code = this.get(id);
    return code.merged_into ? this.inUse(code.merged_into) : code;
  }

  // The codes that answer to `words`, best first: beginnings of labels, then labels, ids, definitions.
  sought(words) {
    const wanted = words.trim();
    if (!wanted) return this.usable;
    const places = (code) => [[code.label, 0], [code.id.replaceAll(/[._]/g, " "), 2], [code.definition, 3]];
    const rank = (code) => Math.min(9, ...places(code).map(([text, n]) => {
      const at = found(text, wanted)[0];
      return !at ? 9 : n + (at[0] === 0 ? 0 : 1);
    }));
    return this.usable.map((code) => [rank(code), code]).filter(([n]) => n < 9).sort((a, b) => a[0] - b[0]).map(([, code]) => code);
  }
}

export const markOf = (code) => el("span", { className: `mark f${code.family}`, ariaHidden: "true" }, code.mark);

export function definitionOf(code) {
  const rows = [["Definition", code.definition], ["Code it when", code.include], ["Not when", code.exclude], ["Example", code.example]];
  const list = rows.filter(([, words]) => words).map(([name, words]) => el("div", {}, el("dt", {}, name), el("dd", {}, words)));
  const key = code.key ? [el("kbd", {}, code.key)] : [];
  return [el("h3", {}, markOf(code), ` ${code.label} `, ...key), el("p", { className: "hint" }, code.id), el("dl", {}, ...list)];
}

// The tree: arrow keys walk it, Enter applies, typing in the field above narrows it.
export function drawTree(codes, apply) {
  const tree = $("tree");
  const items = new Map();
  const closed = new Set();
  const shown = () => [...items.values()].filter((item) => !item.hidden);
  const show = (code) => $("definition").replaceChildren(...definitionOf(code));

  function lay() {
    const words = $("sought").value;
    const fits = new Set(codes.sought(words).map((code) => code.id));
    const under = (code) => code.parent && (closed.has(code.parent) || under(codes.get(code.parent)));
    for (const [id, item] of items) {
      item.hidden = words.trim() ? !fits.has(id) : Boolean(under(codes.get(id)));
      if (item.ariaExpanded) item.ariaExpanded = String(!closed.has(id) || Boolean(words.trim()));
    }
    if (!shown().some((item) => item.tabIndex === 0)) focusOn(shown()[0], false);
  }

  function focusOn(item, really = true) {
    if (!item) return;
    for (const one of items.values()) one.tabIndex = one === item ? 0 : -1;
    if (really) item.focus();
    show(codes.get(item.dataset.code));
  }

  function fold(item, shut) {
    if (!item.ariaExpanded) return false;
    if (closed.has(item.dataset.code) === shut) return false;
    closed[shut ? "add" : "delete"](item.dataset.code);
    lay();
    return true;
  }

  for (const code of codes.usable) {
    const key = code.key ? el("kbd", {}, code.key) : "";
    const item = el("div", { className: `code level${code.level}`, role: "treeitem", tabIndex: -1, ariaLevel: code.level }, el("span", { className: "fold" }), markOf(code), el("span", { className: "label" }, code.label), key);
    item.dataset.code = code.id;
    if (codes.usable.some((one) => one.parent === code.id)) item.ariaExpanded = "true";
    items.set(code.id, item);
  }
  tree.replaceChildren(...items.values());
  lay();

  tree.addEventListener("mouseover", (event) => {
    const item = event.target.closest(".code");
    if (item) show(codes.get(item.dataset.code));
  });
  tree.addEventListener("click", (event) => {
    const item = event.target.closest(".code");
    if (!item) return;
    focusOn(item);
    if (event.target.className === "fold") fold(item, item.ariaExpanded === "true");
    else apply(item.dataset.code);
  });
  tree.addEventListener("keydown", (event) => {
    const item = event.target.closest(".code");
    const every = shown();
    const at = every.indexOf(item);
    const code = codes.get(item?.dataset.code);
    const moves = { ArrowDown: every[at + 1], ArrowUp: every[at - 1], Home: every[0], End: every.at(-1) };
    if (event.key in moves) focusOn(moves[event.key]);
    else if (event.key === "ArrowRight") fold(item, false) || focusOn(every[at + 1]?.ariaLevel > code.level ? every[at + 1] : null);
    else if (event.key === "ArrowLeft") (fold(item, true) || focusOn(items.get(code.parent)));
    else if (event.key === "Enter" || event.key === " ") apply(code.id);
    else return;
    event.preventDefault();
  });
  $("sought").addEventListener("input", lay);
  $("sought").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") focusOn(shown()[0]), event.preventDefault();
    if (event.key === "Enter" && shown()[0]) apply(shown()[0].dataset.code);
  });
}

// The picker: type, arrows, Enter. `applied` tells which codes the selection has already.
export class Picker {
  constructor(codes, { apply, applied, closed }) {
    Object.assign(this, { codes, apply, applied, closed });
    this.recent = [];
    this.at = 0;
    const input = $("pick");
    input.addEventListener("input", () => ((this.at = 0), this.lay()));
    input.addEventListener("keydown", (event) => this.key(event));
    $("picker").addEventListener("focusout", (event) => {
      if (event.relatedTarget && !$("picker").contains(event.relatedTarget)) this.close(false);
    });
    $("picks").addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
    $("picks").addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.take(option.dataset.code, event.ctrlKey || event.metaKey);
    });
  }

  open(box) {
    const picker = $("picker");
    picker.hidden = false;
    $("pick").value = "";
    this.at = 0;
    this.lay();
    const { width, height } = picker.getBoundingClientRect();
    picker.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
    const below = box.bottom + 8 + height <= innerHeight;
    picker.style.top = `${below ? box.bottom + 6 : Math.max(8, Math.min(box.top - height - 6, innerHeight - height - 8))}px`;
    $("pick").focus({ preventScroll: true });
  }

  close(back = true) {
    if ($("picker").hidden) return;
    $("picker").hidden = true;
    if (back) this.closed();
  }

  lay() {
    const sought = $("pick").value;
    const recent = sought.trim() ? [] : this.recent.map((id) => this.codes.get(id));
    this.options = [...recent, ...this.codes.sought(sought).filter((code) => !recent.includes(code))];
    const has = this.applied();
    $("picks").replaceChildren(...this.options.map((code, n) => {
      const key = code.key ? el("kbd", {}, code.key) : "";
      const words = el("span", { className: "label" }, code.label, code.path ? el("small", {}, code.path) : "");
      const option = el("li", { id: `pick-${n}`, role: "option", ariaSelected: String(has.has(code.id)) }, el("span", { className: "tick" }, has.has(code.id) ? "✓" : ""), markOf(code), words, key);
      option.dataset.code = code.id;
      return option;
    }));
    this.move(0);
  }

  move(by) {
    const every = $("picks").children;
    every[this.at]?.classList.remove("active");
    this.at = Math.max(0, Math.min(every.length - 1, this.at + by));
    const option = every[this.at];
    option?.classList.add("active");
    option?.scrollIntoView({ block: "nearest" });
    if (option) $("pick").setAttribute("aria-activedescendant", option.id);
    else $("pick").removeAttribute("aria-activedescendant");
    $("picked").textContent = option ? this.options[this.at].definition : "No code answers to that.";
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key in steps) this.move(steps[event.key]);
    else if (event.key === "Enter" && this.options[this.at]) this.take(this.options[this.at].id, event.ctrlKey || event.metaKey);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  take(id, on) {
    this.apply(id);
    this.recent = [id, ...this.recent.filter((one) => one !== id)].slice(0, 6);
    if (!on) return this.close();
    $("pick").value = "";
    this.at = 0;
    this.lay();
  }
}
