"""A small report drawn in a folder, for the tests of the writers."""

from __future__ import annotations

from pathlib import Path

import drawn_report

from ctresearch.embedded import source, tree

CONFIG = """\
project:
  type: book
lang: {lang}
book:
  title: "A report on trafficking"
  subtitle: "Seven countries"
  author: "The Authors"
  date: "June 2005"
  output-file: "Report"
  chapters:
    - index.qmd
    - part: "Part I. Countries"
      chapters:
        - countries/curacao.qmd
        - countries/jamaica.qmd
  appendices:
    - annex.qmd
"""
BRAND = 'brand:\n  page: "Invented evidence: it describes nobody."\n  mark: "Invented evidence."\n'
DRAWING = """\
<svg xmlns="http://www.w3.org/2000/svg" width="400" height="120" viewBox="0 0 400 120">
<defs><clipPath id="clip"><rect width="300" height="40"/></clipPath></defs>
<rect width="300" height="40" fill="#0b3c6f" clip-path="url(#clip)"/>
<text x="10" y="90" font-family="Source Sans 3">Deception</text></svg>
"""
PAGES = {
    "index.qmd": """\
# Preface {.unnumbered}

See @sec-jamaica, @tbl-themes and [the method](countries/curacao.qmd#method).

::: {.callout-note title="How to read this"}
Counts of people are bands.
:::
""",
    "countries/curacao.qmd": """\
# Curaçao

Interviews in Curaçao were few.^[A footnote.]

## Method

[trata de personas]{lang=es}, in *two* languages.

### Sample

Key informants.
""",
    "countries/jamaica.qmd": """\
# Jamaica {#sec-jamaica}

::: {#tbl-themes}
| Theme     | Informants | Articles | Antigua and Barbuda | Bahamas | Dominica | Guyana | Suriname |
|:----------|-----------:|---------:|:--|:--|:--|:--|:--|
| Deception | 5 to 9     | 12       | none | none | none | none | none |
| Debt      | 1 to 4     | 3        | none | none | none | none | none |

Themes by source
:::

![Themes in a drawing](../drawing.svg){#fig-drawn fig-alt="One bar: deception"}

![The same again](../drawing.svg){#fig-again fig-alt="One bar, again"}

## Findings

Words.
""",
    "annex.qmd": "# Instruments\n\n## The codebook\n\nAs @fig-drawn shows.\n",
}


def draw(folder: Path, *, lang: str = "en", brand: str = BRAND, **pages: str) -> tree.Book:
    """The report as a book; `jamaica=…` puts other words in the place of a page."""
    texts = {name: pages.get(Path(name).stem, text) for name, text in PAGES.items()}
    config = CONFIG.format(lang=lang)
    study = drawn_report.draw(folder, texts, config=config, variables=brand)
    (study.reports / "trial" / "drawing.svg").write_text(DRAWING, encoding="utf-8")
    return tree.assemble(source.read(study, "trial"))
