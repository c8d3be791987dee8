"""The file form of a contract: what is refused, where, and that the page's own example is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from contracts.domain.contract_file import ContractFileError, agreement_from_bytes
from tests.domain.contracts.examples import PROJECT, changed, result


def at(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(contract: dict[str, Any]) -> None:
        place: Any = contract
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def without(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(contract: dict[str, Any]) -> None:
        place: Any = contract
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


V = ("versions", 0)
LINE, STREAM, TRAFFIC = (*V, "price_lines", 0), (*V, "streams", 0), (*V, "streams", 0, "traffic")
UNIT, COMMITMENT = (*V, "unit_lines", 0), (*V, "commitments", 0)
S1, S2, S4, S10, S11, S13 = (
    "S01-pay-as-you-go",
    "S02-committed-spend",
    "S04-provisioned-throughput",
    "S10-take-or-pay",
    "S11-ramp",
    "S13-service-credits",
)
BAD: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    (S1, at("version", value=2), "$.version"),
    (S1, without("starts"), "$.starts"),
    (S1, at("extra", value=1), "$.extra"),
    (S1, at("shape", value="gold"), "$.shape"),
    (S1, at("key", value="a b"), "$.key"),
    (S1, at("as_of", value="2026-W48"), "$.as_of"),
    (S1, at("ends", value="2026-12-01"), "$.ends"),
    (S1, at("ends", value="2077-12-01"), "$.ends"),
    (S1, at("first_week", value="2026-12-01"), "$.first_week"),
    (S1, at("weeks", value=521), "$.weeks"),
    (S1, at("time_zone", value="Mars/Base"), "$.time_zone"),
    (S1, at("months", value="week"), "$.months"),
    (S1, at("currency", value={"code": "EUR"}), "$.currency.usd_per_unit"),
    (S1, at("currency", value={"code": "USD", "usd_per_unit": 2}), "$.currency.usd_per_unit"),
    (S1, at("usd_per_accelerator_hour", value=-1), "$.usd_per_accelerator_hour"),
    (S1, at("profiles", 0, "decode_tokens_per_second", value=0), "$.profiles[0].decode_tokens_per_second"),
    (S1, at("profiles", 0, "utilisation_target", value=1.2), "$.profiles[0].utilisation_target"),
    (S1, at("profiles", 0, "utilisation_target", value=0), "$.profiles[0]"),
    (S1, lambda d: d["profiles"].append(d["profiles"][0]), "$.profiles"),
    (S1, at("expected", "p95_multiple", value=0.5), "$.expected.p95_multiple"),
    (S1, at("expected", "p90_multiple", value=2), "$.expected.p95_multiple"),
    (S1, at("expected", "p10_multiple", value=1.1), "$.expected.p10_multiple"),
    (S1, at("renewal", "probability", value=1.1), "$.renewal.probability"),
    (S1, at("lead_time", value={"p50_weeks": 9, "p90_weeks": 8}), "$.lead_time.p90_weeks"),
    (S1, at("versions", value=[]), "$.versions"),
    (S1, at("versions", value={}), "$.versions"),
    (S1, at(*V, "from", value="2026-12-02"), "$.versions[0].from"),
    (S1, lambda d: d["versions"].append({"from": "2026-12-01"}), "$.versions[1].from"),
    (S1, lambda d: d["versions"].append({"from": "2027-03-01"}), "$.versions[1].from"),
    (S1, lambda d: d["versions"].append({"from": "2027-01-01", "fee": 1}), "$.versions[1].fee"),
    (S1, at(*LINE, "price", value=-3), "$.versions[0].price_lines[0].price"),
    (S1, at(*LINE, "price", value="3.00"), "$.versions[0].price_lines[0].price"),
    (S1, at(*LINE, "price", value=10**13), "$.versions[0].price_lines[0].price"),
    (S1, at(*LINE, "meters", value=[]), "$.versions[0].price_lines[0].meters"),
    (S1, at(*LINE, "per", value=0), "$.versions[0].price_lines[0].per"),
    (S1, at(*LINE, "tiers", value=[{"price": 1}]), "$.versions[0].price_lines[0].price"),
    (S1, lambda d: d["versions"][0]["price_lines"].append(d["versions"][0]["price_lines"][0]), "$.versions[0]"),
    (S1, at(*STREAM, "profile", value="none"), "$.versions[0].streams[0].profile"),
    (S1, at(*STREAM, "latency_class", value="fast"), "$.versions[0].streams[0].latency_class"),
    (S1, at(*STREAM, "written_share", value=0.6), "$.versions[0].streams[0].written_share"),
    (S1, at(*STREAM, "growth_share_per_month", value=-1), "$.versions[0].streams[0].growth_share_per_month"),
    (S1, at(*TRAFFIC, "cache_hit_share", value=1.5), "$.versions[0].streams[0].traffic.cache_hit_share"),
    (S1, without(*TRAFFIC, "cache_hit_share"), "$.versions[0].streams[0].traffic.cache_hit_share"),
    (S1, at(*TRAFFIC, "peak_factor", value=0.5), "$.versions[0].streams[0].traffic"),
    (S1, without(*TRAFFIC, "output_tokens_per_second"), "$.versions[0].streams[0].traffic.output_tokens_per_second"),
    (S1, lambda d: d["versions"][0]["streams"].append(d["versions"][0]["streams"][0]), "$.versions[0].streams"),
    (S1, at(*V, "multiplier", value="2"), "$.versions[0].multiplier"),
    ("S07-batch", at(*STREAM, "batch", "jobs", 0, "due", value=3), "$.versions[0].streams[0].batch.jobs[0].due"),
    (S2, at(*COMMITMENT, "discount_share", value=1), "$.versions[0].commitments[0].discount_share"),
    (S2, at(*COMMITMENT, "line_keys", value=["gold"]), "$.versions[0].commitments[0].line_keys"),
    (S2, at(*COMMITMENT, "to", value="2026-12-31"), "$.versions[0].commitments[0].to"),
    (S2, at(*COMMITMENT, "period_months", value=0), "$.versions[0].commitments[0].period_months"),
    (S2, at(*COMMITMENT, "key", value="tokens"), "$.versions[0]"),
    (S2, at(*LINE, "key", value="commitment_true_up"), "$.versions[0]"),
    (S2, at("usage", 1, "from", value="2027-12-31"), "$.usage[1].from"),
    (S2, at("usage", 1, "to", value="2028-01-01"), "$.usage[1].to"),
    (S2, at("usage", 0, "quantities", "output_tokens", value=-1), "$.usage[0].quantities.output_tokens"),
    (S4, at(*UNIT, "units", value=101), "$.versions[0].unit_lines[0]"),
    (S4, at(*UNIT, "units", value=10), "$.versions[0].unit_lines[0]"),
    (S4, at(*UNIT, "stream", value="none"), "$.versions[0].unit_lines[0].stream"),
    (S4, at(*UNIT, "promise", "kind", value="gold"), "$.versions[0].unit_lines[0].promise.kind"),
    (S4, at(*UNIT, "promise", "output_weight", value=0), "$.versions[0].unit_lines[0].promise.output_weight"),
    (S10, at(*V, "take_or_pay", "line_key", value="gold"), "$.versions[0]"),
    (S10, at(*LINE, "max_quantity", value=9_999), "$.versions[0].take_or_pay.quantity"),
    (S11, at(*UNIT, "steps", 1, "from", value="2027-12-01"), "$.versions[0]"),
    (S11, at(*UNIT, "steps", 1, "from", value="2026-12-01"), "$.versions[0].unit_lines[0]"),
    (S13, at(*V, "sla", "chances", 0, "probability", value=1), "$.versions[0].sla.chances"),
    (
        S13,
        at("service", 0, value={"from": "2026-12-01", "to": "2027-01-01", "metric": "uptime", "availability": []}),
        "$.service[0]",
    ),
    (S13, at("service", 0, "metric", value="speed"), "$.service[0].metric"),
    ("S03-seats", at(*V, "seats", "segments", 0, "share", value=0.7), "$.versions[0].seats.segments"),
    ("S03-seats", at(*V, "seats", "fee_key", value="gold"), "$.versions[0].seats.fee_key"),
    (
        "mixed-amended",
        without("versions", 1, "burndown", 0, "weights", "output_tokens"),
        "$.versions[1].burndown[0].weights",
    ),
    ("mixed-amended", at(*V, "burndown", value=[]), "$.versions[0].burndown"),
    ("mixed-amended", at(*V, "burndown", 0, "from", value="2027-01-02"), "$.versions[0].burndown"),
]


def sentences(contract: dict[str, Any]) -> list[str]:
    with pytest.raises(ContractFileError) as refused:
        agreement_from_bytes(json.dumps(contract).encode())
    return refused.value.sentences


@pytest.mark.parametrize(("name", "change", "path"), BAD)
def test_bad_input_is_refused_with_its_path(name: str, change: Callable[[dict[str, Any]], Any], path: str) -> None:
    found = sentences(changed(name, change))
    assert any(sentence.startswith(f"{path}: ") for sentence in found), found
    assert all("\n" not in sentence and sentence.endswith(".") for sentence in found)


def test_all_errors_are_told_at_once() -> None:
    def change(contract: dict[str, Any]) -> None:
        contract["extra"] = 1
        contract["weeks"] = 0
        contract["versions"][0]["price_lines"][0]["price"] = None

    paths = {sentence.split(": ")[0] for sentence in sentences(changed(S1, change))}
    assert paths == {"$.extra", "$.weeks", "$.versions[0].price_lines[0].price"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e309", "1" * 5000, "1e-400", "1E999999999"])
def test_numbers_that_are_not_plain_are_refused(number: str) -> None:
    text = json.dumps(changed(S1, lambda contract: None)).replace('"price": 3.0', f'"price": {number}')
    with pytest.raises(ContractFileError) as refused:
        agreement_from_bytes(text.encode())
    assert [sentence.split(":")[0] for sentence in refused.value.sentences] == ["$.versions[0].price_lines[0].price"]


def test_a_name_given_twice_is_refused_and_a_byte_order_mark_is_not() -> None:
    text = json.dumps(changed(S1, lambda contract: None))
    agreement_from_bytes(b"\xef\xbb\xbf" + text.encode())
    with pytest.raises(ContractFileError) as refused:
        agreement_from_bytes(text.replace('"weeks": 16', '"weeks": 16, "weeks": 16').encode())
    assert refused.value.sentences == ['$: the name "weeks" is given twice.']


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe{\x00}\x00", b"[]", b"null", b'"x"', b"[" * 100_000, b"{} {}"])
def test_what_is_no_contract_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(ContractFileError) as refused:
        agreement_from_bytes(data)
    assert refused.value.sentences


def test_the_example_of_the_methods_page_is_assessed() -> None:
    text = (PROJECT / "docs" / "methods.md").read_text(encoding="utf-8").split("## Contract file")[1]
    block = "\n".join(re.findall(r"^    (.*)$", text.split("**The contract**")[0], re.MULTILINE))
    found = result(json.loads(block))
    # 21,000 M in at $3 and 4,000 M out at $15; expected use from February on
    assert found["bills"][0]["charged_usd"] == 123_000
    assert [line["key"] for line in found["bills"][8]["lines"]] == ["input", "output"]


def test_what_the_methods_page_says_of_fields_is_all_that_is_read() -> None:
    """Every name of the examples stands on the page."""
    page = (PROJECT / "docs" / "methods.md").read_text(encoding="utf-8").split("## Contract file")[1]
    names: set[str] = set()

    def gather(value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                names.add(name)
                if name not in ("quantities", "weights", "growing", "fixed"):
                    gather(inner)
        elif isinstance(value, list):
            for inner in value:
                gather(inner)

    for path in sorted((PROJECT / "contracts" / "examples").glob("*.json")):
        gather(json.loads(path.read_text(encoding="utf-8")))
    assert {name for name in names if f"`{name}`" not in page} == set()
