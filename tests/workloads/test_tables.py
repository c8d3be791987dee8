"""What the tables of workloads say about themselves, and what they refuse or remark on in files."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from django.apps import apps

from capacity.access.permissions import PERMISSIONS
from capacity.access.roles import Role
from capacity.access.sight_table import TABLE
from capacity.access.visibility import Viewer
from capacity.imports import clock
from capacity.imports.models import InputsVersion
from capacity.imports.services import ImportOutcome
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import Issue, Row
from tests.imports.world import GOOD, broken, import_texts
from workloads.checks import justification_within_a_quarter, not_in_future
from workloads.importers_research import own_requests_only
from workloads.models import ThroughputProfile, UsageHour

OWN = sorted(
    table.name for table in tables().values() if table.model in set(apps.get_app_config("workloads").get_models())
)
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
USAGE_HEADER = "workload,contract,hour_at,input_tokens,cached_input_tokens,output_tokens,accelerators,source_ref\n"


def table(name: str) -> Table:
    return tables()[name]


def test_every_table_that_was_named_is_there() -> None:
    assert OWN == [
        "experiments",
        "forecasts",
        "job_usage",
        "model_versions",
        "operating_points",
        "priority_overrides",
        "teams",
        "throughput_profiles",
        "usage_hours",
        "workload_moves",
        "workloads",
    ]


@pytest.mark.parametrize("name", OWN)
def test_a_table_says_everything_a_page_needs(name: str) -> None:
    found = table(name)
    columns = {column.name for column in found.columns}
    assert all((found.title, found.singular, found.intro, found.area, found.slug, found.resource, found.label))
    assert {found.view, found.change} <= set(PERMISSIONS)
    assert set(found.help) == columns
    assert sorted(column for group in found.groups.values() for column in group) == sorted(columns)
    assert {found.label, *found.key, *found.listed, *found.filters, *found.search, *found.bulk} <= columns
    assert set(TABLE[found.resource]) == columns


KEPT_BY_TRIGGERS = {"request_state_follows_its_moves"}


@pytest.mark.parametrize("name", OWN)
def test_every_rule_of_the_database_has_its_sentence(name: str) -> None:
    rules = {constraint.name for constraint in table(name).model._meta.constraints}
    assert rules == set(table(name).sentences) - KEPT_BY_TRIGGERS


def test_whoever_may_change_a_table_may_read_its_key() -> None:
    hidden = {
        (name, role.value, column)
        for name in OWN
        for role in PERMISSIONS[table(name).change]
        for column in table(name).key
        if role not in TABLE[table(name).resource][column].full
    }
    # A contract's key names its customer: the product owner brings usage of own products only.
    assert hidden == {("usage_hours", "product", "contract")}


def as_rows(column: str, *values: object) -> list[Row]:
    return [Row(file="f.csv", number=number, values={column: value}) for number, value in enumerate(values, start=2)]  # type: ignore[dict-item]


def test_what_was_measured_after_now_is_refused_by_the_clock_it_is_given() -> None:
    check = not_in_future(column="hour_at", clock=lambda: NOW)
    started, next_one = NOW.replace(minute=0), NOW.replace(hour=10, minute=0)
    found = list(check(as_rows("hour_at", started, next_one, None)))
    assert [(issue.row, issue.code, issue.severity) for issue in found] == [(3, "in_future", "E")]
    assert list(not_in_future(column="day", clock=lambda: NOW)(as_rows("day", NOW.date()))) == []


def test_a_file_wrong_in_every_row_says_so_once_and_not_a_thousand_times() -> None:
    check = not_in_future(column="hour_at", clock=lambda: NOW)
    found = list(check(as_rows("hour_at", *(NOW + timedelta(hours=n) for n in range(1, 1001)))))
    assert len(found) == 21
    assert "980 more rows" in found[-1].message


def test_a_justification_stands_for_a_quarter_at_most() -> None:
    check = justification_within_a_quarter(clock=lambda: NOW)
    found = list(check(as_rows("justification_expires_date", date(2027, 2, 21), date(2027, 2, 22))))
    assert [(issue.row, issue.severity) for issue in found] == [(3, "W")]


def test_research_writes_the_requests_of_its_own_team_only() -> None:
    research = Viewer(username="r", roles=frozenset({Role.RESEARCH}), team_key="team-1")
    chair = Viewer(username="c", roles=frozenset({Role.CHAIR}))
    mine, theirs = {"team": "team-1"}, {"team": "team-2"}
    assert own_requests_only(research, None, mine) == own_requests_only(research, mine, None) == ""
    assert own_requests_only(chair, theirs, mine) == ""
    for before, after in ((theirs, mine), (mine, theirs), (None, theirs), (theirs, None)):
        assert "own team only" in own_requests_only(research, before, after)
    nobody = Viewer(username="n", roles=frozenset({Role.RESEARCH}))
    assert own_requests_only(nobody, None, {"team": ""}) != ""


def refused(outcome: ImportOutcome) -> list[tuple[str, int | None, str, str]]:
    assert not outcome.applied
    return [(issue.file, issue.row, issue.column, issue.code) for issue in outcome.errors]


def warned(outcome: ImportOutcome) -> list[tuple[str, str]]:
    """The warnings on workload tables; what other tables of the samples give rise to is theirs."""
    assert outcome.applied, [str(issue) for issue in outcome.errors]
    return [(issue.column, issue.code) for issue in of_workloads(outcome)]


def of_workloads(outcome: ImportOutcome) -> list[Issue]:
    # The sample's override waits for a decision (test_import_tables).
    found = [issue for issue in outcome.warnings if issue.file.removesuffix(".csv") in OWN]
    return [issue for issue in found if issue.code != "override_not_decided"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("file", "old", "new", "column", "code"),
    [
        ("usage_hours.csv", "T09:00", "T09:30", "hour_at", "usage_hour_starts_on_the_hour"),
        ("usage_hours.csv", "2026-10-05T09", "2126-10-05T09", "hour_at", "in_future"),
        ("usage_hours.csv", "36000000", "1000000000000000", "input_tokens", "usage_is_believable"),
        ("usage_hours.csv", "36000000", "1e15", "input_tokens", "not_whole"),
        ("usage_hours.csv", "18000000", "36000001", "cached_input_tokens", "usage_cached_is_part_of_input"),
        ("usage_hours.csv", ",12,6,", ",12000,6,", "throttled_requests", "usage_hurt_is_part_of_requests"),
        ("usage_hours.csv", "chat,c-1", "chat,c-2", "contract", "unknown_reference"),
        ("forecasts.csv", "6000,9000", "9001,9000", "input_p50", "forecast_input_in_order"),
        ("forecasts.csv", "1800,2800", "1800,1799", "output_p50", "forecast_output_in_order"),
        ("forecasts.csv", ",sales,", ",,", "source", "empty"),
        ("operating_points.csv", "2857.1429", "0", "output_tokens_per_second", "point_throughput_is_positive"),
        ("throughput_profiles.csv", "2026-03-01", "2126-03-01", "measured_date", "in_future"),
        ("job_usage.csv", "2026-10-05T13", "2026-10-05T08", "ends_at", "job_ends_after_start"),
        ("job_usage.csv", "completed", "COMPLETED", "state", "unknown_choice"),
    ],
)
def test_a_bad_cell_is_refused_with_its_place(file: str, old: str, new: str, column: str, code: str) -> None:
    found = refused(import_texts(broken(file, old, new)))
    assert (file, 2, column, code) in found


@pytest.mark.django_db
def test_a_world_of_another_week_says_what_time_it_is() -> None:
    later = broken("usage_hours.csv", "2026-10-05T09", "2126-10-05T09")
    with clock.at(datetime(2126, 10, 5, 9, tzinfo=UTC)):
        import_texts({**later, "contracts.csv": GOOD["contracts.csv"].replace("2027-01-01", "2127-01-01")})
    assert UsageHour.objects.count() == 2
    assert clock.now().year < 2126


@pytest.mark.django_db
def test_usage_after_the_end_of_its_contract_is_one_warning_for_the_contract() -> None:
    ended = broken("contracts.csv", "2027-01-01", "2026-10-05")
    assert warned(import_texts(ended)) == [("contract", "usage_after_end")]


@pytest.mark.django_db
def test_more_work_than_the_accelerators_can_do_is_shown_and_not_cut() -> None:
    # 36 M in an hour, half cached at 0.1: 18 M + 1.8 M = 19.8 M ÷ 40,000 = 495 s; 7.2 M out ÷ 4,000 = 1,800 s.
    # 2,295 s of 8 accelerators ÷ 3,600 = 5.1 accelerators: 102 % of 5, 16 % of 32.
    files = broken("usage_hours.csv", ",6,32,", ",6,5,")
    outcome = import_texts(files)
    assert warned(outcome) == [("accelerators", "utilisation_above_one")]
    assert "102 %" in of_workloads(outcome)[0].message
    assert UsageHour.objects.order_by("hour_at").values_list("accelerators", flat=True)[0] == 5


@pytest.mark.django_db
def test_a_throughput_of_another_version_is_stale() -> None:
    models = GOOD["model_versions.csv"] + "old,Old,frontier\n"
    header, row = GOOD["throughput_profiles.csv"].splitlines()
    profiles = f"{header},measured_model_version\n{row},old\n"
    outcome = import_texts({**GOOD, "model_versions.csv": models, "throughput_profiles.csv": profiles})
    assert warned(outcome) == [("measured_model_version", "stale_measurement")]


@pytest.mark.django_db
def test_a_model_may_have_several_profiles_of_which_one_is_planned() -> None:
    header, row = GOOD["throughput_profiles.csv"].splitlines()
    other = row.replace("fp8", "fp4")
    second = f"{header},parallelism,context_tokens,is_planned\n{row},,,true\n{other},tp8,32768,false\n"
    assert warned(import_texts({**GOOD, "throughput_profiles.csv": second})) == []
    assert ThroughputProfile.objects.count() == 2

    both = second.replace("false", "true")
    found = import_texts({"throughput_profiles.csv": both})
    assert ("throughput_profiles.csv", 3, "is_planned", "one_planned_profile") in refused(found)

    none = second.replace("true", "false")
    assert warned(import_texts({"throughput_profiles.csv": none})) == [("is_planned", "no_planned_profile")]


@pytest.mark.django_db
def test_two_sources_of_which_the_card_names_none_are_remarked_on() -> None:
    second = GOOD["forecasts.csv"].splitlines()[1].replace("sales", "product")
    both = {**GOOD, "forecasts.csv": GOOD["forecasts.csv"] + second + "\n"}
    assert warned(import_texts(both)) == [("source", "no_planned_source")]
    assert import_texts({"workloads.csv": "key,forecast_source\nchat,sales\n"}).applied
    assert warned(import_texts({"forecasts.csv": both["forecasts.csv"]})) == []


@pytest.mark.django_db
def test_usage_raises_no_inputs_version_and_a_forecast_does() -> None:
    import_texts({name: text for name, text in GOOD.items() if name not in {"usage_hours.csv", "forecasts.csv"}})
    before = InputsVersion.objects.get(pk=1).version
    assert import_texts({"usage_hours.csv": GOOD["usage_hours.csv"]}).applied
    assert InputsVersion.objects.get(pk=1).version == before
    assert import_texts({"forecasts.csv": GOOD["forecasts.csv"]}).applied
    assert InputsVersion.objects.get(pk=1).version > before


@pytest.mark.django_db
def test_usage_under_no_contract_needs_no_word_for_it() -> None:
    import_texts(GOOD)
    rows = "workload,hour_at,input_tokens,output_tokens\nchat,2026-10-05T09:00:00Z,1,1\n"
    for _ in range(2):
        assert import_texts({"usage_hours.csv": rows}).applied
    assert UsageHour.objects.filter(contract="", source_ref="").count() == 1


@pytest.mark.django_db
def test_ten_thousand_hours_take_seconds() -> None:
    import_texts(GOOD)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    hours = (start + timedelta(hours=n) for n in range(10_000))
    rows = "".join(f"chat,c-1,{hour:%Y-%m-%dT%H}:00:00Z,36000000,18000000,7200000,32,g\n" for hour in hours)
    started = time.monotonic()
    outcome = import_texts({"usage_hours.csv": USAGE_HEADER + rows})
    assert outcome.applied, [str(issue) for issue in outcome.errors]
    assert time.monotonic() - started < 60
