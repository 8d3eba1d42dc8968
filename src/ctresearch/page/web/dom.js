// Small helps for making elements, and the way to the server.

export const $ = (id) => document.getElementById(id);

// el("li", { className: "x", onclick }, "words", child): an element; words are never read as markup
export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(given)) {
    if (key in made && !key.startsWith("aria")) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const ROOT = new URL("../", import.meta.url);

// Everything the page asks of the server. A refusal comes as an error with `problems`; a server that
// is gone, or that fails, as one without: that is worth another try.
export class Transport {
  constructor(interview, coder) {
    this.of = `api/interviews/${encodeURIComponent(interview)}`;
    this.coder = coder;
  }
  open = () => this.ask(this.of);
  grown = (seen) => this.ask(this.of, { seen });
  write = (line) => this.ask(`${this.of}/lines`, line);
  lock = (on) => this.ask(`${this.of}/lock`, { on });
  compare = () => this.ask(`${this.of}/comparison`);
  settle = (decision) => this.ask(`${this.of}/comparison`, decision);
  progress = (country) => this.ask("api/progress", undefined, { country });

  async ask(address, body, query = {}) {
    const url = new URL(address, ROOT);
    for (const [key, value] of Object.entries({ coder: this.coder, ...query })) url.searchParams.set(key, value);
    const xsrf = document.cookie.match(/(?:^|; )_xsrf=([^;]*)/)?.[1] ?? "";
    const sent = body && { method: "POST", body: JSON.stringify(body), headers: { "X-XSRFToken": xsrf } };
    const reply = await fetch(url, { ...sent, cache: "no-store", signal: AbortSignal.timeout(20000) });
    const told = await reply.json().catch(() => ({}));
    if (reply.ok) return told;
    const error = new Error(told.problems?.[0]?.what ?? `the server answers ${reply.status}`);
    error.status = reply.status;
    if (reply.status === 400) error.problems = told.problems;
    throw error;
  }
}

// Problems as a notice that stays until it is closed.
export function notice(problems, closed = () => {}) {
  const box = el("div", { className: "notice" });
  for (const { where, what, fix } of problems) box.append(el("p", {}, el("b", {}, where), ` ${what}. `, el("em", {}, fix)));
  box.append(el("button", { onclick: () => (box.remove(), closed()) }, "Close"));
  $("notices").append(box);
}

let turn = 0;
// Said to screen readers, and shown for a moment; the same words twice are said twice.
export function say(words) {
  $("said").textContent = words + (turn++ % 2 ? "\u00a0" : "");
}
