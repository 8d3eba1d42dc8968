"""Double coding: nobody sees another's work before all have locked, and nothing settled is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctresearch import coding, double
from ctresearch.double import Decision
from ctresearch.instruments import Code, Codebook
from ctresearch.problems import ResearchError
from ctresearch.study import Country, Study

TEXT = "I: How?\nR: They paid a café 😀 owner.\nI: And then?\nR: Then they owed her 😀 money.\n"
INTERVIEW = "JAM-KI-03"
BEGAN = datetime(2005, 2, 1, tzinfo=UTC)
BOOK = Codebook(
    version="test",
    codes=tuple(
        Code(id=name, label={"en": name}, merged_into=into, retired=gone)
        for name, into, gone in (
            *(("debt", "", ""), ("threats", "", "")),
            *(("dues", "debt", "test"), ("spells", "", "test")),
        )
    ),
)
PEOPLE = (
    *("id", "date_month", "sector", "role_band", "sex", "age_band", "mode", "language"),
    *("interpreter", "consent", "script_version", "withdrawn_on", "definition_asked_first"),
    *("own_definition_turn", "respondent", "ethics_approval", "referral_contact"),
)


def listed(country, count):
    """interviews.csv with that many interviews: JAM-KI-01, …"""
    usual = {"date_month": "2004-10", "sector": "health", "consent": "analysis", "sex": "female"}
    usual |= {"mode": "in_person", "language": "en", "interpreter": "no", "age_band": "30-44"}
    usual |= {"definition_asked_first": "no", "respondent": "key_informant"}
    rows = [
        dict.fromkeys(PEOPLE, "")
        | {"role_band": "front line", "script_version": "2005-03"}
        | usual
        | {"id": f"JAM-KI-{n:02}"}
        for n in range(1, count + 1)
    ]
    pd.DataFrame(rows).to_csv(country.folder / "interviews.csv", index=False)


@pytest.fixture
def country(tmp_path):
    """A country with a transcript, JAM-KI-03, drawn for coders ap and mk."""
    return a_country(tmp_path)


def a_country(folder: Path) -> Country:
    place = Country(Study(folder), "jamaica", folder / "research/countries/jamaica")
    (place.folder / "interviews").mkdir(parents=True)
    (place.folder / "country.toml").write_text(
        'name = "Jamaica"\niso3 = "JAM"\nprogramme = true\nevidence = "invented"\n'
        'languages = ["en"]\ntile = [0, 0]\n'
    )
    (place.folder / f"interviews/{INTERVIEW}.txt").write_text(TEXT, encoding="utf-8")
    listed(place, 8)
    drawn_for(place, "ap mk")
    return place


def drawn_for(country, coders):
    content = f"interview,coders\n{INTERVIEW},{coders}\n"
    (country.folder / "double.csv").write_text(content)


def at(country, by, *lines, text=TEXT):
    """Write lines into a log: (seconds, op, what it needs); the lines as they were made."""
    log = country.folder / "codings" / f"{INTERVIEW}.{by}.jsonl"
    log.parent.mkdir(exist_ok=True)
    made = [
        coding.line(op, by, needs.pop("text", text), at=BEGAN + timedelta(seconds=n), **needs)
        for n, op, needs in lines
    ]
    with log.open("a", encoding="utf-8", newline="\n") as stream:
        stream.writelines(map(str, made))
    return made


def add(n, start, end, code="debt", **given):
    return (n, "add", {"start": start, "end": end, "code": code, **given})


def lock(n):
    return (n, "lock", {})


def compared(country):
    """Each stretch as 'code start-end kind who'."""
    return [
        f"{one.code} {one.start}-{one.end} {one.kind} {' '.join(one.marked)}"
        for one in double.compare(country, INTERVIEW, BOOK)
    ]


def consensus(country):
    path = country.folder / "codings" / f"{INTERVIEW}.consensus.jsonl"
    lines = [coding.Line.model_validate_json(raw) for raw in path.read_text().splitlines()]
    return [(one.code, one.start, one.end, one.settled) for one in coding.replay(lines)]


def states(country):
    return [one.consensus for one in double.compare(country, INTERVIEW, BOOK)]


# The draw


def test_the_same_seed_draws_the_same_interviews(country):
    first = double.draw(country, ["ap", "mk"], 0.5, 7)
    (country.folder / "double.csv").unlink()

    assert double.draw(country, ["ap", "mk"], 0.5, 7) == first


@pytest.mark.parametrize(("share", "drawn"), [(0.01, 1), (0.25, 2), (0.5, 4), (1, 8)])
def test_a_share_of_the_interviews_is_drawn_and_one_at_least(country, share, drawn):
    assert len(double.draw(country, ["ap", "mk"], share, 7)) == drawn


def test_a_greater_share_adds_to_a_smaller_one(country):
    smaller, greater = (double.draw(country, ["ap", "mk"], share, 7) for share in (0.25, 0.75))

    assert set(smaller) < set(greater)


def test_an_assignment_once_made_stays_when_more_are_drawn(country):
    drawn_for(country, "ls mk")
    double.draw(country, ["ap", "mk"], 1, 7)

    assert {double.coders_of(country, INTERVIEW), double.coders_of(country, "JAM-KI-01")} == {
        ("ls", "mk"),
        ("ap", "mk"),
    }


def test_how_an_interview_was_drawn_is_written_beside_it(country):
    double.draw(country, ["ap", "mk"], 0.5, 7)

    assert set(double.assignments(country)["drawn"]) == {"", "seed 7, 0.5 of 8"}


def test_a_draw_that_makes_no_sense_is_refused_with_every_fault(country):
    before = (country.folder / "double.csv").read_text()
    with pytest.raises(ResearchError) as refused:
        double.draw(country, ["../AP"], 25, 7)

    assert (len(refused.value.problems), (country.folder / "double.csv").read_text()) == (3, before)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("JAM-KI-9,ap mk", "Did you mean 'JAM-KI-0"),
        ("JAM-KI-01,ap", "Write it like ap mk"),
        ("JAM-KI-01,ap consensus", "Write it like ap mk"),
        ("JAM-KI-03,ap mk", "Give each row its own"),
    ],
)
def test_a_row_of_double_csv_that_is_not_right_is_named(country, row, said):
    with (country.folder / "double.csv").open("a") as stream:
        stream.write(row + "\n")

    with pytest.raises(ResearchError, match=r"double.csv, row [23], column '\w+'[^→]*→.*" + said):
        double.assignments(country)


# Blindness


def test_a_coder_of_a_drawn_interview_sees_their_own_log_alone(country):
    at(country, "ap", add(1, 11, 20), lock(2))
    at(country, "mk", add(1, 11, 20))

    assert [double.visible(country, INTERVIEW, by) for by in ("ap", "mk")] == [{"ap"}, {"mk"}]


def test_all_see_all_when_the_last_has_locked(country):
    at(country, "ap", lock(2))
    at(country, "mk", lock(3))

    assert double.visible(country, INTERVIEW, "ap") == {"ap", "mk", "consensus"}


def test_an_interview_that_was_not_drawn_is_open_to_everybody(country):
    (country.folder / "double.csv").unlink()
    at(country, "ap", add(1, 11, 20))

    assert double.visible(country, INTERVIEW, "mk") == {"ap", "mk", "consensus"}


def test_whoever_is_not_assigned_sees_nothing_either_before_it_is_open(country):
    at(country, "ap", lock(2))

    assert double.visible(country, INTERVIEW, "zz") == {"zz"}


def test_locking_and_unlocking_again_leaves_it_closed(country):
    at(country, "mk", add(1, 11, 20))
    double.lock(country, INTERVIEW, "ap", BOOK)
    double.unlock(country, INTERVIEW, "ap", BOOK)
    double.lock(country, INTERVIEW, "mk", BOOK)

    assert (double.locked(country, INTERVIEW), double.is_open(country, INTERVIEW)) == (
        {"mk"},
        False,
    )


def test_what_was_open_once_stays_open(country):
    for by in ("ap", "mk"):
        double.lock(country, INTERVIEW, by, BOOK)
    double.unlock(country, INTERVIEW, "ap", BOOK)

    assert (double.locked(country, INTERVIEW), double.is_open(country, INTERVIEW)) == ({"mk"}, True)


def test_a_locked_log_takes_no_more_and_a_log_without_a_lock_cannot_be_unlocked(country):
    double.lock(country, INTERVIEW, "ap", BOOK)
    with pytest.raises(ResearchError, match="ap has locked this interview"):
        double.must_be_unlocked(country, INTERVIEW, "ap")
    with pytest.raises(ResearchError, match="it is not locked"):
        double.unlock(country, INTERVIEW, "mk", BOOK)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["ap", "mk"]), st.booleans()), max_size=8))
def test_nobody_ever_sees_another_s_work_before_both_have_locked(tmp_path_factory, steps):
    country = a_country(tmp_path_factory.mktemp("blind"))
    held: dict[str, bool] = {"ap": False, "mk": False}
    opened = False
    for by, wish in steps:
        if held[by] != wish:
            (double.lock if wish else double.unlock)(country, INTERVIEW, by, BOOK)
            held[by] = wish
        opened = opened or all(held.values())

        assert double.is_open(country, INTERVIEW) == opened


# What was locked


def test_agreement_rests_on_what_was_locked_and_not_on_what_was_changed_afterwards(country):
    (first, _) = at(country, "ap", add(1, 11, 20), lock(2))
    at(country, "mk", add(1, 11, 20), lock(3))
    at(country, "ap", (4, "del", {"of": first.id}), add(5, 30, 34), lock(6))

    assert compared(country) == ["debt 11-20 agreed ap mk"]


def test_what_was_changed_before_the_lock_that_opened_it_counts(country):
    (_, held) = at(country, "ap", add(1, 11, 20), lock(2))
    at(country, "ap", (3, "del", {"of": held.id}), add(4, 30, 34), lock(5))
    at(country, "mk", lock(9))

    assert compared(country) == ["debt 11-20 only ap", "debt 30-34 only ap"]


def test_who_has_not_locked_is_named_and_nothing_shown(country):
    at(country, "ap", add(1, 11, 20), lock(2))
    at(country, "mk", add(1, 11, 20))

    with pytest.raises(ResearchError, match=f"{INTERVIEW}\n  not locked by mk"):
        double.compare(country, INTERVIEW, BOOK)


def test_an_interview_coded_by_one_alone_is_not_compared(country):
    (country.folder / "double.csv").unlink()
    at(country, "ap", lock(2))

    with pytest.raises(ResearchError, match="coded by ap alone"):
        double.compare(country, INTERVIEW, BOOK)


def test_codings_of_a_corrected_transcript_are_followed_to_where_they_were_placed(country):
    old = "I: So?\n" + TEXT
    (first, _) = at(country, "ap", add(1, 18, 27), lock(2), text=old)
    at(country, "mk", lock(3))
    with pytest.raises(ResearchError, match="codings not placed in it yet: 1"):
        double.compare(country, INTERVIEW, BOOK)
    at(country, "ap", (9, "move", {"of": first.id, "start": 11, "end": 20}))
    at(country, "ap", (10, "move", {"of": first.id, "start": 0, "end": 2}))

    assert compared(country) == ["debt 11-20 only ap"]


# Comparing


@pytest.mark.parametrize(
    ("ap", "mk", "found"),
    [
        ([(11, 20)], [(11, 20)], ["debt 11-20 agreed ap mk"]),
        ([(11, 20)], [], ["debt 11-20 only ap"]),
        ([], [(11, 20)], ["debt 11-20 only mk"]),
        ([(11, 20)], [(12, 25)], ["debt 11-25 borders ap mk"]),
        ([(11, 15)], [(15, 20)], ["debt 11-15 only ap", "debt 15-20 only mk"]),
        ([(11, 14), (16, 20)], [(11, 20)], ["debt 11-20 borders ap mk"]),
        ([(11, 16), (12, 20)], [(11, 20)], ["debt 11-20 agreed ap mk"]),
    ],
)
def test_two_coders_agree_differ_in_borders_or_are_alone(country, ap, mk, found):
    for by, spans in (("ap", ap), ("mk", mk)):
        at(country, by, *(add(n, *span) for n, span in enumerate(spans)), lock(9))

    assert compared(country) == found


def test_of_three_coders_two_alike_are_not_all(country):
    drawn_for(country, "ap ls mk")
    for by, spans in {"ap": [(11, 20)], "ls": [(11, 20)], "mk": []}.items():
        at(country, by, *(add(n, *span) for n, span in enumerate(spans)), lock(9))

    assert compared(country) == ["debt 11-20 only ap ls"]


def test_a_merged_code_is_compared_as_the_one_that_took_it_in(country):
    at(country, "ap", add(1, 11, 20, code="dues"), lock(9))
    at(country, "mk", add(1, 11, 20), lock(9))

    assert compared(country) == ["debt 11-20 agreed ap mk"]


# Settling


@pytest.fixture
def disputed(country):
    """ap and mk agree on 11-20, differ in the borders of 30-40, and ap alone has threats."""
    at(country, "ap", add(1, 11, 20), add(2, 30, 38), add(3, 50, 60, "threats"), lock(9))
    at(country, "mk", add(1, 11, 20), add(2, 32, 40), lock(9))
    return country


def test_a_code_that_was_retired_is_not_compared(country):
    at(country, "ap", add(1, 11, 20, code="spells"), lock(9))
    at(country, "mk", lock(9))

    assert compared(country) == []


def test_what_was_agreed_is_taken_over_and_the_rest_left_open(disputed):
    left = double.settle(disputed, INTERVIEW, "ls", BOOK)

    assert (left, consensus(disputed)) == (2, [("debt", 11, 20, "ap mk")])


def test_settling_twice_writes_nothing_twice(disputed):
    for _ in range(2):
        double.settle(disputed, INTERVIEW, "ls", BOOK)

    assert consensus(disputed) == [("debt", 11, 20, "ap mk")]


def test_who_settled_stands_in_the_log(disputed):
    left = double.settle(disputed, INTERVIEW, "ls", BOOK, [Decision("debt", 30, 40)])

    assert (left, consensus(disputed)[-1]) == (1, ("debt", 30, 40, "ls"))


def test_a_dropped_stretch_is_settled_and_not_in_the_consensus(disputed):
    drop = Decision("threats", 50, 60, keep=False)
    double.settle(disputed, INTERVIEW, "ls", BOOK, [drop])

    assert (states(disputed), len(consensus(disputed))) == (["kept", "open", "dropped"], 1)


def test_who_dropped_a_stretch_stands_in_the_log_too(disputed):
    drop = Decision("threats", 50, 60, keep=False, memo="He speaks of the police.")
    double.settle(disputed, INTERVIEW, "ls", BOOK, [drop])
    last = (disputed.folder / f"codings/{INTERVIEW}.consensus.jsonl").read_text().splitlines()[-1]

    assert all(part in last for part in ('"op":"del"', '"settled":"ls"'))


def test_a_later_decision_takes_the_place_of_an_earlier_one(disputed):
    for decision in (
        Decision("debt", 30, 38),
        Decision("debt", 32, 40),
        Decision("threats", 50, 60, keep=False),
        Decision("threats", 52, 60),
    ):
        double.settle(disputed, INTERVIEW, "ls", BOOK, [decision])

    assert [row[:3] for row in consensus(disputed)] == [
        ("debt", 11, 20),
        ("debt", 32, 40),
        ("threats", 52, 60),
    ]


def test_one_stretch_may_be_settled_in_pieces(disputed):
    pieces = [Decision("debt", 30, 33), Decision("debt", 36, 40)]
    double.settle(disputed, INTERVIEW, "ls", BOOK, pieces)

    assert (len(consensus(disputed)), states(disputed)) == (3, ["kept", "kept", "open"])


def test_what_both_marked_may_be_dropped_by_a_person(disputed):
    double.settle(disputed, INTERVIEW, "ls", BOOK, [Decision("debt", 11, 20, keep=False)])
    double.settle(disputed, INTERVIEW, "ls", BOOK)

    assert states(disputed) == ["dropped", "open", "open"]


@pytest.mark.parametrize("keep", [True, False])
def test_what_was_settled_can_be_opened_again(disputed, keep):
    double.settle(disputed, INTERVIEW, "ls", BOOK, [Decision("threats", 50, 60, keep=keep)])
    last = double.compare(disputed, INTERVIEW, BOOK)[-1]
    double.reopen(disputed, INTERVIEW, BOOK, last)

    assert (states(disputed)[-1], len(consensus(disputed))) == ("open", 1)


def test_what_a_locked_consensus_does_not_hold_was_dropped_until_it_is_opened_again(disputed):
    at(disputed, "consensus", add(20, 11, 20), lock(21))
    before = states(disputed)
    double.reopen(disputed, INTERVIEW, BOOK, double.compare(disputed, INTERVIEW, BOOK)[-1])

    assert (before, states(disputed)) == (["kept", "dropped", "dropped"], ["kept", "open", "open"])


@pytest.mark.parametrize(
    ("by", "decision", "said"),
    [
        ("ls", Decision("debt", 60, 70), "nobody marked 60 to 70 with 'debt'"),
        ("ls", Decision("debt", 30, 999), "nobody marked 30 to 999 with 'debt'"),
        ("../x", Decision("debt", 30, 40), "cannot name who settles"),
        ("consensus", Decision("debt", 30, 40), "cannot name who settles"),
    ],
)
def test_a_decision_that_fits_nothing_is_refused_and_nothing_written(disputed, by, decision, said):
    with pytest.raises(ResearchError, match=said):
        double.settle(disputed, INTERVIEW, by, BOOK, [decision])

    assert not (disputed.folder / f"codings/{INTERVIEW}.consensus.jsonl").exists()


def test_nothing_is_settled_before_all_have_locked(country):
    at(country, "ap", add(1, 11, 20), lock(2))
    with pytest.raises(ResearchError, match="not locked by mk"):
        double.settle(country, INTERVIEW, "ls", BOOK)
