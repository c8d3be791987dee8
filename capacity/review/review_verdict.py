"""The review's one paragraph: both failure modes first, then what it costs and which promise breaks. Pure words.

Takes visible figures, so that a role reads only what it may: a hidden or banded amount is written as its word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capacity.lib.figures import Absent, share, thousands, usd
from capacity.review.sections import excess_sentence, short_sentence

Row = Mapping[str, Any]
HORIZON = 52
NEXT_WEEKS = 13


def verdict_sentences(
    *,
    pool_weeks: Sequence[Row],
    figures: Mapping[str, Row],
    names: Mapping[str, str],
    previous: Mapping[str, Row] | None,
) -> dict[str, str]:
    """promise, short, excess, money: the page sets the first two in bold. Empty where there is nothing to say."""
    return {
        "promise": promise_sentence(figures),
        "short": short_sentence(pool_weeks=pool_weeks, names=names, within=HORIZON) + _since(figures, previous) + ".",
        "excess": excess_sentence(pool_weeks=pool_weeks) + _idle_money(figures) + ".",
        "money": money_sentence(figures),
    }


def promise_sentence(figures: Mapping[str, Row]) -> str:
    """Whether every promise of the next 13 weeks is kept."""
    coverage = figures.get("metric:H1")
    if coverage is None or coverage["value"] is None or isinstance(coverage["value"], Absent):
        return "There is no committed need to cover in the next 13 weeks."
    if coverage["value"] >= 1:
        return f"Every promise that can be sized is kept for the next {NEXT_WEEKS} weeks."
    return (
        f"A promise breaks in the next {NEXT_WEEKS} weeks: {share(coverage['value'])} of its need is covered at worst."
    )


def _since(figures: Mapping[str, Row], previous: Mapping[str, Row] | None) -> str:
    """The change since the last frozen review, in accelerator-weeks."""
    if previous is None:
        return ""
    now, before = figures.get("total:shortfall"), previous.get("total:shortfall")
    if now is None or before is None or not _is_number(now["value"]) or not _is_number(before["value"]):
        return ""
    change = now["value"] - before["value"]
    if not change:
        return ", as in the last frozen review"
    word = "more" if change > 0 else "less"
    return f", {thousands(abs(change))} accelerator-weeks {word} than in the last frozen review"


def _idle_money(figures: Mapping[str, Row]) -> str:
    idle = figures.get("metric:H6")
    return f", {usd(idle['value'])} a week" if idle is not None and _is_number(idle["value"]) else ""


def money_sentence(figures: Mapping[str, Row]) -> str:
    """Loss exposure against its limit, for those who may see it."""
    loss = figures.get("metric:H11")
    if loss is None or loss["value"] is None:
        return ""
    if isinstance(loss["value"], Absent):
        is_banded = loss["value"].kind == "banded"
        return f"Loss exposure at worst reasonable use lies in {loss['value'].word}." if is_banded else ""
    return f"Loss exposure at worst reasonable use is {usd(loss['value'])}."


def _is_number(value: Any) -> bool:
    return value is not None and not isinstance(value, Absent)
