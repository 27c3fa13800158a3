"""Exports that people really have, each kind in several shapes: loaded as they are, and read off where figures are read.

All companies are loaded first and built once.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from revops_assets.errors import RevopsError
from revops_assets.loading.load import choose_mappings, load_all
from revops_assets.loading.manifest import write_manifest
from revops_assets.loading.result import LoadResult
from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Query
from revops_assets_tests.exports import STAGES, USERS, at, change, opportunity, pipedrive, won, write

Take = Callable[..., LoadResult]


@pytest.fixture
def take(clean: Settings, tmp_path: Path) -> Take:
    """Write an export and load it: take("a", Opportunity=[…], …); again for the same company's next one."""
    made = 0

    def load(tenant: str, folder: Path | None = None, mapping: str | None = None, **objects: Any) -> LoadResult:
        nonlocal made
        made += 1
        where = folder or write(tmp_path / str(made), **objects)
        return load_all(clean, where, choose_mappings(where, [mapping] if mapping else None), tenant)[-1]

    return load


SALESFORCE = {"OpportunityStage": STAGES, "User": USERS}


def test_what_a_deal_became_comes_from_flags_and_types_not_from_labels(
    take: Take, clean: Settings, warehouse: Query
) -> None:
    """Won on the 20th (2,500), dropped on the 21st, one still open; the log is there or not, the stages tell more or less."""
    deals = [won("W"), opportunity("L", "Dropped", IsClosed=True, CloseDate="2024-03-21", SystemModstamp=at("03-21")),
             opportunity("O", "Offer")]  # fmt: skip
    log = [
        change("W", "03-20", "Scoping", "Signed"),
        change("L", "03-21", "Scoping", "Dropped"),
        change("O", "03-08", "Scoping", "Offer"),
    ]
    told = {"Opportunity": deals, "User": USERS}
    bare = [{key: value for key, value in one.items() if key not in ("IsClosed", "IsWon")} for one in STAGES]
    types = {"Scoping": "Open", "Offer": "Open", "Signed": "Closed/Won", "Dropped": "Closed/Lost"}
    take("flags", **told, OpportunityStage=STAGES, OpportunityFieldHistory=log)
    take(
        "types",
        **told,
        OpportunityStage=[one | {"Type": types[one["ApiName"]]} for one in bare],
        OpportunityFieldHistory=log,
    )
    take("learned", **told, OpportunityStage=bare, OpportunityFieldHistory=log)
    take("unlisted", **told, OpportunityStage=STAGES[:2], OpportunityFieldHistory=log)
    take("labels", **told, OpportunityFieldHistory=log,
         OpportunityStage=[one | {"MasterLabel": f"{one['ApiName']} (neu)"} for one in STAGES])  # fmt: skip
    take("stateless", **told, OpportunityStage=STAGES)
    take("purged", **told, OpportunityStage=STAGES, OpportunityFieldHistory=log[2:])
    take("snapshots", **told, OpportunityStage=STAGES, OpportunityHistory=[
        {"Id": f"{deal}{day}", "OpportunityId": deal, "StageName": name, "Amount": 2500, "CreatedDate": at(day)}
        for deal, day, name in (("W", "03-04", "Scoping"), ("W", "03-20", "Signed"), ("L", "03-04", "Scoping"),
                                ("L", "03-21", "Dropped"), ("O", "03-04", "Scoping"), ("O", "03-08", "Offer"))
    ])  # fmt: skip
    tenants = ("flags", "types", "learned", "unlisted", "labels", "stateless", "purged", "snapshots")
    selection = '+key:"analytics/rep_performance" or +key:"dashboard/stage_velocity" or +group:metrics'
    materialize(clean, selection, "2024-03-19", "2024-03-22")

    open_deals = warehouse(
        "select tenant_id, array_agg(n order by snapshot_date) from (select tenant_id, snapshot_date, count(*) as n"
        " from staging.deal_days where snapshot_date >= '2024-03-19' group by 1, 2) as d group by 1"
    )
    assert dict(open_deals) == {tenant: [3, 2, 1, 1] for tenant in tenants}
    revenue = "select tenant_id, metric_date::text, rep_id, closed_won_opportunities, revenue_won from metrics.rep_daily_pipeline order by 1"
    assert warehouse(revenue) == [(tenant, "2024-03-20", "rep-1", 1, 2500) for tenant in sorted(tenants)]
    rates = warehouse(
        "select tenant_id, win_rate, quarter_won_amount, avg_sales_cycle_days from analytics.rep_performance"
        " where snapshot_date = '2024-03-22' and rep_id = 'rep-1'"
    )
    # Nothing tells the hour of a closing but the close date's midnight.
    assert {row[0]: row[1:] for row in rates} == {
        tenant: (0.5, 2500, Decimal("15.63" if tenant in ("stateless", "purged") else "16.00")) for tenant in tenants
    }
    names = warehouse(
        "select tenant_id, array_agg(stage_name order by stage_order) from dashboard.stage_velocity"
        " where snapshot_date = '2024-03-22' and team_id = 'All' and segment = 'All' and region = 'All' group by 1"
    )
    assert dict(names) == {tenant: ["Scoping", "Offer"] for tenant in tenants} | {
        "labels": ["Scoping (neu)", "Offer (neu)"],
        "stateless": ["Offer"],  # nobody knows what was before the closings
    }
    agree = warehouse("select count(*) from staging.stage_visits where stage_id not like 'stage-%%'")
    assert agree == [(0,)]


def test_tasks_and_events(take: Take, warehouse: Query, source: Query) -> None:
    def task(name: str, **more: Any) -> dict[str, Any]:
        return {
            "Id": name,
            "OwnerId": "rep-1",
            "WhatId": "D",
            "Subject": name,
            "ActivityDate": "2024-03-12",
            "IsClosed": True,
        } | more

    def event(name: str, **more: Any) -> dict[str, Any]:
        return {
            "Id": name,
            "OwnerId": "rep-1",
            "WhatId": "D",
            "Subject": name,
            "ActivityDateTime": at("03-13", "22:30"),
        } | more

    take("a", **SALESFORCE, Opportunity=[opportunity("D")], Task=[
        task("subtype", TaskSubtype="CALL"), task("list", TaskSubtype="ListEmail"), task("plain", TaskSubtype="Task"),
        task("by type", TaskSubtype="Task", Type="Call"), task("late", TaskSubtype="Email", CompletedDateTime=at("03-14", "18:00")),
        task("planned", TaskSubtype="Call", IsClosed=False, Status="Completed"),
        task("status", TaskSubtype="Call", IsClosed=None, Status="Completed"), task("series", IsRecurrence=True),
        task("account's", TaskSubtype="Call", WhatId="001000000000001", WhoId="00Q000000000001"),
    ], Event=[
        event("timed"), event("copy", IsChild=True), event("series", IsRecurrence=True), event("demo", Type="Demonstration"),
        event("day", IsAllDayEvent=True, ActivityDateTime=None, ActivityDate="2024-03-15"),
        event("midnight", IsAllDayEvent="true", ActivityDateTime=None, StartDateTime="2024-03-15T00:00:00.000Z"),
    ])  # fmt: skip
    warehouse("select metrics.backfill_date_range(date '2024-03-11', date '2024-03-16')")
    done = (
        "select metric_date::text, calls, emails, meetings, total_activities from metrics.rep_daily_activity order by 1"
    )
    assert warehouse(done) == [
        ("2024-03-12", 4, 1, 0, 6), ("2024-03-13", 0, 0, 1, 2), ("2024-03-14", 0, 1, 0, 1), ("2024-03-15", 0, 0, 2, 2),
    ]  # fmt: skip
    assert source("select opportunity_id, contact_id, lead_id from crm.activities where subject = 'account''s'") == [
        (None, None, "00Q000000000001EAA")
    ]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_a_day_without_a_time_is_a_business_day(clean: Settings, tmp_path: Path, source: Query, zone: str) -> None:
    folder = write(
        tmp_path, **SALESFORCE, Opportunity=[won("W", "03-20", CloseDate="2024-03-20T00:00:00.000Z")],
        Event=[{"Id": "E", "IsAllDayEvent": True, "ActivityDate": "2024-03-12", "WhatId": "W"}],
        Task=[{"Id": "T", "IsClosed": True, "ActivityDate": "2024-03-12", "WhatId": "W"}],
    )  # fmt: skip
    load_all(clean.model_copy(update={"timezone": zone}), folder, choose_mappings(folder), "a")
    assert source("select distinct (occurred_at at time zone %s)::text from crm.activities", zone) == [
        ("2024-03-12 00:00:00",)
    ]
    assert source(
        "select close_date::text, (closed_at at time zone %s)::date::text, closing_known_by from crm.opportunities",
        zone,
    ) == [("2024-03-20", "2024-03-20", "close_date")]
    assert source("select need from crm.source_notes('UTC') where need like 'days in%%'") == [
        (f"days in the business time zone UTC: some were loaded as days of {zone}",)
    ]


def test_values_of_the_change_log_are_read_as_what_they_are(take: Take, source: Query) -> None:
    deal = opportunity("D", Amount=1.75e7, CloseDate="2024-05-31", Discount__c=12.5)
    take("a", **SALESFORCE, Opportunity=[deal], OpportunityFieldHistory=[
        change("D", "03-06", 8000000.0, "1.2E7", "Amount"), change("D", "03-09", "1.2e+07", 1.75e7, "Amount"),
        change("D", "03-07", "2024-04-30T00:00:00.000+0000", "2024-05-31", "CloseDate"), change("D", "03-08", "5E0", "12.50", "Discount__c"),
    ])  # fmt: skip
    assert source("select count(*) from crm.load_rejects") == [(0,)]
    state = "select amount, close_date::text, discount_pct from crm.opportunities_as_of(%s)"
    assert [source(state, f"2024-03-{day}Z")[0] for day in ("06", "07", "08", "10")] == [
        (8000000, "2024-04-30", 5), (12000000, "2024-04-30", 5), (12000000, "2024-05-31", 5), (17500000, "2024-05-31", 12.5),
    ]  # fmt: skip
    assert source("select count(*) from crm.history_faults") == [(0,)]


@pytest.mark.parametrize(
    ("rows", "present", "ends"),
    [
        ([("Offer", "Review"), ("Scoping", "Offer")], "Review", "Review"),
        ([("Review", "Signed"), ("Scoping", "Offer"), ("Offer", "Review")], "Signed", "Signed"),
        ([("Scoping", "Offer"), ("Offer", "Scoping"), ("Scoping", "Review")], "Review", "Review"),
        ([("Offer", "Scoping"), ("Scoping", "Offer")], "Scoping", "Scoping"),  # a circle ends where the record is
        ([("Offer", "Scoping"), ("Scoping", "Offer")], "Offer", "Offer"),
        ([(None, "Review"), (None, "Offer")], "Review", "Review"),  # nothing is told but where it ended
        ([(None, "Offer"), (None, "Review")], "Other", "Review"),
        ([("Scoping", "Offer"), ("Review", "Signed")], "Signed", "Signed"),  # a change between them is missing
    ],
)
def test_changes_of_one_instant_follow_from_each_other(
    take: Take, source: Query, rows: list[tuple[str | None, str]], present: str, ends: str
) -> None:
    log = [change("D", "03-06", old, new, Id=f"h{number}") for number, (old, new) in enumerate(rows)]
    take("a", User=USERS, Opportunity=[opportunity("D", present)], OpportunityFieldHistory=log)
    assert source("select stage_id from crm.opportunities_as_of('2024-03-07Z')") == [(ends,)]
    take("b", User=USERS, Opportunity=[opportunity("D", present)], OpportunityFieldHistory=log[::-1])
    told = [old for old, _ in rows if old]
    assert source("select stage_id from crm.opportunities_as_of('2024-03-07Z') where tenant_id = 'b'") == [
        (ends if told or present == ends else rows[0][1],)
    ]


NAMES = [change("D", "03-10", "Omar Klein", "Ida Brandt", "Owner", Id="n")]
IDS = [change("D", "03-10", "rep-2", "rep-1", "Owner", Id="i")]


@pytest.mark.parametrize(
    ("log", "users"),
    [
        (IDS + NAMES, USERS),
        (NAMES + IDS, USERS),
        (NAMES, USERS),  # only names were exported
        ([row | {"DataType": kind} for row, kind in zip(NAMES + IDS, ("Text", "EntityId"), strict=True)], USERS),
        (NAMES + IDS, [*USERS, {"Id": "rep-9", "Name": "Ida Brandt"}]),  # two of that name
        (NAMES + IDS, []),
    ],
)
def test_owners_are_ids_however_they_are_logged(take: Take, source: Query, log: Any, users: Any) -> None:
    take(
        "a",
        OpportunityStage=STAGES,
        Opportunity=[opportunity("D")],
        OpportunityFieldHistory=log,
        **({"User": users} if users else {}),
    )
    owner = "select owner_id from crm.opportunities_as_of(%s)"
    assert [source(owner, f"2024-03-{day}Z") for day in ("10", "11")] == [[("rep-2",)], [("rep-1",)]]


def test_ids_of_15_and_18_characters_are_one(take: Take, source: Query) -> None:
    long = "0063000000abcdeAAA"
    take("a", User=[{"Id": "005300000012AbC", "Name": "Ida"}], Opportunity=[opportunity(long, OwnerId="005300000012AbCAAU")],
         OpportunityFieldHistory=[change("0063000000abcde", "03-06", "Scoping", "Offer"),
                                  change(long, "03-07", "005300000012AbC", "005300000012AbD", "Owner")])  # fmt: skip
    [(deal, owner)] = source("select opportunity_id, owner_id from crm.opportunities")
    assert source("select distinct opportunity_id from crm.opportunity_history") == [(deal,)]
    assert source("select rep_id from crm.reps") == [(owner,)]
    assert source(
        "select old_value = %s, length(new_value) from crm.opportunity_history where field = 'owner_id'", owner
    ) == [(True, 18)]


def test_quotas_without_an_end_and_split_credit(take: Take, clean: Settings, warehouse: Query, source: Query) -> None:
    def quota(name: str, start: str | None, amount: float | None = 4000, **more: Any) -> dict[str, Any]:
        return {"Id": name, "QuotaOwnerId": "rep-1", "StartDate": start, "QuotaAmount": amount, "IsAmount": True,
                "SystemModstamp": at("01-01")} | more  # fmt: skip

    deal = {
        **SALESFORCE,
        "Opportunity": [won("W", Amount=100)],
        "OpportunityFieldHistory": [change("W", "03-20", "Scoping", "Signed")],
    }
    months = [quota(f"q{month}", f"2024-0{month}-01") for month in (3, 1, 2)]
    take(
        "monthly",
        **deal,
        ForecastingQuota=[
            *months,
            quota("units", "2024-01-01", None, IsAmount=False, IsQuantity=True, QuotaQuantity=3),
        ],
    )
    take("gap", **deal, ForecastingQuota=[months[0], months[1], quota("other", "2024-02-01", 1000, QuotaOwnerId="rep-2"),
                                          quota("before", "2024-01-01", 1000, QuotaOwnerId="rep-2")])  # fmt: skip
    take("periods", **deal, ForecastingQuota=[quota("q", None, 9000, PeriodId="P1")],
         Period=[{"Id": "P1", "Type": "Quarter", "StartDate": "2024-01-01", "EndDate": "2024-03-31"}])  # fmt: skip
    take(
        "typed",
        **deal,
        ForecastingQuota=[quota("q", "2024-01-01", 12000, PeriodId="P2")],
        Period=[{"Id": "P2", "Type": "Year"}],
    )
    take("alone", **deal, ForecastingQuota=[quota("q", "2024-01-01")])

    def split(rep: str, share: float | None, kind: str = "rev", **more: Any) -> dict[str, Any]:
        return {
            "Id": f"{rep}{kind}",
            "OpportunityId": "W",
            "SplitOwnerId": rep,
            "SplitPercentage": share,
            "SplitTypeId": kind,
        } | more

    thirds = [split("rep-1", 33.34), split("rep-2", 33.33), split("rep-3", 33.33)]
    take("thirds", **deal, OpportunitySplit=[*thirds, split("rep-2", 100, "overlay")])
    take("flagged", **deal, OpportunitySplit=[split("rep-2", 100, "x"), split("rep-1", 100, "y")],
         OpportunitySplitType=[{"Id": "x", "IsTotalValidated": True}, {"Id": "y", "IsTotalValidated": False}])  # fmt: skip
    take("amounts", **deal, OpportunitySplit=[split("rep-1", None, SplitAmount=30), split("rep-2", None, SplitAmount=70, IsDeleted=False)],
         OpportunitySplitType=[{"Id": "rev", "IsTotalValidated": True}])  # fmt: skip
    materialize(clean, '+key:"dashboard/dashboard_kpis" or +group:metrics', "2024-03-20")
    quotas = warehouse("select tenant_id, quarter_target from staging.quota_days where rep_id = 'rep-1'")
    assert dict(quotas) == {
        "monthly": 12000,
        "gap": 8000,
        "periods": 9000,
        "typed": round(Decimal(12000 * 91) / 366, 2),
    }
    assert source("select need from crm.source_notes('UTC') where need like 'period of%%'") == [("period of 1 quotas",)]
    credit = warehouse(
        "select tenant_id, jsonb_object_agg(rep_id, revenue_won) from metrics.rep_daily_pipeline"
        " where tenant_id in ('thirds', 'flagged', 'amounts') group by 1"
    )
    assert dict(credit) == {
        "thirds": {"rep-1": 33.34, "rep-2": 33.33, "rep-3": 33.33}, "flagged": {"rep-1": 0, "rep-2": 100}, "amounts": {"rep-1": 30, "rep-2": 70},
    }  # fmt: skip
    booked = warehouse(
        "select tenant_id, sum(quarter_won_amount), sum(quarter_won_count) from staging.rep_closings group by 1"
    )
    assert {row[1:] for row in booked} == {(100, 1)}
    won_amounts = warehouse("select distinct closed_won_amount from dashboard.dashboard_kpis where quarter = 'Q1 2024'"
                            " and team_filter = 'All' and segment = 'All' and region = 'All'")  # fmt: skip
    assert won_amounts == [(100,)]


def test_money_is_in_one_currency(
    take: Take, clean: Settings, warehouse: Query, rules: Callable[[str, str], None]
) -> None:
    """Won on the 20th: 3,000 crowns; open: 1,000 dollars. A crown is 0.1, from April on 0.125; a dollar 0.8, by the file 0.5."""
    deals = [won("W", Amount=3000, CurrencyIsoCode="SEK"), opportunity("O", Amount=1000, CurrencyIsoCode="USD"),
             opportunity("E", Amount=10, CurrencyIsoCode="EUR")]  # fmt: skip
    log = [change("W", "03-20", "Scoping", "Signed")]
    kinds = [{"IsoCode": "EUR", "ConversionRate": 1, "IsCorporate": True}, {"IsoCode": "SEK", "ConversionRate": 8},
             {"IsoCode": "USD", "ConversionRate": 1.25}]  # fmt: skip
    dated = [
        {"Id": "1", "IsoCode": "SEK", "ConversionRate": 10, "StartDate": "2024-01-01", "NextStartDate": "2024-04-01"}
    ]
    told = {**SALESFORCE, "Opportunity": deals, "OpportunityFieldHistory": log}
    take("dated", **told, CurrencyType=kinds, DatedConversionRate=dated)
    take("file", **told, CurrencyType=kinds, DatedConversionRate=dated)
    take("none", **told)
    take(
        "single",
        **SALESFORCE,
        OpportunityFieldHistory=log,
        Opportunity=[deal | {"CurrencyIsoCode": "SEK"} for deal in deals],
    )
    rules("exchange_rates", "file,2024-03-21,USD,2,\n")
    materialize(
        clean,
        '+key:"analytics/pipeline_changes" or +key:"analytics/pipeline_health_summary" or +group:metrics',
        "2024-03-19",
        "2024-03-22",
    )
    won_amounts = warehouse(
        "select tenant_id, revenue_won, won_without_amount from metrics.rep_daily_pipeline where metric_date = '2024-03-20'"
    )
    assert {row[0]: row[1:] for row in won_amounts} == {
        "dated": (300, 0),
        "file": (300, 0),
        "none": (0, 1),
        "single": (3000, 0),
    }
    open_amounts = warehouse(
        "select tenant_id, array_agg(array[amount, deals_count, unconverted_count] order by snapshot_date) from analytics.pipeline_health_summary"
        " where dimension = 'overall' and snapshot_date in ('2024-03-20', '2024-03-21') group by 1"
    )
    assert dict(open_amounts) == {
        "dated": [[810, 2, 0], [810, 2, 0]], "file": [[810, 2, 0], [510, 2, 0]],
        "none": [[10, 2, 1], [10, 2, 1]], "single": [[1010, 2, 0], [1010, 2, 0]],
    }  # fmt: skip
    bridge = warehouse(
        "select tenant_id, decreased_amount, closing_amount from analytics.pipeline_changes"
        " where snapshot_date = '2024-03-22' and quarter = 'Q1 2024' and team_id = 'All' and tenant_id = 'file'"
    )
    assert bridge == [("file", 300, 510)]


def test_deals_of_all_times_build_and_what_no_calendar_holds_is_named(
    take: Take, clean: Settings, warehouse: Query, source: Query
) -> None:
    take("old", **SALESFORCE, Opportunity=[
        opportunity("1969", CreatedDate="1969-07-20T20:17:00.000+0000"), opportunity("2004", CreatedDate="2004-02-29T00:00:00.000+0000"),
        opportunity("2099", CloseDate="2099-12-31"), won("W2001", CreatedDate="2001-01-01T00:00:00.000+0000", CloseDate="2001-02-03"),
    ])  # fmt: skip
    result = take("odd", **SALESFORCE, Opportunity=[*(opportunity(str(n)) for n in range(60)), opportunity("never", CloseDate="9999-12-31"),
                                                    opportunity("BC", CreatedDate="0101-01-01T00:00:00.000+0000")])  # fmt: skip
    assert sorted(row["reason"] for row in result.quarantined) == [
        "opportunities: close_date 9999-12-31 is not between 1950 and 2149, the years that the calendar holds",
        "opportunities: created_at 0101-01-01 is not between 1950 and 2149, the years that the calendar holds",
    ]
    materialize(clean, '+key:"dashboard/dashboard_kpis" or +key:"dashboard/rep_performance_view"', "2024-03-20")
    assert warehouse("select tenant_id, count(*) from staging.deal_days where snapshot_date = '2024-03-20' group by 1 order by 1") == [
        ("odd", 60), ("old", 3)
    ]  # fmt: skip


def test_a_deal_that_was_deleted_and_came_back(take: Take, clean: Settings, warehouse: Query, source: Query) -> None:
    """Gone from the 10th to the 15th; by versions in three exports, or by a status in one."""
    for day, is_deleted in (("03-04", False), ("03-10", True), ("03-15", False)):
        take(
            "versions",
            **SALESFORCE,
            Opportunity=[opportunity("D", SystemModstamp=at(day), IsDeleted=is_deleted), opportunity("E")],
        )
    lines = [f"{deal},2024-03-04 09:00:00,{field},{value}" for deal in (1, 2) for field, value in
             (("add_time", "2024-03-04 09:00:00"), ("stage_id", 1), ("value", 2500), ("expected_close_date", "2024-03-28"))]  # fmt: skip
    lines += ["1,2024-03-10 09:00:00,status,deleted", "1,2024-03-15 09:00:00,status,open"]
    take("status", folder=pipedrive(clean.home / "deleted", deal_changes=lines))
    materialize(clean, '+key:"analytics/pipeline_changes"', "2024-03-09", "2024-03-16")
    days = "select array_agg(n order by day) from (select d.day, (select coalesce(sum(amount), 0) from staging.deal_days where snapshot_date = d.day"
    days += " and tenant_id = %s) as n from generate_series('2024-03-09'::date, '2024-03-16', '1 day') as d (day)) as x"
    for tenant in ("versions", "status"):
        assert warehouse(days, tenant)[0][0] == [5000, *[2500] * 5, 5000, 5000], tenant
        as_of = "select coalesce(sum(amount), 0) from crm.opportunities_as_of(%s) where tenant_id = %s"
        assert [source(as_of, f"2024-03-{day}Z", tenant)[0][0] for day in ("10", "11", "15", "16")] == [
            5000,
            2500,
            2500,
            5000,
        ], tenant
        moves = "select kind, day::text, amount_change from staging.pipeline_moves where tenant_id = %s and kind <> 'created' order by day"
        assert warehouse(moves, tenant) == [("deleted", "2024-03-10", -2500), ("reopened", "2024-03-15", 2500)], tenant


def test_pipedrive_s_own_names_and_types(take: Take, clean: Settings, warehouse: Query, source: Query) -> None:
    types = [
        "id,name,active,type,icon_key",
        "1,Call,Yes,call,call",
        "2,Kaffee,Yes,coffee,meeting",
        "3,Demo,Yes,show,",
        "4,Fax,Yes,fax,task",
    ]
    kinds = ["call", "email", "meeting", "lunch", "deadline", "coffee", "show", "fax", "sc_2"]
    take("a", folder=pipedrive(clean.home / "types", activity_types=types, users=["7,Ida,i@x.org,2024-01-01 00:00:00"],
        activity=[f"{n},{kind},7,1,True,2024-03-12 10:00:00" for n, kind in enumerate(kinds)],
        deal_changes=["1,2024-03-04 09:00:00,add_time,2024-03-04 09:00:00", "1,2024-03-04 09:00:00,title,Hof",
                      "1,2024-03-04 09:00:00,value,1.5E3", "1,2024-03-05 09:00:00,value,1700.50", "1,2024-03-04 09:00:00,currency,EUR",
                      "1,2024-03-04 09:00:00,expected_close_date,2024-03-30 00:00:00", "1,2024-03-04 09:00:00,org_id,44",
                      "1,2024-03-04 09:00:00,person_id,55", "1,2024-03-04 09:00:00,stage_id,1"],
        organizations=["id,name", "44,Hof KG"], persons=["id,name,org_id", "55,Uta,44"]))  # fmt: skip
    assert dict(source("select type, count(*) from crm.activities group by 1")) == {
        "call": 2,
        "email": 1,
        "meeting": 2,
        "demo": 1,
        "task": 3,
    }
    assert source("select name, amount, currency, close_date::text, account_id from crm.opportunities") == [
        ("Hof", 1700.50, "EUR", "2024-03-30", "44")
    ]
    assert source("select amount from crm.opportunities_as_of('2024-03-05Z')") == [(1500,)]
    assert source(
        "select a.name, c.name, r.contact_id from crm.accounts as a, crm.contacts as c, crm.opportunity_contacts as r"
    ) == [("Hof KG", "Uta", "55")]
    take("c", folder=pipedrive(clean.home / "times", deal_changes=["1,2024-03-04 09:00:00,stage_id,1", "2,2024-03-04 09:00:00,stage_id,1",
        "1,2024-03-09 10:00:00,won_time,2024-03-09 10:00:00", "2,2024-03-09 10:00:00,lost_time,2024-03-09 10:00:00",
        "2,2024-03-10 10:00:00,lost_time,", "2,2024-03-10 10:00:00,status,open"]))  # fmt: skip
    assert source("select opportunity_id, is_closed, is_won from crm.opportunities where tenant_id = 'c' order by 1") == [
        ("1", True, True), ("2", False, False)
    ]  # fmt: skip
    take("b", folder=pipedrive(clean.home / "deals", deal_changes=["1,2024-03-04 09:00:00,stage_id,1"],
        deals=["id,title,value,status,stage_id,add_time,update_time,won_time", "1,Hof,10,won,1,2024-03-04 09:00:00,2024-03-09 10:00:00,2024-03-09 10:00:00"]))  # fmt: skip
    assert source(
        "select name, amount, is_won, closed_at::date::text from crm.opportunities where tenant_id = 'b'"
    ) == [("Hof", 10, True, "2024-03-09")]


def test_what_is_gone_from_a_complete_export_was_deleted(
    take: Take, clean: Settings, tmp_path: Path, source: Query
) -> None:
    tasks = [{"Id": name, "WhatId": "D", "IsClosed": True, "ActivityDate": "2024-03-12"} for name in ("T1", "T2")]
    full = {"Opportunity": [opportunity("D"), opportunity("E")], "Task": tasks, "User": USERS}
    broken = opportunity("E", CreatedDate="yesterday")
    less = {
        "Opportunity": [opportunity("D"), *(opportunity(f"x{n}") for n in range(30)), broken],
        "Task": tasks[:1],
        "User": USERS[:1],
    }
    for number, objects in enumerate((full, less)):
        folder = write(tmp_path / f"c{number}", **objects)
        manifest = write_manifest(
            folder, "complete", "salesforce", {f"{name}.json": len(rows) for name, rows in objects.items()}
        )
        (folder / "manifest.json").write_text(manifest.model_copy(update={"complete": True}).model_dump_json())
        take("complete", folder=folder)
        take("delta", **objects)
    alive = "select count(*) filter (where not is_deleted), count(*) from crm.{}_current where tenant_id = %s"
    assert source(alive.format("reps"), "complete") == [(1, 2)]
    assert source(alive.format("activities"), "complete") == [(1, 2)]
    assert source(alive.format("opportunities"), "complete") == [(32, 32)]  # one that could not be read is not gone
    assert {source(alive.format(table), "delta")[0] for table in ("reps", "activities")} == {(2, 2)}
    nothing = pipedrive(tmp_path / "p1", deal_changes=[f"{n},2024-03-04 09:00:00,stage_id,1" for n in (1, 2, 3)])
    take("p", folder=nothing)
    take("p", folder=pipedrive(tmp_path / "p2", deal_changes=["2,2024-03-04 09:00:00,stage_id,1"]))
    assert source("select opportunity_id from crm.opportunities where tenant_id = 'p'") == [("2",)]
    assert source("select count(*) from crm.opportunities_as_of('2024-04-01Z') where tenant_id = 'p'") == [(3,)]
    with pytest.raises(RevopsError, match=r"the export holds none of the 1 deals that are known"):
        take("p", folder=pipedrive(tmp_path / "p3", deal_changes=[]))
