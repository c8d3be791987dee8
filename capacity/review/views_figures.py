"""One number, opened: its formula with values, the inputs behind it with who said so, its run, policy and method.

The same partial fills the drawer and stands alone as a page. Value and terms pass the visibility table one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from capacity.access.audit import record_event
from capacity.access.bands import Banded
from capacity.access.viewer import requires, viewer_of
from capacity.access.visibility import ContractLabel, Viewer, redact, scenario_resource, see
from capacity.allocation.models import Run, RunDocument
from capacity.lib import figures
from capacity.lib.figures import NOT_APPLICABLE, RESTRICTED, UNKNOWN_COST, UNSIZED, Absent
from capacity.review.models import RunFigure
from capacity.review.tables import contract_labels
from capacity.review.words import word

_ABSENT = {"unsized": UNSIZED, "unknown": UNKNOWN_COST, "unknown cost": UNKNOWN_COST}
# What an input row says about where it is from; the first that is there counts.
_WHEN = ("measured_date", "usage_date", "forecast_date", "availability_measured_date", "starts_date", "effective_date")
_BASIS = ("basis", "usage_basis", "forecast_source", "state")
_PRICE_RESOURCES = frozenset({"price_line"})
# Resources whose rows are one contract, request or lot each.
_ROW_RESOURCES = frozenset(
    {"exposure", "exposure_scenario", "exposure_scenario_other", "demand", "placement", "unplaced", "lot"}
)
# The sight of a row's key: of the rows that whole figures are about, by the figure's kind; of inputs, by their table.
_KEY_OF_KIND = {"request": ("unplaced", "experiment_key")}
_KEY_OF_TABLE = {"lots": ("lot", "lot_key"), "experiments": ("unplaced", "experiment_key")}


@requires("review.view")
@require_safe
def figure(request: HttpRequest, run_id: int, key: str) -> HttpResponse:
    """The figure of a run: alone when asked for by script, else as a page."""
    now, viewer = timezone.now(), viewer_of(request)
    found = RunFigure.objects.select_related("run").filter(run_id=run_id, key=key).first()
    if found is None:
        raise Http404
    labels = contract_labels(run_id)
    # A key that names a contract or a request is as good as its name: whoever may not know it finds nothing here.
    if not _may_name(viewer, _KEY_OF_KIND.get(key.split(":")[0])):
        raise Http404
    if redact(viewer, key.replace(":", " "), contracts=labels) != key.replace(":", " "):
        raise Http404
    context = {"figure": shown_figure(viewer=viewer, found=found, labels=labels, year=now.year)}
    if _shows_price(viewer, found, labels):
        record_event(request=request, action="price_viewed", subject=f"{key} of run {run_id}")
    if request.headers.get("HX-Request"):
        return render(request, "includes/_figure.html", context)
    return render(request, "runs/figure.html", context)


def shown_figure(*, viewer: Viewer, found: RunFigure, labels: Sequence[ContractLabel], year: int) -> dict[str, Any]:
    """What includes/_figure.html shows of a figure, as the viewer may see it."""
    found = _of_its_scenario(found)
    owner = owner_of(found.owner_key, labels)
    value = see(viewer, found.resource, found.field, found.value, owner=owner)
    if value is None:
        value = _ABSENT.get(found.absent) or NOT_APPLICABLE.because(_why_absent(found))
    run = found.run
    return {
        "label": redact(viewer, found.label, contracts=labels),
        "value_text": written(value, found.unit),
        "unit": "" if isinstance(value, Absent) and value is not RESTRICTED else unit_after(found.unit),
        "basis": _basis(found, is_seen=value is not RESTRICTED),
        "formula": redact(viewer, found.formula, contracts=labels),
        "terms": _terms(
            viewer, found, owner, labels, is_exact=value is not RESTRICTED and not isinstance(value, Banded)
        ),
        "inputs": _inputs(viewer, found, owner, labels),
        "policy": _policy_text(run),
        "as_of": _as_of(run, year),
        "run_url": reverse("run", args=[run.pk]),
        "methods_url": f"{reverse('methods')}#{found.methods_anchor}" if found.methods_anchor else "",
    }


def _of_its_scenario(found: RunFigure) -> RunFigure:
    """The figure with the sight of the scenario it is of: its key ends with that (`scenario:…:p90`, `money:p90`)."""
    kind, _, rest = found.key.partition(":")
    if kind not in ("scenario", "money"):
        return found
    resource = scenario_resource(rest.rpartition(":")[2])
    if found.resource == "exposure_scenario":
        found.resource = resource
    found.terms = [
        {**term, "resource": resource} if term["resource"] == "exposure_scenario" else term for term in found.terms
    ]
    return found


def owner_of(owner_key: str, labels: Sequence[ContractLabel]) -> str:
    """The username or team a figure's owner key stands for; a contract's key stands for its owner."""
    return next((label.owner for label in labels if label.key == owner_key), owner_key)


def written(value: Any, unit: str) -> str | Absent:
    """A figure's value, in full precision where money: the drawer is where a number is checked."""
    if isinstance(value, Absent):
        return value
    if unit == "share":
        return figures.share(value, places=2)
    if unit.startswith("USD"):
        return figures.usd_exact(value) if abs(value) >= 1 else f"${figures.as_decimal(value).normalize():f}"
    if unit.startswith("×"):
        return figures.ratio(value, places=2)
    places = 0 if figures.as_decimal(value) == figures.as_decimal(value).to_integral_value() else 2
    return figures.thousands(value, places=places)


def unit_after(unit: str) -> str:
    """The unit written after a value: the dollar sign, the percent sign and × are part of the value."""
    if unit == "share":
        return ""
    if unit.startswith("USD"):
        return unit[3:].strip()
    return unit.removeprefix("× ") if unit.startswith("×") else unit


def _basis(found: RunFigure, *, is_seen: bool) -> str:
    """What the value is based on, and when it would be bad; a limit tells the size of what it limits."""
    parts = [found.basis, f"bad: {found.threshold}" if found.threshold else ""]
    return "; ".join(part for part in parts if part) if is_seen else ""


def _why_absent(found: RunFigure) -> str:
    return f"{found.absent.capitalize()}." if found.absent else "It has no denominator, or an input is missing."


def _terms(
    viewer: Viewer, found: RunFigure, owner: str, labels: Sequence[ContractLabel], *, is_exact: bool
) -> list[dict[str, Any]]:
    """The terms as shown. Which rows a hidden or banded sum is made of is hidden where they are: a row that is named at
    all says that it loses something. So is their order inside a band."""
    shown = [(term, _term(viewer, term, owner, labels)) for term in found.terms]
    if not is_exact:
        shown = [(term, each) for term, each in shown if each["value_text"] is not RESTRICTED or not _is_of_row(term)]
    if any(isinstance(each["value_text"], Banded) for _, each in shown):
        shown.sort(key=_order_of_term)
    return [each for _, each in shown]


def _is_of_row(term: Mapping[str, Any]) -> bool:
    return term["resource"] in _ROW_RESOURCES


def _order_of_term(pair: tuple[Mapping[str, Any], Mapping[str, Any]]) -> tuple[bool, Decimal, str]:
    """Terms of the whole first, as they come; then those of single rows by their bands, and by name inside one."""
    term, shown = pair
    value = shown["value_text"]
    low = -value.low if isinstance(value, Banded) else Decimal(0)
    return (True, low, str(shown["name"])) if _is_of_row(term) else (False, Decimal(0), "")


def _term(viewer: Viewer, term: Mapping[str, Any], owner: str, labels: Sequence[ContractLabel]) -> dict[str, Any]:
    number = _number(term["value"])
    raw = term["value"] if number is None else number
    value = see(viewer, term["resource"], term["field"], raw, owner=owner)
    unit = str(term.get("unit", ""))
    text = written(value, unit) if isinstance(value, Decimal | Absent) else redact(viewer, str(value), contracts=labels)
    table = (term.get("input") or {}).get("table", "")
    name = str(term["name"]) if _may_name(viewer, _KEY_OF_TABLE.get(table)) else _kind_of(table)
    return {
        "name": redact(viewer, name, contracts=labels),
        "value_text": None if value is None else text,
        "unit": unit_after(unit),
        # A source may list the rows that were counted: it is hidden with the count.
        "source": RESTRICTED if value is RESTRICTED else redact(viewer, str(term.get("source", "")), contracts=labels),
        "url": "",
    }


def _may_name(viewer: Viewer, key: tuple[str, str] | None) -> bool:
    """Whether the viewer may read the keys of such rows. None: keys that tell nothing, or that redact rewords."""
    return key is None or see(viewer, *key, "") is not RESTRICTED


def _kind_of(table: str) -> str:
    return table.replace("_", " ").removesuffix("s").capitalize()


def _number(value: Any) -> Decimal | None:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    try:
        number = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None


def _inputs(viewer: Viewer, found: RunFigure, owner: str, labels: Sequence[ContractLabel]) -> list[dict[str, Any]]:
    """The input rows behind the terms, each once: what, who, when, source, basis."""
    wanted = {
        (term["input"]["table"], str(term["input"]["key"])): term
        for term in found.terms
        if term.get("input") and _may_name(viewer, _KEY_OF_TABLE.get(term["input"]["table"]))
    }
    if not wanted:
        return []
    tables = RunDocument.objects.filter(run_id=found.run_id).values_list("inputs__tables", flat=True).first() or {}
    rows = []
    for (table, key), term in wanted.items():
        entry = next((row for row in reversed(tables.get(table, [])) if str(row.get("key")) == key), None)
        may_know = see(viewer, term["resource"], term["field"], "", owner=owner) is not RESTRICTED
        rows.append(_input(viewer, table, key, entry or {}, may_know, labels))
    return rows


def _input(
    viewer: Viewer, table: str, key: str, entry: Mapping[str, Any], may_know: bool, labels: Sequence[ContractLabel]
) -> dict[str, Any]:
    def said(text: Any) -> Any:
        return redact(viewer, str(text), contracts=labels) if text else None

    source = entry.get("provenance") or entry.get("source_ref")
    return {
        "label": f"{_kind_of(table)} {redact(viewer, key, contracts=labels)}",
        "who": said(entry.get("owner") or entry.get("owner_role") or entry.get("submitted_by"))
        if may_know
        else RESTRICTED,
        "when": said(next((entry[name] for name in _WHEN if entry.get(name)), None)),
        # Where a contract's figures are from quotes papers that name the customer.
        "source": said(source) if may_know else RESTRICTED,
        "basis": said(next((word("basis", str(entry[name])) for name in _BASIS if entry.get(name)), None)),
    }


def _policy_text(run: Run) -> str:
    return f"Version {run.policy_version}" if run.policy_version else ""


def _as_of(run: Run, year: int) -> str:
    solved = (
        f", solved {figures.day(run.finished_at, year=year)} {run.finished_at:%H:%M} UTC" if run.finished_at else ""
    )
    return f"{figures.day(run.as_of_date, year=year)}{solved}" if run.as_of_date else solved.removeprefix(", ")


def _shows_price(viewer: Viewer, found: RunFigure, labels: Sequence[ContractLabel]) -> bool:
    """Whether any term the viewer reads is a price: such views are written down."""
    owner = owner_of(found.owner_key, labels)
    return any(
        (term["resource"] in _PRICE_RESOURCES or (term["resource"], term["field"]) == ("exposure", "terms"))
        and see(viewer, term["resource"], term["field"], "", owner=owner) is not RESTRICTED
        for term in found.terms
    )
