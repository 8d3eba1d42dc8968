"""The pages of a report: whole, linked, readable without eyes, mouse or network."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from lxml import html as reader
from small_report import draw

from ctresearch.embedded import html

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def out(book, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    html.write(book, folder)
    return folder


@pytest.fixture(scope="module")
def pages(out):
    """Every page as lxml read it, by its path."""
    found = sorted(out.rglob("*.html"))
    return {path.relative_to(out).as_posix(): reader.parse(path).getroot() for path in found}


def text(node) -> str:
    return " ".join(node.text_content().split())


def test_a_chapter_is_a_page_where_its_source_lies(pages):
    assert list(pages) == [
        "annex.html",
        "countries/curacao.html",
        "countries/jamaica.html",
        "index.html",
    ]


def test_every_link_and_every_file_a_page_names_is_there(out, pages):
    missing = []
    for name, page in pages.items():
        for tag, _, target, _ in page.iterlinks():
            file, _, anchor = target.partition("#")
            path = (out / name).parent / file if file else out / name
            if target.startswith("data:,"):
                continue
            if not path.is_file() or (
                anchor and not reader.parse(path).xpath(f"//*[@id='{anchor}']")
            ):
                missing.append((name, tag, target))

    assert missing == []


def test_no_page_style_or_script_asks_another_place_for_anything(out):
    asked = {
        path.name: re.findall(
            r"(?:src|href)=\"(?:https?:)?//[^\"]*|url\(\W?(?:https?:)?//", content
        )
        for path in out.rglob("*")
        if path.suffix in (".html", ".css", ".js")
        for content in [path.read_text(encoding="utf-8")]
    }

    assert {name: found for name, found in asked.items() if found} == {}


def test_captions_and_headings_carry_the_numbers_of_the_book(pages):
    page = pages["countries/jamaica.html"]

    assert [text(node) for node in page.xpath("//h1 | //h2 | //figcaption")] == [
        "2 Jamaica",
        "Table 2.1: Themes by source",
        "Figure 2.1: Themes in a drawing",
        "Figure 2.2: The same again",
        "2.1 Findings",
    ]


def test_an_appendix_says_that_it_is_one(pages):
    assert text(pages["annex.html"].xpath("//h1")[0]) == "Appendix A — Instruments"


def test_a_table_has_its_caption_above_and_a_figure_below(pages):
    table, figure = pages["countries/jamaica.html"].xpath("//figure")[:2]

    assert (table[0].tag, figure[-1].tag) == ("figcaption", "figcaption")


def test_every_heading_cell_says_what_it_heads(pages):
    cells = pages["countries/jamaica.html"].xpath("//th")

    assert {cell.get("scope") for cell in cells} == {"col"}


def test_a_table_scrolls_in_a_region_that_has_a_name_and_takes_the_keyboard(pages):
    page = pages["countries/jamaica.html"]
    [region] = page.xpath("//*[@role='region']")
    [name] = page.xpath("//*[@id=$id]", id=region.get("aria-labelledby"))

    assert (region.get("tabindex"), text(name)) == ("0", "Table 2.1: Themes by source")


def test_a_drawing_stands_in_the_page_with_its_text_and_ids_of_its_own(pages):
    page = pages["countries/jamaica.html"]

    assert page.xpath("//svg/@aria-label") == ["One bar: deception", "One bar, again"]
    assert page.xpath("//svg//clippath/@id") == ["drawing-1-clip", "drawing-2-clip"]
    assert page.xpath("//svg/rect/@clip-path") == ["url(#drawing-1-clip)", "url(#drawing-2-clip)"]


def test_a_drawing_with_a_script_stays_a_file(tmp_path):
    book = draw(tmp_path)
    drawing = book.root / "drawing.svg"
    drawing.write_text(drawing.read_text().replace("<defs>", "<script>alert(1)</script><defs>"))
    html.write(book, tmp_path / "out")
    page = reader.parse(tmp_path / "out" / "countries" / "jamaica.html").getroot()

    assert page.xpath("//figure//img/@alt") == ["One bar: deception", "One bar, again"]


def test_no_id_stands_twice_in_a_page(pages):
    ids = {name: page.xpath("//@id") for name, page in pages.items()}

    assert {name: len(found) for name, found in ids.items()} == {
        name: len(set(found)) for name, found in ids.items()
    }


def test_a_page_has_language_title_landmarks_and_one_first_heading(pages):
    page = pages["countries/curacao.html"]

    assert page.get("lang") == "en"
    assert page.findtext("head/title") == "1 Curaçao — A report on trafficking"
    assert [len(page.xpath(f"//{tag}")) for tag in ("header", "main", "footer", "h1")] == [1] * 4
    assert page.xpath("//nav/@aria-label") == ["Contents", "On this page", "Previous, Next"]


def test_the_first_thing_the_keyboard_meets_leads_past_the_menu(pages):
    first = pages["index.html"].xpath("//body//a | //body//button")[0]

    assert (text(first), first.get("href")) == ("Skip to the text", "#content")


def test_the_sidebar_shows_parts_and_numbers_and_where_one_is(pages):
    sidebar = pages["countries/jamaica.html"].get_element_by_id("chapters")

    assert text(sidebar) == "Preface Part I. Countries 1 Curaçao 2 Jamaica Appendices A Instruments"
    assert [text(link) for link in sidebar.xpath(".//a[@aria-current='page']")] == ["2 Jamaica"]


def test_chapters_lead_to_the_one_before_and_the_one_after(pages):
    ways = pages["countries/jamaica.html"].xpath("//nav[@class='turn']/a/@href")

    assert ways == ["curacao.html", "../annex.html"]


def test_the_banner_of_invented_evidence_stands_on_every_page(pages):
    banners = {text(node) for page in pages.values() for node in page.find_class("invented")}

    assert [len(page.find_class("invented")) for page in pages.values()] == [1] * len(pages)
    assert banners == {"Invented evidence: it describes nobody."}


def test_a_report_of_real_evidence_has_no_banner(tmp_path):
    html.write(draw(tmp_path, brand="{}\n"), tmp_path / "out")

    assert "invented" not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_the_title_page_names_title_publisher_edition_and_authors(pages):
    [cover] = pages["index.html"].find_class("cover")

    assert [text(line) for line in cover] == [
        "The Publisher",
        "A report on trafficking",
        "Seven countries",
        "Edition 2005",
        "The Authors",
        "June 2005",
    ]


def test_a_spanish_report_speaks_spanish_around_its_text(tmp_path):
    html.write(draw(tmp_path, lang="es"), tmp_path / "out")
    page = reader.parse(tmp_path / "out" / "countries" / "jamaica.html").getroot()

    assert page.get("lang") == "es"
    assert text(page.find_class("skip")[0]) == "Ir al texto"
    assert text(page.xpath("//figcaption")[0]) == "Cuadro 2.1: Themes by source"


def test_search_knows_every_section_by_its_address(out):
    script = (out / "site" / "search.js").read_text(encoding="utf-8")
    entries = json.loads(script.removeprefix("window.ctIndex = ").rstrip().removesuffix(";"))

    assert [(address, title) for address, title, _ in entries[1:4]] == [
        ("countries/curacao.html", "1 Curaçao"),
        ("countries/curacao.html#countries-curacao--method", "1 Curaçao – 1.1 Method"),
        ("countries/curacao.html#countries-curacao--sample", "1 Curaçao – 1.1.1 Sample"),
    ]
    assert entries[2][2] == "trata de personas, in two languages."


def test_writing_twice_gives_the_same_bytes(book, out, tmp_path):
    again = html.write(book, tmp_path)

    assert all(
        path.read_bytes() == (out / path.relative_to(tmp_path)).read_bytes() for path in again
    )


def test_a_page_that_left_the_book_leaves_the_folder(book, tmp_path):
    (tmp_path / "countries").mkdir()
    (tmp_path / "countries" / "haiti.html").write_text("withdrawn")
    html.write(book, tmp_path)

    assert not (tmp_path / "countries" / "haiti.html").exists()


@pytest.fixture(scope="module")
def browser():
    """A browser, or a clear word that there is none; CTRESEARCH_MUST_BROWSE makes it a failure."""
    from playwright.sync_api import sync_playwright

    if not CHROMIUM.exists():
        must = "CTRESEARCH_MUST_BROWSE" in os.environ
        (pytest.fail if must else pytest.skip)(
            f"no browser at {CHROMIUM}: pages were not looked at"
        )
    with sync_playwright() as door:
        opened = door.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


def test_no_page_scrolls_sideways_on_the_narrowest_screen(browser, out):
    page = browser.new_page(viewport={"width": 360, "height": 740})
    wide = {}
    for path in sorted(out.rglob("*.html")):
        page.goto(path.as_uri())
        wide[path.name] = page.evaluate("document.documentElement.scrollWidth")
    page.close()

    assert {name: width for name, width in wide.items() if width > 360} == {}


def test_typing_curacao_finds_curacao_with_its_cedilla_from_a_folder(browser, out):
    page = browser.new_page()
    page.goto((out / "countries" / "jamaica.html").as_uri())
    page.fill("#words", "curacao")
    page.wait_for_selector(".found a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/countries/curacao.html")

    assert page.text_content("h1") == "1 Curaçao"
    page.close()
