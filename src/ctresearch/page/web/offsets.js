// Offsets: a browser counts UTF-16 units, our files count Unicode code points. The two part only at
// surrogate pairs (emoji, rare scripts), so a table of where those stand is all that is needed.
// Here too: where a word, a sentence and a letter as a reader sees it begin and end.

export class Offsets {
  constructor(text) {
    this.text = text;
    this.pairs = []; // UTF-16 position of each surrogate pair, ascending
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0xd800 && unit < 0xdc00) this.pairs.push(i++);
    }
  }

  // UTF-16 position → code points before it; inside a pair, those before the pair
  points(units) {
    return units - first(this.pairs.length, (i) => this.pairs[i] >= units);
  }

  // code points → UTF-16 position
  units(points) {
    return points + first(this.pairs.length, (i) => this.pairs[i] - i >= points);
  }
}

// the least i below `count` for which `holds` (false … false true … true), or `count`
export function first(count, holds) {
  let low = 0;
  for (let high = count; low < high; ) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const letters = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const words = new Intl.Segmenter(undefined, { granularity: "word" });
const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

// [start, end] moved outwards so that it cuts no letter in two, in a line's words
export function whole(text, start, end) {
  const parts = letters.segment(text);
  const head = parts.containing(start);
  const tail = parts.containing(end);
  return [head ? head.index : start, tail && tail.index < end ? tail.index + tail.segment.length : end];
}

// without the blanks at either end
export function trimmed(text, start, end) {
  while (start < end && /\s/.test(text[start])) start++;
  while (end > start && /\s/.test(text[end - 1])) end--;
  return [start, end];
}

// the spans of the words of a line, or of its sentences, as [start, end]
export function wordsOf(text) {
  return [...words.segment(text)].filter((p) => p.isWordLike || /\p{Extended_Pictographic}/u.test(p.segment))
    .map((p) => [p.index, p.index + p.segment.length]);
}

export function sentencesOf(text) {
  return [...sentences.segment(text)].map((p) => trimmed(text, p.index, p.index + p.segment.length))
    .filter(([start, end]) => end > start);
}

// where the letters of a line end: the steps of a caret
export function stepsOf(text) {
  return [0, ...[...letters.segment(text)].map((p) => p.index + p.segment.length)];
}

// every place of `wanted` in `text`, case and accents aside, as [start, end]
export function found(text, wanted) {
  const [where, what] = [folded(text), folded(wanted.trim()).plain];
  const places = [];
  for (let at = what ? where.plain.indexOf(what) : -1; at >= 0; at = where.plain.indexOf(what, at + what.length))
    places.push([where.from[at], where.from[at + what.length]]);
  return places;
}

const kept = new Map(); // a transcript is folded once
function folded(text) {
  if (kept.has(text)) return kept.get(text);
  let plain = "";
  let at = 0;
  const from = [];
  for (const sign of text) {
    const bare = sign.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
    for (let i = 0; i < bare.length; i++) from.push(at);
    plain += bare;
    at += sign.length;
  }
  from.push(at);
  if (text.length > 1000) kept.clear(), kept.set(text, { plain, from });
  return { plain, from };
}
