// A coding log as the page keeps it: what lives after its lines, what can be undone, and the lines
// on their way to the disk. The same story as coding.replay tells in Python.

const CHANGES = { move: ["start", "end", "memo", "v", "quote"], memo: ["memo"] };
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// An id that sorts by time: 48 bits of milliseconds, 80 of chance. No two of a page share their time.
let last = 0;
export function ulid() {
  last = Math.max(Date.now(), last + 1);
  let head = "";
  for (let i = 0, left = last; i < 10; i++, left = Math.floor(left / 32)) head = CROCKFORD[left % 32] + head;
  return head + [...crypto.getRandomValues(new Uint8Array(16))].map((b) => CROCKFORD[b & 31]).join("");
}

// Lines in the order of their time; those not on the disk yet have none and come last, as made.
export function story(lines) {
  const order = (a, b) => a.at - b.at || (a.id < b.id ? -1 : 1);
  return [...lines.filter((one) => one.at).sort(order), ...lines.filter((one) => !one.at)];
}

// The codings that live after all lines of a coder: id → coding
export function replay(lines, by) {
  const told = story(lines);
  const gone = new Set();
  for (let i = told.length - 1; i >= 0; i--)
    if (told[i].op === "del" && !gone.has(told[i].id)) gone.add(told[i].of);
  const live = new Map();
  const kept = told.filter((one) => !gone.has(one.id));
  for (const one of kept) if (one.op === "add" && !live.has(one.id)) live.set(one.id, { memo: "", ...one, by });
  for (const one of kept) {
    const of = live.get(one.of);
    if (!of || !CHANGES[one.op]) continue;
    for (const key of CHANGES[one.op]) of[key] = one[key] ?? (key === "memo" ? "" : undefined);
  }
  return live;
}

// What the coder can undo and redo: ids of lines, the next one last. It follows from the log alone,
// so it is the same after a reload and in a second tab.
export function history(lines) {
  const [undo, redo] = [[], []];
  const locks = new Set(lines.filter((one) => one.op === "lock").map((one) => one.id));
  for (const one of story(lines)) {
    if (one.op === "lock" || locks.has(one.of)) continue;
    if (one.op === "del" && one.of === undo.at(-1)) undo.pop(), redo.push(one.id);
    else if (one.op === "del" && one.of === redo.at(-1)) redo.pop(), undo.push(one.id);
    else undo.push(one.id), (redo.length = 0);
  }
  return { undo, redo };
}

// Lines on their way. Each is kept in memory and in the browser's own store until the server says it
// is on the disk, is sent again when no answer came, and is sent in the order it was made. The store
// holds ids, codes and offsets; of a sealed transcript never a word, so its memos are in memory only.
export class Outbox {
  constructor({ send, store, key, sealed, changed, refused }) {
    Object.assign(this, { send, store, key, sealed, changed, refused });
    this.waiting = [];
    this.lost = null; // why the last try failed, or null
    this.busy = false;
    this.tries = 0;
  }

  // Take up what an earlier visit, or a tab that was closed, could not bring to the disk.
  adopt() {
    const keys = Object.keys(this.store).filter((key) => key.startsWith(this.key));
    const lines = keys.map((key) => JSON.parse(this.store.getItem(key))).sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const line of lines.filter((one) => one.refusal)) this.refused(line, line.refusal);
    this.waiting.push(...lines.filter((one) => !one.refusal));
    if (this.waiting.length) this.flush();
  }

  push(line) {
    this.waiting.push(line);
    this.keep(line);
    this.flush();
  }

  keep(line) {
    const { memo, ...bare } = line;
    if (this.sealed && memo) return;
    try {
      this.store.setItem(this.key + line.id, JSON.stringify(this.sealed ? bare : line));
    } catch {} // a full or forbidden store: memory still has it
  }

  drop(line) {
    this.waiting = this.waiting.filter((one) => one !== line);
    this.store.removeItem(this.key + line.id);
  }

  async flush() {
    if (this.busy) return;
    this.busy = true;
    clearTimeout(this.timer);
    this.changed();
    while (this.waiting.length) {
      const line = this.waiting[0];
      try {
        line.at = (await this.send(line)).at;
        this.drop(line);
        [this.lost, this.tries] = [null, 0];
        this.changed(line);
      } catch (error) {
        if (!error.problems) {
          this.lost = error;
          break;
        }
        this.waiting.shift();
        this.keep(Object.assign(line, { refusal: error.problems })); // until somebody has read it
        this.refused(line, error.problems);
      }
    }
    this.busy = false;
    this.changed();
    if (this.waiting.length) this.timer = setTimeout(() => this.flush(), Math.min(5000, 400 * 2 ** this.tries++));
  }
}
