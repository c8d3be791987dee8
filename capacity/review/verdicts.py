"""The sentence each list page opens with, written from the rows its reader sees. Pure.

A verdict has two parts: what matters (shown bold) and what to know besides. What is hidden from the reader is left out
of the sentence, never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from capacity.access.bands import Banded
from capacity.lib.figures import EM_DASH, Absent, counted, thousands, usd, week
from capacity.lib.horizon import Week
from capacity.review.tables import Row
from capacity.review.words import word

Verdict = tuple[str, str]
NO_PLAN: Verdict = ("There is no plan yet.", "The guide leads from your tables to the first one.")
NAMED = 2


def workload_verdict(rows: Sequence[Row]) -> Verdict:
    """How much is taken, what nobody chose, which frontier use has no reason."""
    if not rows:
        return ("No workload card has been imported.", "")
    size = _known([row["h100e_now"] for row in rows])
    cost = _known([row["usd_per_week"] for row in rows])
    text = f"{counted(len(rows), 'workload')} {_verb(rows, 'takes', 'take')} {thousands(sum(size))} H100e this week"
    text += f" for {usd(sum(cost))}." if cost else "."
    unchosen = [row for row in rows if row["purpose"] == "no_choice"]
    unexplained = [row for row in rows if row["is_frontier_explained"] is False]
    unsized = [row for row in rows if row["is_sized"] is False]
    more = []
    if unchosen:
        spent = _known([row["usd_per_week"] for row in unchosen])
        amount = f" ({usd(sum(spent))} a week)" if spent else ""
        more.append(f"{_names(unchosen, 'name')} {_verb(unchosen, 'counts', 'count')} as no product choice{amount}.")
    else:
        more.append("Each was chosen by an owner.")
    if unexplained:
        more.append(f"Frontier use without a reason in date: {_names(unexplained, 'name')}.")
    if unsized:
        more.append(f"{counted(len(unsized), 'workload')} without a throughput profile: unsized, not zero.")
    return text, " ".join(more)


def request_verdict(placed: Sequence[Row], unplaced: Sequence[Row]) -> Verdict:
    """How many have a place, why the others have none, and which is nearest to one."""
    total = len({row["experiment_key"] for row in placed} | {row["experiment_key"] for row in unplaced})
    if not total:
        return ("No request is open.", "")
    if not unplaced:
        return (
            "The one open request has a place." if total == 1 else f"All {thousands(total)} requests have a place.",
            "",
        )
    urgent = [row for row in unplaced if row["priority"] == "P0"]
    text = f"{thousands(len(unplaced))} of {counted(total, 'request')} {_verb(unplaced, 'has', 'have')} no place"
    text += f", {thousands(len(urgent))} of them P0." if urgent else "."
    reasons: dict[str, int] = {}
    for row in unplaced:
        reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    more = "Why: " + ", ".join(f"{word('reason', code).lower()} ({count})" for code, count in ranked[:3]) + "."
    near = [row for row in unplaced if isinstance(row["short_by"], int) and row["short_by"] > 0]
    if near:
        nearest = min(near, key=lambda row: (row["short_by"], row["experiment_key"]))
        more += f" Nearest to fitting: {nearest['name']}, short by {thousands(nearest['short_by'])}."
    return text, more


def contract_verdict(rows: Sequence[Row], *, year: int) -> Verdict:
    """Which promise breaks first, and who hurts us at worst reasonable use."""
    if not rows:
        return ("No contract is in force in this plan.", "")
    committed = sum(_known([row["committed_accelerators"] for row in rows]))
    text = f"{counted(len(rows), 'contract')}, {thousands(committed)} accelerators committed."
    more = []
    short = [row for row in rows if isinstance(row["first_short_week"], str) and row["first_short_week"]]
    if short:
        first = min(short, key=lambda row: (row["first_short_week"], str(row["label"])))
        start = week(Week.parse(first["first_short_week"]), year=year)
        text = f"{counted(len(short), 'promise')} of {thousands(len(rows))} cannot be kept, first {first['label']} "
        text += f"in the week of {start}."
    elif any(isinstance(row["coverage_share"], Decimal) for row in rows):
        text += " Every sized promise is kept."
    losing = [row for row in rows if _is_above_zero(row["loss_exposure_usd"])]
    if losing:
        worst = max(losing, key=lambda row: (_least(row["loss_exposure_usd"]), str(row["label"])))
        amount = worst["loss_exposure_usd"]
        size = amount.word if isinstance(amount, Banded) else usd(amount)
        more.append(
            f"{counted(len(losing), 'contract')} {_verb(losing, 'loses', 'lose')} money at worst reasonable use, "
            f"most {worst['label']} ({size})."
        )
    uncapped = [row for row in rows if row["is_uncapped"] is True]
    unsized = [row for row in rows if row["is_sized"] is False]
    if uncapped:
        more.append(f"{thousands(len(uncapped))} without a cap on use.")
    if unsized:
        more.append(f"{thousands(len(unsized))} unsized: its need is not known, not zero.")
    return text, " ".join(more)


def one_contract_verdict(row: Row, *, year: int) -> Verdict:
    """Whether one promise is kept, and what the contract earns or loses at worst reasonable use."""
    if row["is_sized"] is False:
        return ("Its need is not known.", "Without a throughput profile it is left out of the plan, not taken as zero.")
    first, short = row["first_short_week"], row["short_accelerator_weeks"]
    if isinstance(first, str) and first:
        text = f"Short from the week of {week(Week.parse(first), year=year)}"
        text += f", {thousands(short)} accelerator-weeks in all." if isinstance(short, int | Decimal) else "."
    else:
        text = "Every week of its promise is kept."
    margin: Any = row["worst_margin_usd"]
    if isinstance(row["margin_share"], Banded):
        return text, f"Margin at expected use: {row['margin_share'].word} of its revenue."
    if not isinstance(margin, int | Decimal):
        return text, ""
    size = margin if margin > 0 else -margin
    return text, f"At worst reasonable use it {'loses' if margin < 0 else 'earns'} {usd(size)}."


def supply_verdict(pools: Sequence[Row], events: Sequence[Row], *, late: int, weeks: int, year: int) -> Verdict:
    """Which pool is short first and by how much; what stands idle; what arrives, leaves and is late."""
    if not pools:
        return ("No pool has been imported.", "")
    short = [row for row in pools if row["first_short_week"]]
    if short:
        first = min(short, key=lambda row: (row["first_short_week"], row["pool_key"]))
        start = week(Week.parse(first["first_short_week"]), year=year)
        text = f"{first['name']} is short from the week of {start}, by up to {thousands(first['worst_shortfall'])}"
        text += f"; {counted(len(short), 'pool')} of {len(pools)} in all." if len(short) > 1 else "."
    else:
        text = f"No pool is short in the next {counted(weeks, 'week')}."
    idle = sum(_known([row["idle"] for row in pools]))
    usable = sum(_known([row["allocatable"] for row in pools]))
    more = [f"{thousands(idle)} of {thousands(usable)} allocatable accelerators are idle this week."]
    arriving = sum(row["accelerators"] for row in events if _is_above_zero(row["accelerators"]))
    leaving = -sum(row["accelerators"] for row in events if isinstance(row["accelerators"], int)) + arriving
    if arriving or leaving:
        more.append(f"{thousands(arriving)} arrive and {thousands(leaving)} leave inside the horizon.")
    if late:
        more.append(f"{counted(late, 'lot')} late and counted as not there.")
    return text, " ".join(more)


def pool_verdict(name: str, weeks: Sequence[Row], *, year: int) -> Verdict:
    """What one pool has, gives and lacks."""
    if not weeks:
        return (f"{name} has no week in this plan.", "")
    now = weeks[0]
    used = now["allocatable"] + now["burst"] - now["idle"]
    short = [row for row in weeks if row["capacity_shortfall"] > 0]
    if short:
        worst = max(short, key=lambda row: (row["capacity_shortfall"], row["week"]))
        text = f"Short in {counted(len(short), 'week')}, worst {thousands(worst['capacity_shortfall'])} in the week of "
        text += f"{week(Week.parse(worst['week']), year=year)}."
    else:
        text = f"Not short in the next {counted(len(weeks), 'week')}."
    more = f"This week {thousands(used)} of {thousands(now['allocatable'])} allocatable are given, "
    return text, more + f"{thousands(now['idle'])} idle; {thousands(now['installed'])} are installed."


def runs_verdict(rows: Sequence[Row], current_id: int | None) -> Verdict:
    """Which run the pages read, and how many of the last ones failed."""
    failed = [row for row in rows if row["state"] in ("failed", "dead")]
    text = f"Pages read run {current_id}." if current_id else "There is no plan yet."
    if not rows:
        return text, ""
    if not failed:
        return text, f"None of the last {counted(len(rows), 'run')} failed."
    return (
        text,
        f"{thousands(len(failed))} of the last {counted(len(rows), 'run')} failed, the newest run {failed[0]['id']}.",
    )


def _known(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, int | Decimal) and not isinstance(value, bool)]


def _is_above_zero(value: Any) -> bool:
    if isinstance(value, Banded):
        return value.low > 0
    return isinstance(value, int | Decimal) and value > 0


def _least(value: Any) -> Decimal:
    return value.low if isinstance(value, Banded) else Decimal(value)


def _names(rows: Sequence[Row], column: str) -> str:
    """The first names, then how many more."""
    names = [EM_DASH if isinstance(row[column], Absent) else str(row[column]) for row in rows]
    if len(names) <= NAMED:
        return " and ".join(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def _verb(rows: Sequence[Row], one: str, many: str) -> str:
    return one if len(rows) == 1 else many
