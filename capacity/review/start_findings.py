"""What is missing or does not fit among the inputs, said before a plan is made: one query each, nothing is changed.

A finding is a warning of the guide (capacity.review.start): the plan is made without it, and says what it left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from capacity.access.models import RoleGrant
from capacity.access.permissions import roles_for
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.inventory.models import CostRate, Lot, NetworkDomain, Pool
from capacity.review.cards import CARD_COLUMNS, missing_on_card
from contracts.models import Contract, PriceLine
from workloads.models import Experiment, Forecast, Team, ThroughputProfile, Workload

NAMED = 3
_OVER = ("done", "denied", "withdrawn")
_LIVE_CONTRACTS = ("signed", "active", "notice")
_SIZED_BY_SHAPE = ("provisioned_throughput", "dedicated_accelerators")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at. `table`: where it is mended; `keys`: the rows, by name."""

    table: str
    text: str
    keys: tuple[str, ...]

    @property
    def named(self) -> str:
        """The first rows by name and how many more there are."""
        more = len(self.keys) - NAMED
        return ", ".join(self.keys[:NAMED]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A step's question to the database: the rows it finds, by name. `actions`: all are needed to see the answer."""

    step: str
    table: str
    actions: tuple[str, ...]
    one: str
    many: str
    find: Callable[[date, Viewer], Iterable[str]]

    def finding(self, today: date, viewer: Viewer) -> Finding | None:
        keys = tuple(self.find(today, viewer))
        if not keys:
            return None
        text = self.one if len(keys) == 1 else self.many.format(count=f"{len(keys):,}")
        return Finding(table=self.table, text=text, keys=keys)


def sees_own_contracts_only(viewer: Viewer) -> bool:
    """Sales learns of nobody else's contracts, not even how many there are (methods: Visibility)."""
    return viewer.roles.isdisjoint({Role.CHAIR, Role.FINANCE, Role.EXEC})


def _keys(rows: QuerySet, name: str = "key") -> Iterable[str]:
    return rows.order_by(name).values_list(name, flat=True).distinct()


def _lots_in_use() -> QuerySet:
    return Lot.objects.exclude(state="retired")


def _pools_without_lots(today: date, viewer: Viewer) -> Iterable[str]:
    there = _lots_in_use().filter(domain__pool=OuterRef("pk")).filter(Q(ends_date=None) | Q(ends_date__gt=today))
    return _keys(Pool.objects.exclude(Exists(there)))


def _late_lots(today: date, viewer: Viewer) -> Iterable[str]:
    expected = Q(state__in=["confirmed", "shipped"], p50_date__lt=today) | Q(state="ordered", p90_date__lt=today)
    return _keys(Lot.objects.filter(expected, accepted_date=None))


def _pools_without_rate(today: date, viewer: Viewer) -> Iterable[str]:
    in_force = CostRate.objects.filter(key=OuterRef("cost_rate_key"), starts_date__lte=today).filter(
        Q(ends_date=None) | Q(ends_date__gt=today)
    )
    return _keys(_lots_in_use().exclude(Exists(in_force)), "domain__pool__key")


def _rates_with_gaps(today: date, viewer: Viewer) -> Iterable[str]:
    owned = Q(kind="owned") & (Q(capex_usd=None) | Q(life_years=None) | Q(power_kw=None) | Q(usd_per_kwh=None))
    rented = Q(kind="leased", lease_usd_per_hour=None) | Q(kind="cloud", on_demand_usd_per_hour=None)
    used = Exists(Lot.objects.filter(cost_rate_key=OuterRef("key")))
    return _keys(CostRate.objects.filter(owned | rented).filter(used))


def _workloads_without_volume(today: date, viewer: Viewer) -> Iterable[str]:
    unsized = Workload.objects.filter(input_tokens_per_second=None, output_tokens_per_second=None)
    forecast = Exists(Forecast.objects.filter(workload=OuterRef("pk")))
    return _keys(unsized.filter(contracts=None).exclude(forecast))


def _workloads_without_throughput(today: date, viewer: Viewer) -> Iterable[str]:
    held = Pool.objects.filter(accelerator_type=OuterRef("accelerator_type"))
    measured = ThroughputProfile.objects.filter(
        Exists(held), model_version=OuterRef("model_version"), latency_class=OuterRef("latency_class")
    )
    return _keys(Workload.objects.exclude(Exists(measured)))


def _incomplete_cards(today: date, viewer: Viewer) -> Iterable[str]:
    for card in Workload.objects.values(*CARD_COLUMNS, tier=F("model_version__model_tier")).order_by("key"):
        models = {"its own": {"model_tier": card["tier"]}}
        if missing_on_card(card={**card, "model_version": "its own"}, models=models, as_of=today):
            yield card["key"]


def _live_contracts(today: date, viewer: Viewer) -> QuerySet:
    live = Contract.objects.filter(state__in=_LIVE_CONTRACTS, ends_date__gt=today)
    return live.filter(owner__username=viewer.username) if sees_own_contracts_only(viewer) else live


def _contracts_without_price(today: date, viewer: Viewer) -> Iterable[str]:
    return _keys(_live_contracts(today, viewer).exclude(Exists(PriceLine.objects.filter(contract=OuterRef("pk")))))


def _contracts_without_size(today: date, viewer: Viewer) -> Iterable[str]:
    own = Q(input_tokens_per_second=None, output_tokens_per_second=None)
    profile = Q(usage_profile__input_tokens_per_second=None, usage_profile__output_tokens_per_second=None)
    unsized = (own & profile) | Q(workload=None)
    return _keys(_live_contracts(today, viewer).exclude(shape__in=_SIZED_BY_SHAPE).filter(unsized))


def _contracts_without_cap(today: date, viewer: Viewer) -> Iterable[str]:
    limits = Q(rate_limit_input_tokens_per_minute=None, rate_limit_output_tokens_per_minute=None)
    uncapped = limits & Q(fair_use_tokens_per_month=None, p95_multiple=None, usage_profile__p95_multiple=None)
    return _keys(_live_contracts(today, viewer).exclude(shape__in=_SIZED_BY_SHAPE).filter(uncapped))


def _the_only_keeper_of_contracts(today: date, viewer: Viewer) -> Iterable[str]:
    keepers = RoleGrant.objects.filter(
        role__in=roles_for("contract_data.change"), revoked_at=None, user__is_active=True
    )
    names = list(_keys(keepers, "user__username"))
    return names if len(names) == 1 else []


def _requests_too_large(today: date, viewer: Viewer) -> Iterable[str]:
    most: dict[str, int] = {}
    domains = NetworkDomain.objects.annotate(size=Sum("lots__accelerators"))
    for kind, size in domains.values_list("pool__accelerator_type__key", "size"):
        most[kind] = max(most.get(kind, 0), size or 0)
    asked = Experiment.objects.exclude(state__in=_OVER).filter(divisible=False).order_by("key")
    rows = asked.values_list("key", "accelerators", "accelerator_types")
    return [key for key, size, types in rows if size > max((most.get(each, 0) for each in types), default=0)]


def _requests_past_their_start(today: date, viewer: Viewer) -> Iterable[str]:
    waiting = Experiment.objects.filter(state__in=["submitted", "approved"])
    return _keys(waiting.filter(latest_start_date__lt=today))


def _researchers_without_team(today: date, viewer: Viewer) -> Iterable[str]:
    held = RoleGrant.objects.filter(role=Role.RESEARCH, revoked_at=None, user__is_active=True)
    known = Exists(Team.objects.filter(key=OuterRef("user__team_key")))
    return held.exclude(known).order_by("user__username").values_list("user__username", flat=True)


_SUPPLY, _COSTS = "supply_data.view", "cost_data.view"
_CONTRACTS = "contract_data.view"
CHECKS: tuple[Check, ...] = (
    Check(
        step="supply",
        table="lots",
        actions=(_SUPPLY,),
        one="One pool has no lot, so it holds no accelerators in the plan.",
        many="{count} pools have no lot, so they hold no accelerators in the plan.",
        find=_pools_without_lots,
    ),
    Check(
        step="supply",
        table="lots",
        actions=(_SUPPLY,),
        one="One lot is past its expected date and not accepted; it counts as not there until it has a new date.",
        many="{count} lots are past their expected dates and not accepted; they count as not there until they have "
        "new dates.",
        find=_late_lots,
    ),
    Check(
        step="costs",
        table="cost_rates",
        actions=(_SUPPLY, _COSTS),
        one="One pool has a lot without a cost rate in force; its cost is unknown, not zero.",
        many="{count} pools have lots without a cost rate in force; their cost is unknown, not zero.",
        find=_pools_without_rate,
    ),
    Check(
        step="costs",
        table="cost_rates",
        actions=(_COSTS,),
        one="One cost rate lacks a component that its kind needs, so it is incomplete.",
        many="{count} cost rates lack a component that their kind needs, so they are incomplete.",
        find=_rates_with_gaps,
    ),
    Check(
        step="workloads",
        table="workloads",
        actions=("workload_data.view",),
        one="One workload has no volume; it is listed as unsized, not planned as zero.",
        many="{count} workloads have no volume; they are listed as unsized, not planned as zero.",
        find=_workloads_without_volume,
    ),
    Check(
        step="workloads",
        table="throughput_profiles",
        actions=("workload_data.view", "model_data.view"),
        one="One workload's model has no throughput on an accelerator type you hold at its latency class.",
        many="{count} workloads' models have no throughput on an accelerator type you hold at their latency class.",
        find=_workloads_without_throughput,
    ),
    Check(
        step="workloads",
        table="workloads",
        actions=("workload_data.view",),
        one="One workload card is incomplete; its cost counts as no choice.",
        many="{count} workload cards are incomplete; their cost counts as no choice.",
        find=_incomplete_cards,
    ),
    Check(
        step="contracts",
        table="price_lines",
        actions=(_CONTRACTS, "price_data.view"),
        one="One live contract has no price; its revenue is unknown.",
        many="{count} live contracts have no price; their revenue is unknown.",
        find=_contracts_without_price,
    ),
    Check(
        step="contracts",
        table="contracts",
        actions=(_CONTRACTS,),
        one="One live contract has no use or no workload; what it takes is unsized.",
        many="{count} live contracts have no use or no workload; what they take is unsized.",
        find=_contracts_without_size,
    ),
    Check(
        step="contracts",
        table="contracts",
        actions=(_CONTRACTS,),
        one="One live contract has no rate limit and no P95 use: its exposure is uncapped.",
        many="{count} live contracts have no rate limit and no P95 use: their exposure is uncapped.",
        find=_contracts_without_cap,
    ),
    Check(
        step="contracts",
        table="contracts",
        actions=("contract_data.change",),
        one="Only one person keeps contracts, and those in force, with their prices, need a second one to approve them. "
        "An administrator adds people.",
        many="",
        find=_the_only_keeper_of_contracts,
    ),
    Check(
        step="requests",
        table="experiments",
        actions=("request_data.view", _SUPPLY),
        one="One request is larger than any network domain of its accelerator types; it cannot be placed.",
        many="{count} requests are larger than any network domain of their accelerator types; they cannot be placed.",
        find=_requests_too_large,
    ),
    Check(
        step="requests",
        table="experiments",
        actions=("request_data.view",),
        one="One request's latest start has passed.",
        many="The latest start of {count} requests has passed.",
        find=_requests_past_their_start,
    ),
    Check(
        step="requests",
        table="teams",
        actions=("request_data.view",),
        one="One person in research belongs to no known team and sees no request as their own.",
        many="{count} people in research belong to no known team and see no request as their own.",
        find=_researchers_without_team,
    ),
)
