"""Charts: what is drawn, what is said for who cannot see it, and what never leaves."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import subprocess
import sys

import pandas as pd
import pytest

from ctresearch import charts
from ctresearch.charts import Figure, Words
from ctresearch.values import Band, Count, Estimate, Share, Withheld

WORDS = Words("Most spoke of debt", "Key informants", "Source: key informants, few and chosen.")
INVENTED = Words("Most spoke of debt", invented=True)
THEMES = pd.DataFrame(
    {
        "theme": ["Debt", "Threats", "Isolation", "Drugs"],
        "informants": [Band(10, 19), Band(5, 9), Band(1, 4), Band(0, 0)],
    }
)


def share(value: float) -> Estimate:
    return Estimate(value, value - 0.05, value + 0.05, 300, "respondent", "probability")


def articles(*counts: int) -> list[Count]:
    return [Count(n, "article") for n in counts]


def every_kind(words: Words) -> dict[str, Figure]:
    views = pd.DataFrame(
        {
            "sentence": ["Men can be victims", "It is smuggling"],
            "disagree": [share(0.2), share(0.5)],
            "neither": [share(0.1), share(0.2)],
            "agree": [share(0.7), share(0.3)],
        }
    )
    months = pd.DataFrame(
        {"stories": articles(3, 0, 5), "copies": articles(1, 0, 2)},
        index=pd.Index(["2004-01", "2004-02", "2004-03"], name="month"),
    )
    tiles = pd.DataFrame(
        {
            "column": [0, 1],
            "row": [0, 0],
            "code": ["GUY", "SUR"],
            "name": ["Guyana", "Suriname"],
            "level": ["reported", "corroborated"],
        }
    )
    law = pd.DataFrame({"Signed": ["2001 (C)", "not known"]}, index=["Guyana", "Suriname"])
    trained = pd.DataFrame(
        {
            "date": ["2003", "2005-03", "2008"],
            "persons": [Count(n, "published") for n in (450, 500, 1200)],
            "says": ["about 450", "500", "more than 1,200"],
            "planned": [True, False, False],
        }
    )
    return {
        "bands": charts.bands(THEMES, "theme", "informants", words),
        "bars": charts.bars(THEMES.assign(n=articles(4, 3, 2, 0)), "theme", "n", words),
        "months": charts.months(months, ["stories", "copies"], words),
        "likert": charts.likert(views, "sentence", ["disagree", "neither", "agree"], words),
        "estimates": charts.estimates(views, "sentence", "agree", words),
        "tiles": charts.tiles(tiles, "level", {"reported": "1", "corroborated": "2"}, words),
        "matrix": charts.matrix(law, {"unknown": "not known", "known": "."}, words),
        "steps": charts.steps(trained, words),
    }


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return every_kind(WORDS)


@pytest.fixture(scope="module")
def branded() -> dict[str, Figure]:
    return every_kind(INVENTED)


def texts(figure: Figure) -> list[str]:
    return re.findall(r"<text[^>]*>(?:<tspan[^>]*>)?([^<]+)", figure.svg)


def test_a_band_is_drawn_to_the_end_of_its_place_and_not_to_a_number():
    twice = THEMES.assign(informants=[Band(10, None), Band(5, 9), Band(1, 4), Band(0, 0)])

    first, second = (charts.bands(table, "theme", "informants", WORDS) for table in (THEMES, twice))

    assert first.svg.replace("10 to 19", "10 or more") == second.svg


def test_the_axis_of_bands_names_the_bands(drawn):
    assert {"1–4", "5–9", "10–19", "20+"} <= set(texts(drawn["bands"]))


def test_a_count_withheld_is_a_word_in_the_picture():
    table = pd.DataFrame({"form": ["Debt"], "cases": [Withheld("case", "below 11")]})

    assert "withheld" in texts(charts.bars(table, "form", "cases", WORDS))


def test_the_description_tells_kind_finding_and_the_three_foremost_values(drawn):
    assert drawn["bands"].alt == (
        "Bar chart in bands. Most spoke of debt."
        " Debt: 10 to 19; Threats: 5 to 9; Isolation: 1 to 4."
    )


def test_a_map_is_described_by_the_countries_of_each_kind(drawn):
    assert drawn["tiles"].alt.endswith("corroborated: Suriname; reported: Guyana.")


def test_every_picture_of_invented_evidence_says_so_within_itself(branded):
    assert all("Invented evidence" in texts(figure) for figure in branded.values())
    assert all(figure.alt.endswith("Invented evidence.") for figure in branded.values())


def test_no_picture_of_field_evidence_is_branded(drawn):
    assert not any("Invented" in figure.svg + figure.alt for figure in drawn.values())


def test_the_source_stands_below_the_picture(drawn):
    assert all(texts(figure)[-1] == WORDS.source for figure in drawn.values())


def test_a_picture_fits_the_type_area_of_a_page(drawn):
    widths = {float(re.search(r'width="([\d.]+)"', one.svg)[1]) for one in drawn.values()}

    assert max(widths) <= 620


def test_no_label_is_smaller_than_eleven_pixels(drawn):
    sizes = [
        float(n) for one in drawn.values() for n in re.findall(r'font-size="([\d.]+)', one.svg)
    ]

    assert min(sizes) >= 11


def test_the_picture_for_print_has_twice_the_pixels_and_says_so(drawn):
    for figure in drawn.values():
        width, height = struct.unpack(">II", figure.png[16:24])
        size = [float(n) for n in re.findall(r' (?:width|height)="([\d.]+)"', figure.svg)[:2]]
        per_metre = struct.unpack(">I", figure.png[figure.png.index(b"pHYs") + 4 :][:4])[0]

        assert (width, height) == tuple(round(2 * side) for side in size)
        assert round(per_metre * 0.0254) == 144


def test_a_notebook_gets_the_three_kinds_that_a_report_embeds(drawn):
    bundle = drawn["bands"]._repr_mimebundle_()
    image = re.fullmatch(
        r'<img alt="(.*)" src="data:image/svg\+xml;base64,(.*)">', bundle["text/html"]
    )

    assert list(bundle) == ["text/html", "image/png", "text/plain"]
    assert image[1] == bundle["text/plain"] == drawn["bands"].alt
    assert base64.b64decode(image[2]).decode() == drawn["bands"].svg
    assert base64.b64decode(bundle["image/png"]) == drawn["bands"].png


def test_ids_in_a_picture_depend_on_the_picture_alone(drawn):
    again = every_kind(WORDS)

    assert {name: one.svg for name, one in again.items()} == {n: o.svg for n, o in drawn.items()}
    assert {name: one.png for name, one in again.items()} == {n: o.png for n, o in drawn.items()}


def test_another_process_in_another_time_zone_draws_the_same(drawn):
    program = (
        "import hashlib, sys; sys.path.insert(0, 'tests'); import test_charts as t\n"
        "print(hashlib.sha256(t.every_kind(t.WORDS)['steps'].svg.encode()).hexdigest())"
    )
    environment = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "PATH": ""}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=__file__.rpartition("/tests/")[0],
    )

    assert ran.stdout.strip() == hashlib.sha256(drawn["steps"].svg.encode()).hexdigest()


def test_a_column_that_is_not_drawn_is_in_no_part_of_a_figure():
    figure = charts.bands(THEMES.assign(who="Canary Bird"), "theme", "informants", WORDS)

    assert "Debt" in figure.svg
    assert "Canary" not in figure.svg + figure.alt + str(figure._repr_mimebundle_())


def test_answers_on_a_scale_meet_at_zero_in_the_middle_of_the_middle_one():
    table = pd.DataFrame(
        {"item": ["A"], "no": [share(0.2)], "half": [share(0.2)], "yes": [share(0.6)]}
    )

    parts = list(charts._spans(table, "item", ["no", "half", "yes"]))

    assert [(round(p["low"][0], 6), round(p["high"][0], 6)) for p in parts] == [
        (-0.3, -0.1),
        (-0.1, 0.1),
        (0.1, 0.7),
    ]


def test_a_share_of_published_figures_is_drawn_like_an_estimate():
    table = pd.DataFrame(
        {"item": ["Goals"], "no": [Share(8, 18, "published", "census")]}
        | {"yes": [Share(10, 18, "published", "census")]}
    )

    assert "Goals: yes 56%" in charts.likert(table, "item", ["no", "yes"], WORDS).alt


def test_what_is_written_is_escaped():
    words = Words("Debt & <threats>", source="A & B", invented=True)

    figure = charts.bands(THEMES, "theme", "informants", words)

    assert "A &amp; B" in figure.svg
    assert (
        'alt="Bar chart in bands. Debt &amp; &lt;threats&gt;.'
        in (figure._repr_mimebundle_()["text/html"])
    )
