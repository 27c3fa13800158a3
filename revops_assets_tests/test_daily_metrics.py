"""Daily metrics: given these leads, deals and activities, exactly these rows, by psql's own calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from revops_assets.settings import Settings
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.daily_metrics import LEAD, STAGES, Rows, change, deal, everything, moved

# ---------------------------------------------------------------------------------------------- leads


def test_leads_by_source_and_by_status(put: Put, warehouse: Query, rows: Callable[..., Rows]) -> None:
    put(
        "a",
        leads=[
            # works its way through its statuses; qualified on the 12th
            {
                "lead_id": "L1",
                "source": "Web",
                "status": "Qualified",
                "created_at": "2024-03-10 12:00Z",
                "qualified_at": "2024-03-12 08:00Z",
            },
            # nobody said from where, nor what it is
            {"lead_id": "L2", "created_at": "2024-03-11 00:00Z"},
            # a blank source; created in the last moment of the 11th; deleted on the 13th at noon
            {"lead_id": "L3", "source": " ", "status": "New", "created_at": "2024-03-11 23:59:59.999Z"},
            # worked on before its own date of creation: it is there, and 0 days old
            {"lead_id": "L4", "source": "Web", "status": "Working", "created_at": "2024-03-13 18:00Z"},
            # changed only after the days asked for: until then it was what the change says it had been
            {"lead_id": "L5", "source": "Event", "status": "Lost", "created_at": "2024-03-10 00:00Z"},
            # without a date it has always been there, of no age
            {"lead_id": "L6", "source": "Event", "status": "New"},
        ],
        lead_history=[
            change("L1", "2024-03-11 12:00Z", "New", "Working"),
            change("L1", "2024-03-12 08:00Z", "Working", "Qualified"),
            change("L4", "2024-03-12 12:00Z", "New", "Working"),
            change("L5", "2024-03-20 12:00Z", "New", "Lost"),
        ],
    )
    put("a", leads=[{"lead_id": "L3", "source": " ", "status": "New", "created_at": "2024-03-11 23:59:59.999Z",
                     "is_deleted": True, "modified_at": "2024-03-13 12:00Z"}])  # fmt: skip
    warehouse("select metrics.backfill_date_range(date '2024-03-09', date '2024-03-13')")
    assert rows("daily_lead_funnel") == [
        ("03-09", "Event", 1, 0, 0, 0),
        ("03-10", "Event", 2, 1, 0, 0), ("03-10", "Web", 1, 1, 0, 0),
        ("03-11", "Event", 2, 0, 0, 0), ("03-11", "Unknown", 2, 2, 0, 0), ("03-11", "Web", 1, 0, 0, 0),
        ("03-12", "Event", 2, 0, 0, 0), ("03-12", "Unknown", 2, 0, 0, 0), ("03-12", "Web", 2, 0, 1, 0),
        ("03-13", "Event", 2, 0, 0, 0), ("03-13", "Unknown", 1, 0, 0, 0), ("03-13", "Web", 2, 1, 0, 0),
    ]  # fmt: skip
    # Ages at midnight: L1 half a day more than days, L5 whole days; of L5 and L6 together only L5 has one.
    assert rows("lead_stage_snapshot") == [
        ("03-09", "New", 1, None),
        ("03-10", "New", 3, 0.75),  # L1 0.5, L5 1, L6 none
        ("03-11", "New", 3, 1.0), ("03-11", "Unknown", 1, 1.0), ("03-11", "Working", 1, 1.5),  # New: L3 0, L5 2, L6
        ("03-12", "New", 3, 2.0), ("03-12", "Qualified", 1, 2.5), ("03-12", "Unknown", 1, 2.0), ("03-12", "Working", 1, 0.0),
        ("03-13", "New", 2, 4.0), ("03-13", "Qualified", 1, 3.5), ("03-13", "Unknown", 1, 3.0), ("03-13", "Working", 1, 0.25),
    ]  # fmt: skip
    assert rows("run_log") == [(f"03-{n:02d}", count, 2) for n, count in ((9, 2), (10, 3), (11, 6), (12, 7), (13, 7))]


def test_a_lead_is_what_its_versions_say_where_no_change_is_logged(
    put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    lead = {"lead_id": "L1", "created_at": "2024-03-10Z"}
    put("a", leads=[lead | {"source": "Web", "status": "New", "modified_at": "2024-03-10Z"}])
    put("a", leads=[lead | {"source": "Event", "status": "Working", "modified_at": "2024-03-12 12:00Z",
                            "qualified_at": "2024-03-12 12:00Z"}])  # fmt: skip
    # Qualified again, later: the first time counts. Another has it from its log only.
    put(
        "a",
        leads=[lead | {"source": "Event", "status": "Working", "modified_at": "2024-03-13 12:00Z", "qualified_at": "2024-03-13 12:00Z"},
               {"lead_id": "L2", "source": "Fair", "status": "qualified", "created_at": "2024-03-11Z"}],
        lead_history=[change("L2", "2024-03-13 10:00Z", "New", "qualified"), change("L2", "2024-03-12 10:00Z", "Old fair", "Fair", "source")],
    )  # fmt: skip
    warehouse("select metrics.backfill_date_range(date '2024-03-11', date '2024-03-13')")
    assert rows("daily_lead_funnel") == [
        ("03-11", "Old fair", 1, 1, 0, 0), ("03-11", "Web", 1, 0, 0, 0),
        ("03-12", "Event", 1, 0, 1, 0), ("03-12", "Fair", 1, 0, 0, 0),
        ("03-13", "Event", 1, 0, 0, 0), ("03-13", "Fair", 1, 0, 1, 0),
    ]  # fmt: skip
    assert [row[:3] for row in rows("lead_stage_snapshot")] == [
        ("03-11", "New", 2), ("03-12", "New", 1), ("03-12", "Working", 1), ("03-13", "Working", 1), ("03-13", "qualified", 1),
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------- deals


def test_deals_created_and_won_by_rep(put: Put, warehouse: Query, rows: Callable[..., Rows]) -> None:
    put(
        "a",
        pipeline_stages=STAGES,
        opportunities=[
            # first and last instant of the 10th; the first instant of the 11th is the 11th's
            deal("first", "2024-03-10 00:00Z", owner_id="ann", amount=10),
            deal("last", "2024-03-10 23:59:59.999Z", owner_id="ann", amount=20),
            deal("next", "2024-03-11 00:00Z", owner_id="ann", amount=40),
            # no owner, no amount, no close date: all there, visibly
            deal("bare", "2024-03-10 12:00Z"),
            # given to bob and made dearer on the 12th: the 10th is ann's, at the amount of then
            deal("passed", "2024-03-10 12:00Z", owner_id="bob", amount=900),
            # won on the 11th, opened again on the 12th, won again on the 13th by another
            deal("again", "2024-03-01Z", owner_id="bob", amount=70, stage_id="Won"),
            # won and opened again on one day: not won on it
            deal("undone", "2024-03-01Z", owner_id="ann", amount=5),
            # given away within the day on which it was won: to whoever had it at the day's end
            deal("late", "2024-03-01Z", owner_id="bob", stage_id="Won"),
            # no move is logged: closed by its record
            deal("record", "2024-03-01Z", owner_id="ann", amount=3, stage_id="Won", is_closed=True, is_won=True,
                 closed_at="2024-03-11 10:00Z"),
            # lost is not won; made in the won stage is won at once
            deal("lost", "2024-03-01Z", owner_id="ann", amount=99, stage_id="Lost"),
            deal("at once", "2024-03-11 09:00Z", owner_id="ann", amount=6, stage_id="Lost"),
            # gone by the end of its first day
            deal("gone", "2024-03-11 09:00Z", owner_id="ann", amount=1000),
        ],
        opportunity_history=[
            moved("passed", "2024-03-12 08:00Z", "ann", "bob", "owner_id"),
            moved("passed", "2024-03-12 08:00Z", "100", "900", "amount"),
            moved("again", "2024-03-11 08:00Z", "Open", "Won"),
            moved("again", "2024-03-12 08:00Z", "Won", "Open"),
            moved("again", "2024-03-13 08:00Z", "ann", "bob", "owner_id"),
            moved("again", "2024-03-13 08:00Z", "50", "70", "amount"),
            moved("again", "2024-03-13 09:00Z", "Open", "Won"),
            moved("undone", "2024-03-12 08:00Z", "Open", "Won"),
            moved("undone", "2024-03-12 09:00Z", "Won", "Open"),
            moved("late", "2024-03-11 08:00Z", "Open", "Won"),
            moved("late", "2024-03-11 20:00Z", "ann", "bob", "owner_id"),
            moved("lost", "2024-03-12 08:00Z", "Open", "Lost"),
            moved("at once", "2024-03-13 08:00Z", "Won", "Lost"),
        ],
    )  # fmt: skip
    put("a", opportunities=[deal("gone", "2024-03-11 09:00Z", is_deleted=True, modified_at="2024-03-11 18:00Z")])
    warehouse("select metrics.backfill_date_range(date '2024-03-09', date '2024-03-14')")
    assert rows("rep_daily_pipeline") == [
        ("03-10", "-1", 1, 0.0, 0, 0.0, 1, 0),
        ("03-10", "ann", 3, 130.0, 0, 0.0, 0, 0),  # first, last, passed
        ("03-11", "ann", 2, 46.0, 3, 59.0, 0, 0),  # next, at once; won: again 50, record 3, at once 6
        ("03-11", "bob", 0, 0.0, 1, 0.0, 0, 1),  # late
        ("03-13", "bob", 0, 0.0, 1, 70.0, 0, 0),  # again
    ]
    assert [row for row in rows("daily_lead_funnel") if row[5]] == [
        ("03-10", "Unknown", 0, 0, 0, 4), ("03-11", "Unknown", 0, 0, 0, 2),
    ]  # fmt: skip
    assert rows("run_log")[0] == ("03-09", 0, 2)  # a day without anything ran as well
    assert warehouse("select distinct rep_name from metrics.rep_daily_pipeline where rep_id in ('-1', 'ann') order by 1") == [
        ("Unassigned",), ("ann",),
    ]  # fmt: skip


def test_a_deal_s_source_is_its_own_else_that_of_the_lead_that_became_it(
    put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    put(
        "a",
        opportunities=[
            deal("own", "2024-03-10 12:00Z", lead_source="Partner"),
            deal("lead's", "2024-03-10 12:00Z", lead_source=""),
            deal("later", "2024-03-10 12:00Z"),  # its lead was converted on the next day only
        ],
        leads=[
            {"lead_id": f"of {name}", "source": source, "created_at": "2024-03-01Z", "converted_at": at,
             "converted_opportunity_id": name}
            for name, source, at in (("own", "Web", "2024-03-10 12:00Z"), ("lead's", "Fair", "2024-03-10 12:00Z"),
                                     ("later", "Fair", "2024-03-11 12:00Z"))
        ],
    )  # fmt: skip
    warehouse("select metrics.run_daily_metrics(date '2024-03-10')")
    assert rows("daily_lead_funnel") == [
        ("03-10", "Fair", 2, 0, 0, 1), ("03-10", "Partner", 0, 0, 0, 1), ("03-10", "Unknown", 0, 0, 0, 1), ("03-10", "Web", 1, 0, 0, 0),
    ]  # fmt: skip


def test_sources_of_other_shapes(put: Put, warehouse: Query, rows: Callable[..., Rows]) -> None:
    """Closed by a status, by a loss reason, by the versions that successive loads left; in stages that nobody lists."""
    put(
        "log",
        opportunities=[deal("d1", "2024-03-01Z"), deal("d2", "2024-03-01Z"), deal("d3", "2024-03-01Z")],
        opportunity_history=[
            moved("d1", "2024-03-10 08:00Z", None, "won", "status"),
            moved("d1", "2024-03-12 08:00Z", None, "too dear", "loss_reason"),
            moved("d2", "2024-03-10 08:00Z", None, "won", "status") | {"line_no": 8},
            moved("d2", "2024-03-10 08:00Z", "Open", "Other")
            | {"line_no": 9},  # the same instant, later in the file: open again
            moved("d3", "2024-03-11 08:00Z", None, "won", "status"),
            moved("d3", "2024-03-12 08:00Z", None, "won", "status"),  # it was: nothing happened
        ],
    )
    for at, outcome in (("03-01", {}), ("03-10", {"is_closed": True, "is_won": True}), ("03-11", {}),
                        ("03-14", {"is_closed": True, "is_won": True, "closed_at": "2024-03-13 22:00Z"})):  # fmt: skip
        put("state", opportunities=[deal("s", "2024-03-01Z", modified_at=f"2024-{at} 09:00Z", amount=5, **outcome)])
    put("labels", opportunities=[deal("l", "2024-03-01Z", stage_id="Signed", is_closed=True, is_won=True, amount=8)],
        opportunity_history=[moved("l", "2024-03-10 08:00Z", "Open", "Signed")])  # fmt: skip
    warehouse("select metrics.backfill_date_range(date '2024-03-09', date '2024-03-15')")
    won = {tenant: [(row[0], row[4], row[5]) for row in rows("rep_daily_pipeline", tenant) if row[4]]
           for tenant in ("log", "state", "labels")}  # fmt: skip
    assert won == {
        "log": [("03-10", 1, 0.0), ("03-11", 1, 0.0)],
        "state": [("03-10", 1, 5.0), ("03-13", 1, 5.0)],
        "labels": [("03-10", 1, 8.0)],
    }


# ---------------------------------------------------------------------------------------------- what sources do


def both_ways(settings: Settings, warehouse: Query, first: str, last: str) -> dict[str, Rows]:
    """The rows of a range, which must be those of its days one by one."""
    warehouse("select metrics.backfill_date_range(%s, %s)", first, last)
    at_once = everything(settings)
    for n in range((date.fromisoformat(last) - date.fromisoformat(first)).days + 1):
        warehouse("select metrics.run_daily_metrics(%s::date + %s)", first, n)
    assert everything(settings) == at_once
    return at_once


def test_changes_of_nothing_and_of_nobody_say_nothing(
    clean: Settings, put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    """Without an instant, without a record, of a record that there is none of: a tool may write all of these."""
    put(
        "a",
        pipeline_stages=STAGES,
        leads=[LEAD],
        lead_history=[
            change("L", "2024-03-02Z", "New", "Working") | {"changed_at": None},
            change("L", "2024-03-02Z", "New", "Working") | {"history_id": "nobody's", "lead_id": None},
            change("GHOST", "2024-03-02Z", "New", "Working"),
        ],
        opportunities=[deal("d", "2024-03-02Z")],
        opportunity_history=[
            moved("d", "2024-03-03Z", "Open", "Won") | {"changed_at": None},
            moved("d", "2024-03-03Z", "Open", "Won") | {"history_id": "nobody's", "opportunity_id": None},
            moved("GHOST", "2024-03-03Z", "Open", "Won"),
        ],
    )
    both_ways(clean, warehouse, "2024-03-01", "2024-03-04")
    assert rows("lead_stage_snapshot") == [(f"03-0{n}", "New", 1, float(n)) for n in range(1, 5)]
    assert [row[:5] for row in rows("rep_daily_pipeline")] == [("03-02", "-1", 1, 0.0, 0)]


def test_a_lead_qualified_and_converted_before_its_own_creation(
    clean: Settings, put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    put(
        "a",
        leads=[{"lead_id": "L", "source": "Web", "created_at": "2024-03-04Z", "qualified_at": "2024-03-02 10:00Z"},
               {"lead_id": "C", "source": "Fair", "created_at": "2024-03-04Z", "converted_at": "2024-03-02Z",
                "converted_opportunity_id": "d"}],
        opportunities=[deal("d", "2024-03-02 12:00Z")],
    )  # fmt: skip
    both_ways(clean, warehouse, "2024-03-02", "2024-03-05")
    assert rows("daily_lead_funnel") == [
        ("03-02", "Unknown", 0, 0, 0, 1), ("03-04", "Fair", 1, 1, 0, 0), ("03-04", "Web", 1, 1, 1, 0),
        ("03-05", "Fair", 1, 0, 0, 0), ("03-05", "Web", 1, 0, 0, 0),
    ]  # fmt: skip


def test_what_was_deleted_was_there_before_and_may_come_back(
    clean: Settings, put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    """A later version of a record does not change on which days it was deleted, nor where a deal had come from."""
    gone = {"is_deleted": True}
    source_of_deal = {"lead_id": "C", "source": "Fair", "created_at": "2024-03-01Z", "converted_at": "2024-03-04 12:00Z",
                      "converted_opportunity_id": "d"}  # fmt: skip
    put("a", leads=[LEAD | {"modified_at": "2024-03-01Z"}, LEAD | {"lead_id": "M", "modified_at": "2024-03-01Z"}, source_of_deal],
        opportunities=[deal("d", "2024-03-04 12:00Z")])  # fmt: skip
    put(
        "a",
        leads=[
            LEAD | gone | {"modified_at": "2024-03-02 12:00Z"},
            LEAD | gone | {"lead_id": "M", "modified_at": "2024-03-02 12:00Z"},
        ],
    )
    both_ways(clean, warehouse, "2024-03-01", "2024-03-04")
    before = everything(clean)["daily_lead_funnel"]
    assert [row[2:6] for row in before if row[2] == "Web"] == [("Web", 2, 2, 0)]
    assert [row for row in rows("daily_lead_funnel") if row[5]] == [("03-04", "Fair", 1, 0, 0, 1)]
    put("a", leads=[LEAD | {"modified_at": "2024-03-05Z"}, {"lead_id": "M", "modified_at": "2024-03-05Z"} | gone,
                    source_of_deal | gone | {"merged_into_id": "X", "modified_at": "2024-03-06Z"}])  # fmt: skip
    assert warehouse("select metrics.request_stale_days()") == [(0,)]
    both_ways(clean, warehouse, "2024-03-01", "2024-03-06")
    found = everything(clean)["daily_lead_funnel"]
    assert [row[:6] for row in found if row[1] <= date(2024, 3, 4)] == [row[:6] for row in before]
    assert [row for row in rows("daily_lead_funnel") if row[0] >= "03-05"] == [
        ("03-05", "Fair", 1, 0, 0, 0), ("03-05", "Web", 1, 0, 0, 0), ("03-06", "Web", 1, 0, 0, 0),
    ]  # fmt: skip


def test_an_older_version_that_comes_late_does_not_move_a_creation(
    put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    put("a", leads=[LEAD | {"created_at": "2024-03-03Z", "modified_at": "2024-03-04Z"}])
    put("a", leads=[LEAD | {"created_at": "2024-03-02Z", "modified_at": "2024-03-02Z"}])
    warehouse("select metrics.backfill_date_range('2024-03-02', '2024-03-03')")
    assert rows("daily_lead_funnel") == [("03-03", "Web", 1, 1, 0, 0)]


def test_qualified_by_log_or_by_versions_the_first_time_counts(
    put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    put("a", leads=[LEAD | {"status": "Qualified", "qualified_at": "2024-03-04 09:00Z"},
                    {"lead_id": "V", "source": "Fair", "status": "New", "created_at": "2024-03-01Z", "modified_at": "2024-03-01Z"},
                    {"lead_id": "B", "source": "Born", "status": "Lost", "created_at": "2024-03-02Z"}],
        lead_history=[change("L", "2024-03-02 09:00Z", "New", "Qualified"), change("L", "2024-03-03 09:00Z", "Qualified", "Working"),
                      change("L", "2024-03-04 09:00Z", "Working", "Qualified"), change("B", "2024-03-03Z", "Qualified", "Lost")])  # fmt: skip
    put(
        "a",
        leads=[
            {
                "lead_id": "V",
                "source": "Fair",
                "status": "Qualified",
                "created_at": "2024-03-01Z",
                "modified_at": "2024-03-03 12:00Z",
            }
        ],
    )
    warehouse("select metrics.backfill_date_range('2024-03-01', '2024-03-05')")
    assert [row for row in rows("daily_lead_funnel") if row[4]] == [
        ("03-02", "Born", 1, 1, 1, 0), ("03-02", "Web", 1, 0, 1, 0), ("03-03", "Fair", 1, 0, 1, 0),
    ]  # fmt: skip


def test_a_record_that_is_opened_again_keeps_the_day_of_its_win(
    put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    closing = {"closed_at": "2024-03-03 10:00Z", "amount": 7}
    put("a", opportunities=[deal("d", "2024-03-01Z", modified_at="2024-03-01Z", amount=7)])
    put(
        "a",
        opportunities=[
            deal("d", "2024-03-01Z", modified_at="2024-03-03 11:00Z", is_closed=True, is_won=True, **closing)
        ],
    )
    put("a", opportunities=[deal("d", "2024-03-01Z", modified_at="2024-03-05Z", **closing)])
    warehouse("select metrics.backfill_date_range('2024-03-02', '2024-03-06')")
    assert [(row[0], row[4], row[5]) for row in rows("rep_daily_pipeline")] == [("03-03", 1, 7.0)]


def test_names_of_blanks_and_amounts_that_are_no_number(put: Put, warehouse: Query, rows: Callable[..., Rows]) -> None:
    put("a", leads=[LEAD | {"lead_id": str(n), "source": name} for n, name in enumerate(["\t", "\u00a0 ", "Web\n", " Web", ""])],
        opportunities=[deal("d", "2024-03-01Z", owner_id="\n"), deal("n", "2024-03-01Z", amount="NaN")])  # fmt: skip
    warehouse("select metrics.run_daily_metrics(date '2024-03-01')")
    assert [row[1:4] for row in rows("daily_lead_funnel")] == [("Unknown", 3, 3), ("Web", 2, 2)]
    assert [row[1:4] + row[6:7] for row in rows("rep_daily_pipeline")] == [
        ("-1", 1, 0.0, 1)
    ]  # what is no number is quarantined


# ---------------------------------------------------------------------------------------------- activities


def test_activities_by_rep_on_the_day_that_the_clocks_change(
    put: Put, warehouse: Query, rows: Callable[..., Rows], business_zone: Callable[[str], None]
) -> None:
    """31 March 2024 in Berlin begins at 23:00 UTC of the 30th and has 23 hours; a leap day has 24 like any other."""
    business_zone("Europe/Berlin")

    def did(at: str, kind: str = "call", rep: str | None = "ann", **more: Any) -> dict[str, Any]:
        return {
            "activity_id": f"{at}/{kind}/{rep}",
            "type": kind,
            "rep_id": rep,
            "occurred_at": at,
            "is_done": True,
        } | more

    put(
        "a",
        reps=[{"rep_id": "ann", "name": "Ann", "modified_at": "2024-01-01Z"}],
        activities=[
            did("2024-03-30 22:59:59.999Z"),
            did("2024-03-30 23:00Z"), did("2024-03-31 10:00Z", "email"), did("2024-03-31 21:59:59.999Z", "meeting"),
            did("2024-03-31 22:00Z"),
            did("2024-03-31 10:00Z", "demo"), did("2024-03-31 11:00Z", "task", is_done=None),
            did("2024-03-31 12:00Z", rep=None), did("2024-03-31 12:00Z", "email", " "), did("2024-03-31 13:00Z", rep="ghost"),
            did("2024-03-31 14:00Z", "meeting", is_done=False),  # planned, not done
            did("2024-02-28 23:00Z"), did("2024-02-29 22:59Z"),
            did("2024-03-31 15:00Z", "call", "bob"), did("2024-03-31 16:00Z", "call", "bob"),
        ],
    )  # fmt: skip
    put(
        "a",
        reps=[{"rep_id": "ann", "name": "Ann Lee", "modified_at": "2024-03-31 22:30Z"}],  # renamed on the 1st of April
        activities=[
            did(
                "2024-03-31 15:00Z", "call", "bob", is_deleted=True, modified_at="2024-03-31 16:00Z"
            ),  # undone that day
            did(
                "2024-03-31 16:00Z", "call", "bob", is_deleted=True, modified_at="2024-04-02Z"
            ),  # later: it had happened
        ],
    )
    warehouse("select metrics.refresh_rep_daily_activity(date '2024-02-29')")
    warehouse("select metrics.refresh_rep_daily_activity(date '2024-03-30', date '2024-04-01')")
    assert rows("rep_daily_activity") == [
        ("02-29", "ann", "Ann", 2, 0, 0, 2),
        ("03-30", "ann", "Ann", 1, 0, 0, 1),
        ("03-31", "-1", "Unassigned", 1, 1, 0, 2),
        ("03-31", "ann", "Ann", 1, 1, 1, 5),
        ("03-31", "bob", "bob", 1, 0, 0, 1),
        ("03-31", "ghost", "ghost", 1, 0, 0, 1),
        ("04-01", "ann", "Ann Lee", 1, 0, 0, 1),
    ]
    assert rows("run_log") == []  # a refresh of one table writes none
