"""The main job and the reviewer's rerun, on a small study that is built for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from ctresearch import build, runs
from ctresearch.study import Study
from ctresearch.verify import verify


def done(study: Study) -> list[str]:
    """What one call of the main job had to do."""
    return [step.name for step in build.build(study) if step.done]


def take_back(study: Study, code: str) -> None:
    """Undo every coding of a code in Suriname, as a coder would: by a `del` for each."""
    for log in sorted((study.country("suriname").folder / "codings").glob("*.jsonl")):
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        undone = [
            {"id": f"0{line['id'][1:-2]}ZZ", "op": "del", "of": line["id"]}
            | {key: line[key] for key in ("at", "by", "v")}
            for line in lines
            if line["op"] == "add" and line["code"] == code
        ]
        with log.open("a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(line) + "\n" for line in undone)


def test_a_report_comes_out_in_three_formats(built):
    formats = {path.suffix for path in build.results(built, "trial")}

    assert formats == {".html", ".docx", ".pdf"}


def test_a_second_build_has_nothing_to_do(built_copy):
    done(built_copy)

    assert done(built_copy) == []


def test_a_touched_file_that_did_not_change_leaves_nothing_to_do(built_copy):
    done(built_copy)
    (built_copy.country("suriname").folder / "media.csv").touch()

    assert done(built_copy) == []


def test_a_changed_media_log_reruns_what_depends_on_it_and_nothing_else(built_copy):
    done(built_copy)
    log = built_copy.country("suriname").folder / "media.csv"
    rows = log.read_text(encoding="utf-8").splitlines(keepends=True)
    log.write_text("".join(rows[:-1]), encoding="utf-8")

    assert set(done(built_copy)) == {
        "check",
        "run suriname/media",
        "run suriname/country",
        "run study/region",
        "release trial",
        "render trial",
    }


def test_deleting_what_was_rendered_brings_it_back(built_copy):
    done(built_copy)
    page = built_copy.reports / "trial" / "_book" / "index.html"
    before = page.read_bytes()
    page.unlink()
    again = done(built_copy)

    assert (again, page.read_bytes()) == (["render trial"], before)


def test_a_build_made_twice_has_the_same_bytes(built, built_copy):
    list(build.build(built_copy, fresh=True))
    folders = ("reports/trial/released", "reports/trial/_book")

    differ = [
        path.relative_to(built.root).as_posix()
        for folder in folders
        for path in (built.root / folder).rglob("*")
        if path.is_file()
        and path.read_bytes() != (built_copy.root / path.relative_to(built.root)).read_bytes()
    ]
    assert differ == []


def test_nothing_that_is_released_tells_whose_machine_it_was(built):
    released = built.reports / "trial" / "released"
    texts = "".join(p.read_text(encoding="utf-8") for p in released.rglob("*") if p.is_file())

    assert os.fspath(built.root) not in texts


def test_what_was_released_holds_when_nothing_changed(built):
    verdict = verify(built, ["trial"])

    assert (verdict.holds, verdict.checked["notebooks"]) == (True, 2)


def test_a_coding_that_moves_a_band_is_told_with_the_sentence_before_and_after(built_copy):
    take_back(built_copy, "recruitment.deception")
    verdict = verify(built_copy, ["trial"])

    told = {each.where: (each.before, each.after) for each in verdict.of_kind("finding")}
    before, after = told["suriname.recruitment-deception; reports/trial/index.qmd, line 3"]
    assert re.search(r"\d+ to \d+ of the key informants", before)
    assert "none of the key informants" in after


def test_a_coding_that_moves_no_band_is_told_as_a_changed_input_and_every_sentence_holds(
    built_copy,
):
    log = sorted((built_copy.country("suriname").folder / "codings").glob("*.jsonl"))[0]
    lines = log.read_text(encoding="utf-8").splitlines()
    of = json.loads(lines[0])
    memo = {"id": f"0{of['id'][1:-2]}ZY", "op": "memo", "of": of["id"], "words": {"memo": "look"}}
    line = memo | {key: of[key] for key in ("at", "by", "v")}
    log.write_text("\n".join([*lines, json.dumps(line)]) + "\n", encoding="utf-8")
    verdict = verify(built_copy, ["trial"])

    told = [each.where for each in verdict.differences]
    assert (told, verdict.sentences_hold, verdict.holds) == (
        [built_copy.shown(log)],
        True,
        False,
    )


def test_the_command_ends_with_1_and_says_that_every_sentence_still_holds(built_copy):
    guide = built_copy.instruments / "codebook.toml"
    guide.write_text(guide.read_text(encoding="utf-8") + "\n# a remark\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "ctresearch.cli", "verify", "trial"],
        cwd=built_copy.root,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "instruments/codebook.toml" in ended.stdout
    assert "Every printed sentence still holds." in ended.stdout
    assert "Next: " in ended.stdout


def test_a_sentence_typed_into_the_variables_is_found(built_copy):
    path = built_copy.reports / "trial" / "_variables.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("1 to 4", "5 to 9", 1), encoding="utf-8")
    verdict = verify(built_copy, ["trial"])

    assert [each.kind for each in verdict.differences] == ["variable"]


def test_a_table_altered_after_its_release_is_found(built_copy):
    folder = built_copy.reports / "trial" / "released" / "suriname" / "media"
    table = folder / "flow-table.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("6", "7", 1), encoding="utf-8")
    verdict = verify(built_copy, ["trial"])

    assert [each.kind for each in verdict.differences] == ["table"]


def test_an_output_altered_after_its_release_is_found_and_shown_where_it_parts(built_copy):
    path = built_copy.reports / "trial" / "released" / "suriname" / "media.ipynb"
    text = path.read_text(encoding="utf-8")
    assert "Relevant" in text
    path.write_text(text.replace("Relevant", "Relevent"), encoding="utf-8")
    found = verify(built_copy, ["trial"]).differences

    assert {each.kind for each in found} == {"output", "page"}
    assert any("Relevent" in each.before for each in found)


def test_a_number_changed_in_a_rendered_page_is_found_with_the_words_around_it(built_copy):
    page = built_copy.reports / "trial" / "_book" / "index.html"
    said = re.search(r"(\d+) to \d+ of the key", page.read_text(encoding="utf-8"))
    page.write_text(page.read_text(encoding="utf-8").replace(said[0], f"9{said[0]}"))
    (found,) = verify(built_copy, ["trial"]).of_kind("page")

    assert (f"9{said[0]}" in found.before, said[0] in found.after) == (True, True)


def test_a_report_that_is_not_rendered_here_is_told_as_not_checked(built_copy):
    shutil.rmtree(built_copy.reports / "trial" / "_book")
    verdict = verify(built_copy, ["trial"])

    assert (verdict.holds, list(verdict.unchecked)) == (True, ["reports/trial"])


def test_a_sample_is_the_same_for_the_same_seed_and_says_what_it_left_out(built_copy):
    once, again = (verify(built_copy, ["trial"], sample=1, seed=5) for _ in range(2))

    assert once.unchecked == again.unchecked
    assert (once.checked["notebooks"], list(once.unchecked.values())) == (1, ["it was not drawn"])
    assert once.conclusion == "Every sentence that was checked still holds; not all were."


def test_the_verdict_is_left_as_a_page_and_as_json_with_the_sentences_before_and_after(built_copy):
    take_back(built_copy, "recruitment.deception")
    (before, after), *_ = [
        (each.before, each.after) for each in verify(built_copy, ["trial"]).of_kind("finding")
    ]

    page = (built_copy.build / "verdict.html").read_text(encoding="utf-8")
    told = json.loads((built_copy.build / "verdict.json").read_text(encoding="utf-8"))
    assert before in page
    assert after in page
    assert before in {each["before"] for each in told["differences"]}


def test_verify_leaves_the_results_of_the_build_alone(built_copy):
    record = built_copy.build / "suriname" / "media" / "run.json"
    before = record.stat().st_mtime_ns
    verify(built_copy, ["trial"])

    assert record.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["interviews", "media"])
def test_the_released_record_names_every_input(built, name):
    record = built.reports / "trial" / "released" / "suriname" / name / runs.RECORD
    named = json.loads(record.read_text(encoding="utf-8"))["inputs"]

    folder = built.country("suriname").folder
    read = {"interviews": ["interviews.csv", "codings", "interviews"], "media": ["media.csv"]}
    assert all(any(built.shown(folder / part) in path for path in named) for part in read[name])


def test_one_country_is_verified_though_another_report_has_nothing_of_it(built_copy):
    other = built_copy.reports / "law"
    kept = other / "released" / "belize" / "law"
    shutil.copytree(built_copy.build / "belize" / "law", kept)
    (kept / "law.ipynb").rename(kept.parent / "law.ipynb")
    verdict = verify(built_copy, ["trial", "law"], ["suriname"])

    assert (verdict.checked["notebooks"], verdict.holds) == (2, True)
