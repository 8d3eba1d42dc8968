// The menu of a narrow screen, and search in the index that was made with the pages. It works from
// a folder (file://), asks nobody for anything, and finds Curaçao when one types "curacao".
"use strict";
{
  const up = document.currentScript.dataset.up;
  const one = (selector) => document.querySelector(selector);
  document.documentElement.classList.add("js");

  const menu = one(".menu");
  menu.addEventListener("click", () => {
    const open = one(".chapters").classList.toggle("open");
    menu.setAttribute("aria-expanded", String(open));
  });
  one(".chapters [aria-current]")?.scrollIntoView({ block: "nearest" });

  // A region is a stop for the keyboard while it can scroll, and fades out where there is more.
  const settle = (region) => {
    region.tabIndex = region.scrollWidth > region.clientWidth ? 0 : -1;
    const seen = region.scrollLeft + region.clientWidth;
    region.classList.toggle("cut", seen < region.scrollWidth - 1);
  };
  const watch = new ResizeObserver((entries) => entries.forEach((entry) => settle(entry.target)));
  for (const region of document.querySelectorAll(".wide")) {
    watch.observe(region);
    region.addEventListener("scroll", () => settle(region), { passive: true });
  }

  // One letter in, one letter out, so that a place found in folded text is the place in the text.
  const fold = (text) =>
    text.normalize("NFC").replace(/[^\0-\x7f]/g, (letter) => letter.normalize("NFD")[0]).toLowerCase();

  let index = null;
  const load = () =>
    (index ??= new Promise((ready) => {
      const script = document.createElement("script");
      script.src = `${up}site/search.js`;
      script.onload = () =>
        ready(window.ctIndex.map(([page, title, text]) => ({
          page, title, text, head: fold(title), body: fold(text),
        })));
      document.head.append(script);
    }));

  const form = one(".search"), field = one("#words"), found = one(".found");
  const MOST = 20; // results shown

  const excerpt = (entry, words) => {
    const line = document.createElement("span");
    const places = words.map((word) => entry.body.indexOf(word)).filter((place) => place >= 0);
    const first = places.length ? Math.min(...places) : 0;
    const start = first < 50 ? 0 : entry.text.indexOf(" ", first - 50) + 1; // at a whole word
    const shown = entry.text.slice(start, start + 150), folded = entry.body.slice(start, start + 150);
    let from = 0;
    while (from < shown.length) {
      const hits = words.map((word) => [folded.indexOf(word, from), word.length]).filter(([n]) => n >= 0);
      const [hit, length] = hits.sort((a, b) => a[0] - b[0])[0] ?? [shown.length, 0];
      line.append(shown.slice(from, hit));
      if (length) line.append(Object.assign(document.createElement("mark"), { textContent: shown.slice(hit, hit + length) }));
      from = hit + Math.max(length, 1);
    }
    return line;
  };

  const item = (entry, words) => {
    const link = Object.assign(document.createElement("a"), { href: up + entry.page });
    link.append(Object.assign(document.createElement("strong"), { textContent: entry.title }), excerpt(entry, words));
    const row = document.createElement("li");
    row.append(link);
    return row;
  };

  const search = async () => {
    const words = fold(field.value).split(/\s+/).filter(Boolean);
    const entries = words.length ? await load() : [];
    const hits = entries.filter((e) => words.every((word) => e.head.includes(word) || e.body.includes(word)));
    const titled = (entry) => words.filter((word) => entry.head.includes(word)).length;
    hits.sort((a, b) => titled(b) - titled(a));
    found.querySelector("ol").replaceChildren(...hits.slice(0, MOST).map((entry) => item(entry, words)));
    found.querySelector("p").textContent = hits.length ? `${form.dataset.found}: ${hits.length}` : form.dataset.nothing;
    found.hidden = !words.length;
  };

  field.addEventListener("focus", load, { once: true });
  field.addEventListener("input", search);
  form.addEventListener("submit", (event) => { event.preventDefault(); found.querySelector("a")?.click(); });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { found.hidden = true; field.focus(); }
  });
  document.addEventListener("click", (event) => { if (!form.contains(event.target)) found.hidden = true; });
}
