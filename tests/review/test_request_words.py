"""An instant answer in words: what fits where, what would lose its place, and by how much, when and why it does not."""

from __future__ import annotations

from typing import Any

from capacity.allocation.domain.solution import SmallestChange
from capacity.lib.horizon import Week
from capacity.review.reasons import change_row
from capacity.review.request_form import change_word, taken_change
from capacity.review.request_words import change_sentence, change_words, more_words, sentence
from capacity.review.words import part, with_mondays

PLACED = [{"pool": "h100", "pool_name": "H100 us-central", "start": "2026-W51", "weeks": 6, "accelerators": 512}]
SHORT = {
    "code": "held",
    "pool_name": "H100 us-central",
    "domain": None,
    "week": "2027-W01",
    "needed": 128,
    "free": 124,
    "short_by": 4,
    "supply": 1000,
    "holders": [
        {"kind": "serving", "key": "", "name": "", "accelerators": 616},
        {"kind": "run", "key": "E-1", "name": "Base run", "accelerators": 256},
        {"kind": "run", "key": "E-4", "name": "Probe", "accelerators": 4},
    ],
}


def said(code: str, **more: Any) -> str:
    return sentence({"code": code, "placed": PLACED, "displaces": [], "accelerator_weeks": 3072, **more})


def test_a_request_that_fits_says_where_and_that_nothing_moves() -> None:
    assert said("fits") == "Fits from 14 Dec in H100 us-central; nothing is moved."


def test_weeks_of_another_year_than_the_reader_s_carry_it() -> None:
    assert "week of 4 Jan 2027, because" in sentence({"code": "no_place", "no_place": SHORT}, year=2026)
    assert "week of 4 Jan, because" in sentence({"code": "no_place", "no_place": SHORT}, year=2027)
    later = {"change": "later_start", "start": "2027-W05", "fits_from": "2027-W05", "fits_in": "H100 us-central"}
    later["text"] = change_words(later, "", year=2026)
    assert change_sentence(later, year=2026) == "Start on 1 Feb 2027: fits in H100 us-central"
    shorter = {"change": "shorter", "weeks": 3, "text": "Run for 3 weeks", "fits_from": "2027-W05", "fits_in": "H100"}
    assert change_sentence(shorter, year=2026) == "Run for 3 weeks: fits from 1 Feb 2027 in H100"


def test_a_stored_change_is_told_by_the_name_of_its_pool() -> None:
    stored = change_row(SmallestChange("other_pool", pool="h100-p", accelerators=64), {"h100-p": "H100 Prairie"})
    assert (stored["pool"], stored["pool_name"]) == ("h100-p", "H100 Prairie")
    assert part("smallest_changes", stored) == "Accept H100 Prairie with 64 accelerators"
    supply = SmallestChange("more_supply", pool="h100-p", accelerators=8, from_=Week.parse("2026-W50"), weeks=3)
    told = "Add 8 accelerators to H100 Prairie from 7 Dec for 3 weeks"
    assert part("smallest_changes", change_row(supply, {"h100-p": "H100 Prairie"}), year=2026) == told
    assert (
        part("smallest_changes", {"change": "other_pool", "pool": "h100-p", "text": "Accept pool h100-p"})
        == "Accept h100-p"
    )


def test_weeks_in_a_stored_sentence_are_written_by_their_monday() -> None:
    text = "124 of 128 accelerators are free in 2026-W50, short by 4, from 2027-W01 (week 2026-W51)."
    assert with_mondays(text, year=2026) == (
        "124 of 128 accelerators are free in the week of 7 Dec, short by 4, from 4 Jan 2027 (week 14 Dec)."
    )
    assert with_mondays("L2026-W501, 2026-W99 and E2026-W50", year=2026) == "L2026-W501, 2026-W99 and E2026-W50"


def test_what_would_lose_its_place_is_named_with_its_class() -> None:
    moved = [{"key": "E-9", "name": "Sweep", "tier": "P3"}]
    assert said("displaces", displaces=moved).endswith("the place of 1 request of a lower class: Sweep (E-9, P3).")


def test_divisible_work_says_how_much_of_it_has_room() -> None:
    assert said("part", accelerator_weeks=4000).endswith("3,072 of 4,000 accelerator-weeks have room.")


def test_divisible_work_that_takes_others_places_names_them_too() -> None:
    moved = [{"key": "E-9", "name": "Sweep", "tier": "P3"}]
    assert said("part", accelerator_weeks=4000, displaces=moved) == (
        "Fits in part from 14 Dec in H100 us-central: 3,072 of 4,000 accelerator-weeks have room. "
        "It takes the place of 1 request of a lower class: Sweep (E-9, P3)."
    )


def test_what_does_not_fit_says_by_how_much_when_and_who_has_it() -> None:
    assert said("no_place", no_place=SHORT) == (
        "Does not fit, short by 4 in the week of 4 Jan, because of 1,000 in H100 us-central, 616 are with serving, "
        "256 are with Base run (E-1) and 4 are with Probe (E-4); 124 are left."
    )


def test_a_domain_that_is_too_small_and_a_floor_are_said_as_such() -> None:
    large = said("no_place", no_place={**SHORT, "code": "too_large", "domain": "a", "supply": 64})
    assert "no network domain it may use is that large: H100 us-central, domain a has 64." in large
    kept = [{"kind": "floor", "key": "development", "name": "Model development", "accelerators": 300}]
    floor = said("no_place", no_place={**SHORT, "code": "kept_by_floor", "holders": kept})
    assert "300 are kept by the floor Model development" in floor


def test_who_is_ahead_is_told_by_class_and_size_and_nothing_was_solved() -> None:
    ahead = [{"tier": "P0", "requests": 2, "accelerator_weeks": 900}]
    assert more_words({"ahead": ahead}) == (
        "In its pools and weeks the plan already has 2 P0 requests of 900 accelerator-weeks. "
        "Everything else is held as the plan has it; the next plan decides."
    )


def test_a_change_says_where_it_then_lies_and_its_button_takes_it_into_the_form() -> None:
    change = {"change": "shorter", "weeks": 3, "text": "Run for 3 weeks"}
    told = change_sentence({**change, "fits_from": "2026-W51", "fits_in": "H100 us-central", "displaces": 1})
    assert (
        told
        == "Run for 3 weeks: fits from 14 Dec in H100 us-central, and takes the place of 1 request of a lower class"
    )
    assert change_word(change) == "shorter:3"
    assert taken_change({"weeks": "6"}, "shorter:3") == {"weeks": "3"}
    assert taken_change({"weeks": "6"}, "everything:3") == {"weeks": "6"}
    assert change_word({"change": "more_supply", "accelerators": 8}) == ""
    assert change_word({"change": "preemptible"}) == "preemptible"
    assert taken_change({}, "preemptible") == {"preemptible": "true"}
