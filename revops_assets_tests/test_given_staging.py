"""Datasets of staging and enriched one by one: given these rows of what they read, exactly those rows."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import Any

import pytest

from revops_assets.catalogue import CATALOGUE
from revops_assets.settings import Settings
from revops_assets_tests.given import selected, table

DAY = "2024-02-29"
EVER: dict[str, Any] = {"valid_from": "-infinity", "valid_to": "infinity"}
HELD = {"holds_from": "-infinity", "valid_to": "infinity", "is_deleted": False}
KNOWN = {"known_from": 1, "known_to": 2**63 - 1, "is_deleted": False}
SUPERSEDED = KNOWN | {"known_to": 2}
NOBODY = {"engaged_contacts_count": 0, "champions_count": 0, "engaged_economic_buyers_count": 0}


EUROS = table(
    "currency rate valid_from valid_to is_home",
    ("USD", 1, "-infinity", "infinity", True), ("EUR", Decimal("0.8"), "-infinity", "2024-03-01", False), ("EUR", Decimal("0.5"), "2024-03-01", "infinity", False),
)  # fmt: skip


def test_accounts_are_dated_by_the_ends_of_days(settings: Settings) -> None:
    """What changes at midnight is so at the end of the new day only."""
    assert selected(
        settings, "staging.accounts", "d_from::text, d_to::text, account_name, segment", DAY,
        history__accounts=table(
            "holds_from valid_to name segment", ("-infinity", "2024-02-29 23:59:59Z", "Xenon", "SMB"), ("2024-02-29 23:59:59Z", "2024-03-01Z", None, "All"),
            ("2024-03-01Z", "infinity", "X", None), account_id="x",
        ),
    ) == [
        ("-infinity", "2024-02-29", "Xenon", "SMB"), ("2024-02-29", "2024-03-01", "x", '"All"'), ("2024-03-01", "infinity", "X", None)
    ]  # fmt: skip


def test_activities_that_were_done(settings: Settings) -> None:
    assert selected(
        settings, "staging.activities", "activity_id, day::text, is_two_way", DAY,
        history__activities=table(
            "activity_id type occurred_at is_done is_answered",
            (0, "meeting", "2024-02-29 23:59:59Z", True, None), (1, "demo", "2024-03-01Z", True, False), (2, "meeting", "2024-02-29Z", False, True),
            (3, "meeting", None, True, None), (4, "call", "2024-02-29 23:30:00-01", None, True), (5, "call", "2024-02-29Z", True, False),
            (6, "email", "2024-02-29Z", True, None), (7, "task", "2024-02-29Z", True, True),
        ),
    ) == [
        ("0", "2024-02-29", True), ("1", "2024-03-01", True), ("4", "2024-03-01", True), ("5", "2024-02-29", False), ("6", "2024-02-29", False),
        ("7", "2024-02-29", False),
    ]  # fmt: skip


def test_closings_as_of_the_day_of_each(settings: Settings) -> None:
    """Won after four weeks, reopened on 5 March, lost on the 20th (47 days and 13 hours).

    The 28 days up to 29 February begin on the 2nd: four activities; those up to 20 March on 22 February: two. The stage entered at the
    instant of winning does not count for it; stage s3 was the ninth until it was entered.
    """
    deal = NOBODY | {"opportunity_id": "d", "opened_at": "2024-02-01 23:00Z"}
    won = deal | {"status": "won", "closed_at": "2024-02-29 23:00Z", "credited_owner_id": "ann"}
    columns = (
        "closed_at::text, closed_on::text, d_to::text, rep_id, is_won, cycle_us, stakeholders_engaged, days_to_first_meeting,"
        " champion_identified_rate, economic_buyer_engaged_rate, activities_per_deal_week, average_discount, stage_reached"
    )
    assert selected(
        settings, "staging.closing_facts", columns, DAY,
        staging__deal_intervals=[
            deal | {"status": "open", "d_from": "2024-02-01", "d_to": DAY},
            won | {"d_from": DAY, "d_to": "2024-03-02", "engaged_contacts_count": 2, "champions_count": 1, "discount_pct": Decimal("12.5")},
            won | {"d_from": "2024-03-02", "d_to": "2024-03-05", "discount_pct": 50},
            deal | {"status": "lost", "closed_at": "2024-03-20 12:00Z", "d_from": "2024-03-20", "d_to": "infinity", "engaged_economic_buyers_count": 1},
        ],
        staging__activities=table(
            "day kind is_two_way", ("2024-02-01", "call", True), ("2024-02-02", "call", True), ("2024-02-05", "meeting", False), ("2024-02-10", "meeting", True),
            (DAY, "call", False), ("2024-03-01", "demo", True), ("2024-03-21", "call", True), opportunity_id="d",
        ),
        staging__deal_visits=table(
            "status stage_id entered_at", ("open", "s1", "2024-02-01 23:00Z"), ("open", "s3", "2024-02-10Z"), ("open", "s2", "2024-02-20Z"),
            ("open", "s4", "2024-02-29 23:00Z"), ("won", "s5", "2024-02-29 23:00Z"), opportunity_id="d",
        ),
        staging__pipeline_stages=table("stage_id stage_order", ("s1", 1), ("s2", 2), ("s4", 4), ("s5", 99), **EVER)
        + table("stage_id stage_order valid_from valid_to", ("s3", 9, "-infinity", "2024-02-10Z"), ("s3", 3, "2024-02-10Z", "infinity")),
    ) == [
        ("2024-02-29 23:00:00+00", "2024-02-29", "2024-03-05", "ann", True, 28 * 86400 * 10**6, 2, 9, 1, 0, 1, Decimal("0.125"), 3),
        ("2024-03-20 12:00:00+00", "2024-03-20", "infinity", "-1", False, (47 * 24 + 13) * 3600 * 10**6, 0, 9, 0, 1, Decimal("0.5"), None, 4),
    ]  # fmt: skip


def test_a_closing_of_which_little_is_known(settings: Settings) -> None:
    """A meeting before the deal was made is one on day 0; no meeting is none."""
    lost = {"status": "lost", "opened_at": "2024-02-29Z", "closed_at": "2024-02-29 12:00Z", "d_from": DAY, "d_to": "infinity"}  # fmt: skip
    assert selected(
        settings, "staging.closing_facts", "opportunity_id, days_to_first_meeting, activities_per_deal_week, stage_reached", DAY,
        staging__deal_intervals=[lost | {"opportunity_id": "early"}, lost | {"opportunity_id": "never"}],
        staging__activities=[{"opportunity_id": "early", "day": "2024-02-28", "kind": "demo", "is_two_way": True}],
        staging__deal_visits=[{"opportunity_id": "early", "status": "open", "stage_id": "s", "entered_at": "2024-02-29Z"}],
        staging__pipeline_stages=[EVER | {"stage_id": "s"}],
    ) == [("early", 0, Decimal("0.25"), None), ("never", None, 0, None)]  # fmt: skip


def test_roles_from_day_to_day(settings: Settings) -> None:
    """turns: a buyer from its creation, a champion since; ends: deleted late on the day; gone: first heard of as deleted; brief: another
    role within a day; none: no role."""
    noon = "2024-02-29 12:00Z"
    assert selected(
        settings, "staging.contact_roles", "contact_id, role, from_day::text, to_day::text", DAY,
        history__opportunity_contacts=table(
            "contact_id role created_at holds_from valid_from valid_to is_deleted",
            ("turns", "economic DECISION maker", "2024-02-10 23:30Z", "-infinity", "2024-02-20Z", noon, False),
            ("turns", "CHAMPION", "2024-02-10 23:30Z", noon, noon, "infinity", False),
            ("ends", "Champion", None, "-infinity", "2024-02-20Z", "2024-02-29 23:59Z", False),
            ("ends", "Champion", None, "2024-02-29 23:59Z", "2024-02-29 23:59Z", "infinity", True),
            ("gone", "Coach", "2024-02-01Z", "-infinity", "2024-02-29 01:00Z", "infinity", True),
            ("brief", "Champion", None, noon, noon, "2024-02-29 13:00Z", False), ("none", None, None, "-infinity", "2024-02-20Z", "infinity", False),
        ),
    ) == [
        ("ends", "Champion", "-infinity", "2024-02-29"), ("gone", "Coach", "2024-02-01", "2024-02-29"), ("turns", "Champion", "2024-02-29", "infinity"),
        ("turns", "Economic Buyer", "2024-02-10", "2024-02-29"),
    ]  # fmt: skip


def test_contacts_by_name_or_id(settings: Settings) -> None:
    assert selected(
        settings, "staging.contacts", "contact_name, valid_from::text, valid_to::text", DAY,
        history__contacts=table("contact_id name holds_from valid_from valid_to", ("c", "Cleo", "-infinity", "2024-02-01Z", "2024-02-29Z"),
                                ("c", None, "2024-02-29Z", "2024-02-29Z", "infinity")),
    ) == [("Cleo", "-infinity", "2024-02-29 00:00:00+00"), ("c", "2024-02-29 00:00:00+00", "infinity")]  # fmt: skip


ROLES = "contact_id role from_day to_day"
TALKS = "contact_id day occurred_at is_two_way"


def test_people_of_a_deal_by_role_and_last_contact(settings: Settings) -> None:
    """buyer: a champion given the role anew on the 14th, for five days the buyer too; coach: nothing is left of the role on the 20th;
    talks: the role ends, the talk stays."""
    assert selected(
        settings, "staging.deal_contacts", "contact_id, d_from::text, d_to::text, role, last_two_way_at::text", DAY,
        staging__contact_roles=table(
            ROLES, ("buyer", "Champion", "2024-02-10", "2024-02-14"), ("buyer", "Champion", "2024-02-14", "infinity"),
            ("buyer", "Economic Buyer", "2024-02-15", "2024-02-20"), ("coach", "Coach", "-infinity", "2024-02-20"), ("talks", "Coach", "2024-02-10", "2024-02-20"),
            opportunity_id="d",
        ),
        staging__activities=table(
            TALKS, ("buyer", "2024-02-14", "2024-02-14 15:00Z", True), ("buyer", "2024-02-14", "2024-02-14 10:00Z", True),
            ("buyer", "2024-02-11", "2024-02-11Z", False), ("buyer", "2024-02-20", "2024-02-20Z", True), ("talks", "2024-02-15", "2024-02-15Z", True),
            opportunity_id="d",
        ) + table(TALKS, ("stray", DAY, "2024-02-29Z", True), opportunity_id=None),
    ) == [
        ("buyer", "2024-02-10", "2024-02-14", "Champion", None), ("buyer", "2024-02-14", "2024-02-15", "Champion", "2024-02-14 15:00:00+00"),
        ("buyer", "2024-02-15", "2024-02-20", "Economic Buyer", "2024-02-14 15:00:00+00"),
        ("buyer", "2024-02-20", "infinity", "Champion", "2024-02-20 00:00:00+00"),
        ("coach", "-infinity", "2024-02-20", "Coach", None), ("talks", "2024-02-10", "2024-02-15", "Coach", None),
        ("talks", "2024-02-15", "2024-02-20", "Coach", "2024-02-15 00:00:00+00"), ("talks", "2024-02-20", "infinity", None, "2024-02-15 00:00:00+00"),
    ]  # fmt: skip


def test_shares_of_the_kind_that_splits_whole_deals(settings: Settings) -> None:
    """Bob's share of d is taken away at noon; those of scaled make 60; of money nobody's is a quarter; nil has no share."""
    split = HELD | {"split_type": "Revenue", "is_whole": True}
    noon = "2024-02-29 12:00Z"
    assert selected(
        settings, "staging.deal_credits", "opportunity_id, valid_from::text, rep_id, valid_to::text, share_from, share_to", DAY,
        history__opportunity_splits=[
            split | {"opportunity_id": "d", "rep_id": "bob", "percentage": 40, "valid_to": noon},
            split | {"opportunity_id": "d", "rep_id": "bob", "percentage": 40, "holds_from": noon, "is_deleted": True},
            *table("opportunity_id rep_id percentage amount", ("d", "ann", 60, None), ("scaled", "bob", 45, None), ("scaled", "cy", 15, None),
                   ("money", "bob", None, 30), ("money", None, None, 10), ("nil", "bob", 0, None), **split),
            HELD | {"opportunity_id": "d", "rep_id": "over", "percentage": 100, "split_type": "Overlay"},
        ],
        crm_remote__opportunities_versions=[KNOWN | {"opportunity_id": "d", "owner_id": "over"}],
    ) == [
        ("d", "-infinity", "ann", "2024-02-29 12:00:00+00", 0, Decimal("0.6")), ("d", "-infinity", "bob", "2024-02-29 12:00:00+00", Decimal("0.6"), 1),
        ("d", "2024-02-29 12:00:00+00", "ann", "infinity", 0, 1),
        ("money", "-infinity", "-1", "infinity", 0, Decimal("0.25")), ("money", "-infinity", "bob", "infinity", Decimal("0.25"), 1),
        ("scaled", "-infinity", "bob", "infinity", 0, Decimal("0.75")), ("scaled", "-infinity", "cy", "infinity", Decimal("0.75"), 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("of_a", "of_b", "owner", "used"),
    [
        ([100], [Decimal("99.995")], "B", {"B"}),
        ([100, 50], [100, 100], "A", {"B"}),  # nine of ten make whole deals
        ([100, 50], [100, 100, 50], None, {"B"}),
        ([100], [100, 100], None, {"B"}),
        ([50], [None], "B", set()),  # money, which never makes 100 %
    ],
)
def test_shares_of_the_kind_that_makes_whole_deals_of_their_owners(
    settings: Settings, of_a: list[Any], of_b: list[Any], owner: str | None, used: set[str]
) -> None:
    """Each kind credits a rep of its name; until a later load all deals were A's."""
    rows = selected(
        settings, "staging.deal_credits", "rep_id", DAY,
        history__opportunity_splits=[
            HELD | {"opportunity_id": str(number), "rep_id": kind, "split_type": kind, "percentage": share, "amount": 100}
            for kind, shares in (("A", of_a), ("B", of_b)) for number, share in enumerate(shares)
        ],
        crm_remote__opportunities_versions=[known | {"opportunity_id": str(number), "owner_id": name}
                                            for number in range(3) for known, name in ((KNOWN, owner), (SUPERSEDED, "A"))],
    )  # fmt: skip
    assert {rep for (rep,) in rows} == used


def test_open_deals_as_of_the_end_of_the_day(settings: Settings) -> None:
    """d was made on the 28th at noon: on the 29th it is 1.5 days in its stage. Names of midnight are the next day's."""
    columns = (
        "snapshot_date::text, opportunity_id, stage_name, stage_order, days_in_stage, owner_id, owner_name, team_id, segment, region, forecast_category,"
        " competitor_status, days_open, days_since_two_way, has_champion, has_engaged_economic_buyer"
    )
    noon = "2024-02-28 12:00Z"
    deal = NOBODY | {"opportunity_id": "d", "status": "open", "opened_at": noon, "stage_entered_at": noon, "stage_id": "s", "account_id": "x"}  # fmt: skip
    ends = deal | {"opportunity_id": "ends", "d_from": "2024-02-01", "d_to": DAY, "opened_at": "2024-01-31 23:59Z", "stage_id": None, "stage_entered_at": None}  # fmt: skip
    assert selected(
        settings, "staging.deal_days", columns, "2024-02-28", DAY,
        staging__deal_intervals=[
            deal | {"d_from": "2024-02-28", "d_to": DAY, "forecast_category": "FORECAST", "competitor_status": "active"},
            deal | {"d_from": DAY, "d_to": "infinity", "owner_id": "ann", "forecast_category": "BestCase", "competitor": "Rival",
                    "last_two_way_at": "2024-02-29 23:59Z", "champions_count": 1, "engaged_economic_buyers_count": 1},
            ends | {"owner_id": "ann", "account_id": None, "competitor": "Rival", "competitor_status": "active"},
            ends | {"d_from": DAY, "d_to": "infinity", "status": "won"}, deal | {"opportunity_id": "later", "d_from": "2024-03-01", "d_to": "infinity"},
        ],
        staging__pipeline_stages=table("stage_id stage_name stage_order valid_from valid_to", ("s", "Demo", 2, "-infinity", "2024-03-01Z"),
                                       ("s", "Show", 3, "2024-03-01Z", "infinity")),
        staging__rep_days=table(
            "snapshot_date rep_id rep_name team_id segment region", ("2024-02-28", "-1", "Unassigned", "-1", None, None),
            ("2024-02-28", "ann", "Ann Old", "n", "Mid", None), (DAY, "ann", "Ann", "m", "SMB", "North"),
        ),
        staging__accounts=table("account_id segment d_from d_to", ("x", None, "-infinity", DAY), ("x", "Enterprise", DAY, "infinity")),
    ) == [
        ("2024-02-28", "d", "Demo", 2, 0.5, "-1", "Unassigned", "-1", None, None, "Commit", None, 0, 0, False, False),
        ("2024-02-28", "ends", None, None, None, "ann", "Ann Old", "n", "Mid", None, "Pipeline", "active", 28, 28, False, False),
        ("2024-02-29", "d", "Demo", 2, 1.5, "ann", "Ann", "m", "Enterprise", "North", "Best Case", "named", 1, 0, True, True),
    ]  # fmt: skip


def test_who_is_engaged_from_when_to_when(settings: Settings) -> None:
    """Engaged for 90 days: from 29 February to before 29 May. On that very day ann is again (one run, to before 27 August); bob, a day
    later, had ceased to be. Ann is the buyer from 10 March on; bob was, and the champion, before he was engaged; cy never is."""
    assert selected(
        settings, "staging.deal_engagement", "day::text, two_way_at::text, engaged_change, champion_change, buyer_change", DAY,
        staging__activities=table(
            TALKS, ("ann", DAY, "2024-02-29 15:00Z", True), ("ann", DAY, "2024-02-29 10:00Z", True), ("ann", "2024-05-29", "2024-05-29Z", True),
            ("ann", "2024-08-01", "2024-08-01Z", False), ("bob", DAY, "2024-02-29 11:00Z", True), ("bob", "2024-05-30", "2024-05-30Z", True),
            (None, "2024-03-15", "2024-03-15Z", True), opportunity_id="d",
        ),
        staging__contact_roles=table(
            ROLES, ("ann", "Economic Buyer", "2024-03-10", "infinity"), ("bob", "Champion", "2024-02-01", "2024-03-01"), ("bob", "Coach", "2024-02-01", "infinity"),
            ("bob", "Economic Buyer", "2024-02-01", DAY), ("cy", "Economic Buyer", "2024-02-01", "infinity"), opportunity_id="d",
        ),
    ) == [
        ("2024-02-01", None, 0, 1, 0), ("2024-02-29", "2024-02-29 15:00:00+00", 0, 0, 0), ("2024-02-29", None, 1, 0, 0), ("2024-02-29", None, 1, 0, 0),
        ("2024-03-01", None, 0, -1, 0), ("2024-03-10", None, 0, 0, 1), ("2024-03-15", "2024-03-15 00:00:00+00", 0, 0, 0),
        ("2024-05-29", "2024-05-29 00:00:00+00", 0, 0, 0), ("2024-05-29", None, -1, 0, 0), ("2024-05-30", "2024-05-30 00:00:00+00", 0, 0, 0),
        ("2024-05-30", None, 1, 0, 0), ("2024-08-27", None, -1, 0, 0), ("2024-08-27", None, 0, 0, -1), ("2024-08-28", None, -1, 0, 0),
    ]  # fmt: skip


NUMBERED = "opportunity_id span_number status entered_at is_reopening"
VALUES = "field value old_value previous_value valid_from known_from line_no"


def test_a_deal_s_beginning_and_what_changed_since(settings: Settings) -> None:
    """The first values go before those of the first version. Moved in from May, by the log, is no push, though April was the last known.
    The rate of the day of its creation is no change, that of a later day is one."""
    columns = (
        "changed_at::date::text, load_order, line_order, is_push, is_reopening,"
        " jsonb_strip_nulls(changes) - array['pipeline_id', 'stage_id', 'stage_entered_at']"
    )
    assert selected(
        settings, "staging.deal_events", columns, DAY,
        staging__deal_visits=table(NUMBERED, ("d", 1, "open", "2024-02-28 10:00Z", False), ("d", 2, "open", "2024-02-29Z", False)),
        history__opportunities=table("holds_from name amount currency owner_id", ("-infinity", "New", 10, "eur", "ann"),
                                     ("2024-02-29Z", "Newest", 11, "gbp", "bob"), opportunity_id="d"),
        history__opportunity_values=table(
            VALUES, ("name", "Old", None, None, "-infinity", None, None), ("name", "New", None, "Old", "2024-02-29Z", 5, 7),
            ("close_date", "2024-03-31", None, None, "-infinity", None, None), ("close_date", "2024-04-30", None, "2024-03-31", "2024-02-29Z", 5, 8),
            ("close_date", "2024-05-15", "2024-05-31", "2024-04-30", "2024-03-01Z", 6, 1), record_id="d", valid_to="infinity",
        ),
        staging__exchange_rates=table("currency valid_from", ("EUR", "-infinity"), ("EUR", "2024-02-28"), ("EUR", "2024-03-02"), ("GBP", "2024-03-03")),
    ) == [
        ("2024-02-28", -1, 0, False, False, {"opportunity_name": "Old", "amount": 10, "currency": "eur", "owner_id": "ann", "close_date": "2024-03-31"}),
        ("2024-02-28", 0, 1, False, False, {"status": "open"}), ("2024-02-29", 0, 2, False, False, {"status": "open"}),
        ("2024-02-29", 5, 7, False, False, {"opportunity_name": "New"}), ("2024-02-29", 5, 8, True, False, {"close_date": "2024-04-30"}),
        ("2024-03-01", 6, 1, False, False, {"close_date": "2024-05-15"}), ("2024-03-02", 0, 0, False, False, {}),
    ]  # fmt: skip


def test_what_a_closing_left_is_not_the_reopened_deal_s(settings: Settings) -> None:
    """left: due on the day of its closing, at 100 %; once it is closed again, so it says. due: on the day of the reopening, at 50 %.
    set: given a date as it is reopened, at 0 %. same: reopened on the day on which it was closed and due."""
    columns = "changes ? 'close_date', changes ->> 'close_date', changes ? 'probability', changes ->> 'probability', is_reopening"
    rows = selected(
        settings, "staging.deal_events", f"opportunity_id, line_order, {columns}", DAY,
        staging__deal_visits=[
            visit for deal in ("left", "due", "set") for visit in table(
                NUMBERED, (deal, 1, "open", "2024-02-01Z", False), (deal, 2, "won", "2024-02-20 15:00Z", False), (deal, 3, "open", "2024-02-29 12:00Z", True),
                (deal, 4, "lost", "2024-03-10Z", False))
        ] + table(NUMBERED, ("same", 2, "lost", "2024-02-29 01:00Z", False), ("same", 3, "open", "2024-02-29 02:00Z", True)),
        history__opportunities=table("opportunity_id close_date probability", ("left", "2024-02-20", 100), ("due", DAY, 50), ("set", "2024-02-20", 0),
                                     ("same", DAY, None), holds_from="-infinity"),
        history__opportunity_values=table("value valid_from valid_to", ("2024-02-20", "-infinity", "2024-02-29 12:00Z"), (DAY, "2024-02-29 12:00Z", "infinity"),
                                          record_id="set", field="close_date", known_from=0, line_no=0),
    )  # fmt: skip
    assert [row for row in rows if row[1] >= 3] == [
        ("due", 3, False, None, False, None, True), ("due", 4, True, DAY, True, "50", False),
        ("left", 3, True, None, True, None, True), ("left", 4, True, "2024-02-20", True, "100", False),
        ("same", 3, True, None, False, None, True), ("set", 3, False, None, True, None, True), ("set", 4, True, DAY, True, "0", False),
    ]  # fmt: skip


def test_days_on_which_a_deal_is_gone(settings: Settings) -> None:
    """brief: back on the same day; tie: at one instant, the load known later says that it is there; log: a status; never: so says a stage."""
    assert selected(
        settings, "staging.deal_gaps", "opportunity_id, gone_on::text, back_on::text, gone_by", DAY,
        history__opportunities=table(
            "opportunity_id valid_from is_deleted merged_into_id known_from line_no",
            ("back", "2024-02-01Z", False, None, 1, 1), ("back", "2024-02-29 23:59:59Z", True, None, 2, 1), ("back", "2024-03-05 10:00Z", False, None, 3, 1),
            ("merged", "2024-02-29Z", True, "back", 1, 1), ("brief", "2024-02-29 09:00Z", True, None, 2, 1), ("brief", "2024-02-29 10:00Z", False, None, 1, 1),
            ("tie", "2024-02-29Z", False, None, 2, 1), ("tie", "2024-02-29Z", True, None, 1, 2), ("never", "2024-02-01Z", False, None, 1, 1),
        ),
        history__opportunity_history=table(
            "opportunity_id field new_value changed_at", ("log", "status", "deleted", "2024-02-20Z"), ("log", "status", "paused", "2024-02-21Z"),
            ("log", "status", "open", "2024-02-29Z"), ("never", "stage_id", "deleted", "2024-02-20Z"), known_from=1, line_no=1,
        ),
    ) == [
        ("back", "2024-02-29", "2024-03-05", "deleted"), ("log", "2024-02-20", "2024-02-29", "deleted"), ("merged", "2024-02-29", "infinity", "merged")
    ]  # fmt: skip


def event(at: str, load_order: int = 1, line_order: int = 1, /, deal: str = "d", **changes: Any) -> dict[str, Any]:
    return {"opportunity_id": deal, "changed_at": at, "load_order": load_order, "line_order": line_order, "changes": json.dumps(changes),
            "is_push": False, "is_reopening": False}  # fmt: skip


def test_a_deal_from_day_to_day(settings: Settings) -> None:
    """On leap day it was bob's for an hour. Cy owned it at the end of the day on which it was won, and is credited; a gap is no row."""
    columns = (
        "d_from::text, d_to::text, status, owner_id, credited_owner_id, close_date::text, opened_at::date::text, last_two_way_at::date::text,"
        " array[pushes_count, reopenings_count, engaged_contacts_count, champions_count, engaged_economic_buyers_count]"
    )
    born, talked = "2024-02-28", "2024-02-20"
    assert selected(
        settings, "staging.deal_intervals", columns, DAY,
        staging__deal_visits=[{"opportunity_id": "d", "entered_at": "2024-03-01 12:00Z"}, {"opportunity_id": "d", "entered_at": "2024-02-28 10:00Z"}],
        staging__deal_events=[
            event("2024-02-28 10:00Z", 0, 1, status="open"), event("2024-02-28 10:00Z", -1, 0, status="none", owner_id="ann", close_date="2024-03-31"),
            event("2024-02-29 09:00Z", owner_id="bob"), event("2024-02-29 10:00Z", owner_id="ann"),
            event("2024-02-29 23:59Z", close_date="2024-04-01") | {"is_push": True}, event("2024-03-01 12:00Z", status="won", closed_at="2024-03-01T12:00Z"),
            event("2024-03-01 20:00Z", owner_id="cy"), event("2024-03-05Z", owner_id="dan") | {"is_reopening": True},
        ],
        staging__deal_engagement=table(
            "opportunity_id day two_way_at engaged_change champion_change buyer_change", ("d", talked, None, 1, 2, 1), ("d", talked, "2024-02-20 08:00Z", 0, 0, 0),
            ("d", "2024-03-01", None, -1, 0, 0), ("stray", "2024-03-01", None, 1, 0, 0),
        ),
        staging__deal_gaps=[{"opportunity_id": "d", "gone_on": "2024-03-10", "back_on": "2024-03-12"}],
    ) == [
        ("2024-02-28", "2024-02-29", "open", "ann", None, "2024-03-31", born, talked, [0, 0, 1, 2, 1]),
        ("2024-02-29", "2024-03-01", "open", "ann", None, "2024-04-01", born, talked, [1, 0, 1, 2, 1]),
        ("2024-03-01", "2024-03-05", "won", "cy", "cy", "2024-04-01", born, talked, [1, 0, 0, 2, 1]),
        ("2024-03-05", "2024-03-10", "won", "dan", "cy", "2024-04-01", born, talked, [1, 1, 0, 2, 1]),
        ("2024-03-12", "infinity", "won", "dan", "cy", "2024-04-01", born, talked, [1, 1, 0, 2, 1]),
    ]  # fmt: skip


def test_money_at_the_rate_of_the_day_or_of_the_close_date(settings: Settings) -> None:
    """100 EUR: 125 at 0.8; from March on 200 at 0.5; won in March for 29 February: 125 again. No rate: no amount."""
    assert selected(
        settings, "staging.deal_intervals", "d_from::text, status, amount, currency, currency_amount", DAY,
        staging__deal_visits=[{"opportunity_id": "d", "entered_at": "2024-02-28Z"}],
        staging__deal_events=[
            event("2024-02-28Z", status="open", amount="100", currency="eur"), event("2024-03-01Z"),
            event("2024-03-05Z", status="won", closed_at="2024-03-05T00:00Z", close_date=DAY), event("2024-03-06Z", close_date=None),
            event("2024-03-07Z", currency="GBP"), event("2024-03-08Z", currency=None),
        ],
        staging__exchange_rates=EUROS,
    ) == [
        ("2024-02-28", "open", 125, "EUR", 100), ("2024-03-01", "open", 200, "EUR", 100), ("2024-03-05", "won", 125, "EUR", 100),
        ("2024-03-06", "won", 200, "EUR", 100), ("2024-03-07", "won", None, "GBP", 100), ("2024-03-08", "won", 100, "USD", 100),
    ]  # fmt: skip


SPANS = (
    "opportunity_id, span_number, status, pipeline_id, stage_id, visit_number, entered_at::date::text, exited_at::date::text, ended_by, next_stage_id,"
    " is_reentry, is_reopening"
)
# What the stages are called and make of a deal; and their order: b came before a until 5 February.
STAGES: dict[str, Any] = {
    "ops__stage_meanings": table(
        "stage_label stage_id outcome valid_from valid_to", ("A", "a", "open", "-infinity", "infinity"), ("B", "z", "won", "-infinity", "2024-02-01Z"),
        ("B", "b", "open", "2024-02-01Z", "infinity"), ("Won", "w", "won", "-infinity", "infinity"), pipeline_id="p",
    ),
    "staging__pipeline_stages": table(
        "stage_id stage_order valid_from valid_to", ("a", 2, "-infinity", "2024-02-05Z"), ("b", 1, "-infinity", "2024-02-05Z"),
        ("a", 1, "2024-02-05Z", "infinity"), ("b", 2, "2024-02-05Z", "infinity"),
    ),
}  # fmt: skip


def happened(
    kind: str, at: str, label: str | None = None, old: str | None = None, /, deal: str = "d", **more: Any
) -> dict[str, Any]:
    return {"opportunity_id": deal, "kind": kind, "changed_at": at, "stage_label": label, "old_label": old, "load_order": 1, "line_order": 1,
            "is_current": not old, **more}  # fmt: skip


def test_a_life_by_the_log(settings: Settings) -> None:
    """The record of today (Won) says no stage; the first change says the first. On the 10th two moves of one instant; opened by its
    status in March, it is where it was."""
    assert selected(
        settings, "staging.deal_visits", SPANS, DAY, **STAGES,
        staging__stage_events=[
            happened("created", "2024-02-01Z", load_order=0), happened("version", "2024-02-01Z", "Won"), happened("stage", "2024-02-05Z", "B", "A"),
            happened("stage", "2024-02-06Z", "B", "B"), happened("stage", "2024-02-10Z", "B", "A", line_order=3),
            happened("stage", "2024-02-10Z", "A", "B", line_order=2), happened("stage", "2024-02-29Z", "Won", "B"), happened("open", "2024-03-05Z"),
            happened("stage", "2024-03-06Z", "Elsewhere", "Won"),
        ],
    ) == [
        ("d", 1, "open", "p", "a", 1, "2024-02-01", "2024-02-05", "forward", "b", False, False),
        ("d", 2, "open", "p", "b", 2, "2024-02-05", "2024-02-10", "back", "a", False, False),
        ("d", 3, "open", "p", "a", 3, "2024-02-10", "2024-02-10", "forward", "b", True, False),
        ("d", 4, "open", "p", "b", 4, "2024-02-10", "2024-02-29", "won", None, True, False),
        ("d", 5, "won", None, None, None, "2024-02-29", "2024-03-05", "reopened", "b", False, False),
        ("d", 6, "open", "p", "b", 5, "2024-03-05", "2024-03-06", "left", "Elsewhere", True, True),
        ("d", 7, "open", "default", "Elsewhere", 6, "2024-03-06", None, "open", None, False, False),
    ]  # fmt: skip


def test_a_life_by_the_versions_of_its_record(settings: Settings) -> None:
    """moves: seen in A, then in B, then won; known: first seen in Won; lost: first seen lost, in B; never: without a record."""
    closed = {"is_current": True, "load_order": 9, "recorded_at": "2024-02-29Z"}
    assert selected(
        settings, "staging.deal_visits", SPANS, DAY, **STAGES,
        staging__stage_events=[
            *(happened("created", "2024-02-01Z", deal=deal, load_order=0, pipeline_id="q") for deal in ("moves", "known", "lost")),
            happened("version", "2024-02-01Z", "A", deal="moves"), happened("moved_version", "2024-02-10Z", "B", deal="moves"),
            happened("closed_version", "2024-02-29Z", "Won", deal="moves"), happened("recorded_won", "2024-02-29Z", deal="moves", **closed),
            happened("closed_version", "2024-02-01Z", "Won", deal="known"), happened("recorded_won", "2024-02-29Z", deal="known", **closed),
            happened("closed_version", "2024-02-01Z", "B", deal="lost"), happened("recorded_lost", "2024-02-29Z", deal="lost", **closed),
            happened("stage", "2024-02-01Z", "B", "A", deal="never"),
        ],
    ) == [
        ("known", 1, "open", "q", None, None, "2024-02-01", "2024-02-29", "won", None, False, False),
        ("known", 2, "won", None, None, None, "2024-02-29", None, "closed", None, False, False),
        ("lost", 1, "open", "p", "b", 1, "2024-02-01", "2024-02-29", "lost", None, False, False),
        ("lost", 2, "lost", None, None, None, "2024-02-29", None, "closed", None, False, False),
        ("moves", 1, "open", "p", "a", 1, "2024-02-01", "2024-02-10", "forward", "b", False, False),
        ("moves", 2, "open", "p", "b", 2, "2024-02-10", "2024-02-29", "won", None, False, False),
        ("moves", 3, "won", None, None, None, "2024-02-29", None, "closed", None, False, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("recorded_at", "said_at", "is_current", "won_on"),
    [
        ("2024-02-25Z", "2024-02-20Z", True, "2024-02-20"),
        ("2024-02-25Z", "2024-02-03Z", True, "2024-02-05"),  # not before the last move
        ("2024-02-04Z", "2024-02-03Z", True, None),  # the log is newer
        ("2024-02-25Z", "2024-02-20Z", False, None),
    ],
)
def test_a_record_newer_than_the_log_closes_a_deal(
    settings: Settings, recorded_at: str, said_at: str, is_current: bool, won_on: str | None
) -> None:
    won = happened(
        "recorded_won", said_at, recorded_at=recorded_at, said_at=said_at, is_current=is_current, load_order=9
    )
    spans = selected(
        settings, "staging.deal_visits", "status, entered_at::date::text", DAY, **STAGES,
        staging__stage_events=[happened("created", "2024-02-01Z", load_order=0), happened("stage", "2024-02-05Z", "B", "A"), won],
    )  # fmt: skip
    assert spans == [("open", "2024-02-01"), ("open", "2024-02-05"), *([("won", won_on)] if won_on else [])]


def test_a_life_ends_with_the_deletion(settings: Settings) -> None:
    """back was restored; late was made, by its record, after it had first moved."""
    columns = "opportunity_id, stage_id, entered_at::date::text, exited_at::date::text, ended_by, gone_at::date::text, gone_by"
    assert selected(
        settings, "staging.deal_visits", columns, DAY, **STAGES,
        staging__stage_events=[
            *(happened("created", at, deal=deal, load_order=0) for deal, at in (("gone", "2024-02-01Z"), ("back", "2024-02-01Z"), ("late", "2024-02-10Z"))),
            *(happened("stage", "2024-02-05Z", "B", "A", deal=deal) for deal in ("gone", "back", "late")),
            happened("deleted", "2024-02-20Z", deal="back"), happened("restored", "2024-02-21Z", deal="back"), happened("merged", "2024-02-29Z", deal="gone"),
        ],
    ) == [
        ("back", "a", "2024-02-01", "2024-02-05", "forward", None, None), ("back", "b", "2024-02-05", None, "open", None, None),
        ("gone", "a", "2024-02-01", "2024-02-05", "forward", DAY, "merged"), ("gone", "b", "2024-02-05", DAY, "merged", DAY, "merged"),
        ("late", "a", "2024-02-05", "2024-02-05", "forward", None, None), ("late", "b", "2024-02-05", None, "open", None, None),
    ]  # fmt: skip


def test_which_rate_holds(settings: Settings) -> None:
    """The file's, for two days; else the CRM's dated ones; else its undated one, of which pounds have none."""
    rates = "currency rate start_date end_date is_home"
    assert selected(
        settings, "staging.exchange_rates", "currency, valid_from::text, valid_to::text, rate, is_home", DAY,
        reference__exchange_rates=[{"currency": "eur", "valid_from": DAY, "valid_to": "2024-03-02", "rate": Decimal("0.5"), "is_home": False}],
        crm_remote__exchange_rates_versions=table(
            rates, ("EUR", Decimal("1.1"), None, None, False), ("EUR", Decimal("0.9"), "2024-01-01", None, False),
            ("eur", Decimal("0.8"), "2024-03-01", None, False), ("GBP", Decimal("0.7"), "2024-02-01", DAY, False), ("usd", 2, "2024-01-01", None, True), **KNOWN,
        ) + table(rates, ("EUR", 7, "2024-02-01", None, False), **SUPERSEDED) + table(rates, ("EUR", 8, "2024-02-02", None, False), **KNOWN | {"is_deleted": True}),
    ) == [
        ("EUR", "-infinity", "2024-01-01", Decimal("1.1"), False), ("EUR", "2024-01-01", "2024-02-29", Decimal("0.9"), False),
        ("EUR", "2024-02-29", "2024-03-01", Decimal("0.5"), False), ("EUR", "2024-03-01", "2024-03-02", Decimal("0.5"), False),
        ("EUR", "2024-03-02", "infinity", Decimal("0.8"), False), ("GBP", "2024-02-01", "2024-02-29", Decimal("0.7"), False),
        ("USD", "-infinity", "infinity", 1, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "crm", "deals", "home"),
    [
        ([("chf", 2, True)], [("USD", 1, True)], ["EUR"], "CHF"),
        ([("CHF", 2, False)], [("usd", 2, True), ("EUR", 1, False)], ["EUR"], "USD"),
        ([], [("EUR", 1, False), ("GBP", 2, False)], ["USD"], "EUR"),
        ([], [("EUR", 1, False), ("GBP", 1, False)], ["EUR", "USD", "usd"], "USD"),
        ([], [], [None, None, "USD"], "USD"),
        ([], [], [None], ""),
    ],
)
def test_whose_currency_is_the_company_s_own(
    settings: Settings, file: list[Any], crm: list[Any], deals: list[str | None], home: str
) -> None:
    rows = selected(
        settings, "staging.exchange_rates", "is_home, currency", DAY,
        reference__exchange_rates=table("currency rate is_home", *file, **EVER),
        crm_remote__exchange_rates_versions=table("currency rate is_home", *crm, **KNOWN),
        crm_remote__opportunities_versions=[KNOWN | {"currency": name} for name in deals] + [SUPERSEDED | {"currency": "OLD"}] * 9,
    )  # fmt: skip
    assert [name for is_home, name in rows if is_home] == [home]


MOVES = "opportunity_id, move_number, day::text, quarter_start::text, team_id, kind, deals_change, amount_change"


def test_ways_into_and_out_of_a_quarter_s_pipeline(settings: Settings) -> None:
    """150 leave for April and 120 come back (what is lost on the way, April loses). Ann comes under n on the 15th: before the 10 that the
    deal gains that morning. A date within the quarter moves nothing, nor does what happens on the day of the deletion."""
    q1, q2 = "2024-01-01", "2024-04-01"
    assert selected(
        settings, "staging.pipeline_moves", MOVES, DAY,
        staging__deal_visits=[{"opportunity_id": "d", "entered_at": "2024-01-10 09:00Z"}],
        staging__deal_events=[
            event("2024-01-10 09:00Z", -1, amount="100", close_date="2024-03-31", owner_id="ann"), event("2024-01-10 09:00Z", 0, status="open"),
            event("2024-02-01Z", amount="150"), event("2024-02-02Z", close_date="2024-04-01"), event("2024-02-04Z", next_step="call"),
            event("2024-02-14Z", 1, 1, close_date="2024-03-31"), event("2024-02-14Z", 1, 2, amount="120"), event("2024-02-15 08:00Z", amount="130"),
            event("2024-02-29Z", close_date="2024-03-01"), event("2024-03-01Z", status="won"), event("2024-03-05Z", status="open"),
            event("2024-03-06Z", owner_id=None), event("2024-03-10 08:00Z", amount="999"),
        ],
        staging__deal_intervals=[{"opportunity_id": "d", "status": "open", "owner_id": "ann", "d_from": "2024-02-15", "d_to": DAY}],
        staging__deal_gaps=[{"opportunity_id": "d", "gone_on": "2024-03-10", "back_on": "infinity", "gone_by": "deleted"}],
        staging__reps=table("rep_id manager_id valid_from valid_to", ("ann", "m", "-infinity", "2024-02-15Z"), ("ann", "n", "2024-02-15Z", "infinity")),
        staging__exchange_rates=EUROS,
    ) == [
        ("d", number, *move) for number, move in enumerate([
            ("2024-01-10", q1, "m", "created", 1, 100), ("2024-02-01", q1, "m", "increased", 0, 50),
            ("2024-02-02", q1, "m", "pushed_out", -1, -150), ("2024-02-02", q2, "m", "pulled_in", 1, 150),
            ("2024-02-14", q2, "m", "decreased", 0, -30), ("2024-02-14", q2, "m", "pushed_out", -1, -120), ("2024-02-14", q1, "m", "pulled_in", 1, 120),
            ("2024-02-15", q1, "m", "moved", -1, -120), ("2024-02-15", q1, "n", "moved", 1, 120), ("2024-02-15", q1, "n", "increased", 0, 10),
            ("2024-03-01", q1, "n", "won", -1, -130), ("2024-03-05", q1, "n", "reopened", 1, 130),
            ("2024-03-06", q1, "n", "moved", -1, -130), ("2024-03-06", q1, "-1", "moved", 1, 130), ("2024-03-10", q1, "-1", "deleted", -1, -130),
        ], 1)
    ]  # fmt: skip


def test_moves_of_money_that_is_not_there_or_foreign(settings: Settings) -> None:
    """bare: without a date it is in no pipeline, without an amount it counts as a deal; ann has no manager. euro: 100 EUR are 125, then 200;
    deleted for five days; its owner's manager has the id of no team."""
    assert selected(
        settings, "staging.pipeline_moves", MOVES.replace(", quarter_start::text", ""), DAY,
        staging__deal_visits=[{"opportunity_id": "bare", "entered_at": "2024-02-28Z"}, {"opportunity_id": "euro", "entered_at": "2024-02-28Z"}],
        staging__deal_events=[
            event("2024-02-28Z", deal="bare", status="open", owner_id="ann"), event("2024-02-29Z", deal="bare", close_date="2024-03-31"),
            event("2024-03-31 23:59Z", deal="bare", status="lost"), event("2024-03-01Z", deal="euro"), event("2024-03-10 08:00Z", deal="euro", amount="110"),
            event("2024-02-28Z", deal="euro", status="open", amount="100", currency="eur", close_date="2024-03-31", owner_id="eve"),
        ],
        staging__deal_gaps=[{"opportunity_id": "euro", "gone_on": "2024-03-05", "back_on": "2024-03-10", "gone_by": "deleted"}],
        staging__reps=[EVER | {"rep_id": "ann"}, EVER | {"rep_id": "eve", "manager_id": "none"}], staging__exchange_rates=EUROS,
    ) == [
        ("bare", 1, "2024-02-29", "none", "pulled_in", 1, 0), ("bare", 2, "2024-03-31", "none", "lost", -1, 0),
        ("euro", 1, "2024-02-28", '"none"', "created", 1, 125), ("euro", 2, "2024-03-01", '"none"', "increased", 0, 75),
        ("euro", 3, "2024-03-05", '"none"', "deleted", -1, -200), ("euro", 4, "2024-03-10", '"none"', "reopened", 1, 200),
        ("euro", 5, "2024-03-10", '"none"', "increased", 0, 20),
    ]  # fmt: skip


@pytest.mark.parametrize("closes_by_status", [False, True])
def test_what_a_stage_makes_of_a_deal_is_learned(settings: Settings, closes_by_status: bool) -> None:
    """From deals as known now that are there. Told stays told; who closes by a status teaches nothing."""
    ever, leap = ("-infinity", "infinity"), "2024-02-29 00:00:00+00"
    deals = "stage_id is_closed is_won"
    assert selected(
        settings, "staging.pipeline_stages", "stage_label, stage_id, stage_name, stage_order, outcome, valid_from::text, valid_to::text, listed_from::text", DAY,
        history__pipeline_stages=table(
            "stage_id record_id name stage_order outcome holds_from valid_from valid_to", ("Dead", "r1", None, 4, None, "-infinity", "2024-02-01Z", "2024-02-29Z"),
            ("Gone", "r1", "Buried", 5, None, "2024-02-29Z", "2024-02-29Z", "infinity"), ("Told", None, None, None, "lost", "-infinity", "2024-02-29Z", "infinity"),
        ),
        crm_remote__opportunities_versions=table(
            deals, ("Signed", True, True), ("Signed", True, True), ("Dead", True, False), ("Mixed", True, True), ("Mixed", True, False), ("Half", True, False),
            ("Half", False, False), ("Told", True, True), (None, True, True), **KNOWN,
        ) + table(deals, ("Old", True, True), ("Signed", False, False), **SUPERSEDED) + table(deals, ("Bin", True, True), **KNOWN | {"is_deleted": True}),
        crm_remote__closes_by_status=[{"tenant_id": "a" if closes_by_status else "b", "known_from": 1, "known_to": 9223372036854775807}],
    ) == [
        ("Dead", "r1", "Dead", 4, "open" if closes_by_status else "lost", "-infinity", leap, "2024-02-01 00:00:00+00"),
        ("Gone", "r1", "Buried", 5, "open", leap, "infinity", leap),
        *([] if closes_by_status else [("Signed", "Signed", "Signed", None, "won", *ever, None)]), ("Told", "Told", "Told", None, "lost", *ever, leap),
    ]  # fmt: skip


TARGETS = "rep_id, quarter_target, next_quarter_target, year_to_date_target"
QUOTAS = "rep_id amount period_start period_end period_type quota_type"


def test_quotas_by_days(settings: Settings) -> None:
    """On 29 February 60 of the 91 days of the first quarter are over, and of the 366 of the year. Cy's quotas begin three months apart at
    the least; how long the one of another kind is nobody knows. Fay's is of 92 days, 31 of them in March. What changes at midnight is the
    next day's."""
    assert selected(
        settings, "staging.quota_days", TARGETS, DAY,
        staging__quotas=[
            *table("valid_from valid_to amount", ("-infinity", "2024-03-01Z", 910), ("2024-03-01Z", "infinity", 7), rep_id="ann", period_start="2024-01-01", period_end="2024-03-31"),
            *table(
                QUOTAS, ("bob", 366, "2024-01-01", None, "year", None), ("cy", 91, "2024-01-01", None, None, "bookings"), ("cy", 182, "2024-04-01", None, None, "bookings"),
                ("cy", 5000, "2024-10-01", None, None, "bookings"), ("cy", 5000, "2024-01-01", None, None, "renewals"), ("dan", 4, "2023-12-31", "2024-01-01", None, None),
                ("eve", 290, "2024-02-01", None, "month", None), ("fay", 91, "2024-03-01", None, "quarter", None), **EVER,
            ),
        ],
    ) == [
        ("All", Decimal("1414.66"), Decimal("333.34"), 1012), ("ann", 910, None, 600), ("bob", 91, 91, 60), ("cy", 91, 182, 60), ("dan", 2, None, 2),
        ("eve", 290, None, 290), ("fay", Decimal("30.66"), Decimal("60.34"), None),
    ]  # fmt: skip


def test_quotas_of_the_file_go_first(settings: Settings) -> None:
    """Ann's of March takes the place of those of the source that share a day with it, not of that of January. The company's own target is not
    the sum of the reps'; where it has none (next quarter), that is. Bob's 4 of two days are half the next quarter's."""
    quotas = "rep_id amount period_start period_end"
    assert selected(
        settings, "staging.quota_days", TARGETS, DAY,
        reference__quotas=table(
            f"{quotas} valid_from valid_to", ("ann", 31, "2024-03-01", "2024-03-31", DAY, "infinity"), ("ann", 98, "2024-02-01", "2024-03-31", "-infinity", DAY),
            ("ann", 99, "2024-02-01", "2024-03-31", "2024-03-01", "infinity"), (None, 9100, "2024-01-01", "2024-03-31", "-infinity", "infinity"),
        ),
        staging__quotas=table(
            quotas, ("ann", 60, "2024-02-01", "2024-03-01"), ("ann", 60, "2024-03-31", "2024-03-31"), ("ann", 10, "2024-01-01", "2024-01-31"),
            ("bob", 60, "2024-02-01", "2024-03-31"), ("bob", 4, "2024-06-30", "2024-07-01"), **EVER,
        ),
    ) == [("All", 9100, 2, 6000), ("ann", 41, None, 10), ("bob", 60, 2, 29)]  # fmt: skip


def test_quotas_that_can_be_used(settings: Settings) -> None:
    quota = HELD | {"quota_id": "whole", "period_start": "2024-01-01", "amount": 0, "valid_from": "2024-02-01Z"}
    assert selected(
        settings, "staging.quotas", "quota_id, valid_from::text, amount", DAY,
        history__quotas=[quota, quota | {"quota_id": "gone", "is_deleted": True}, quota | {"quota_id": "bare", "amount": None},
                         quota | {"quota_id": "undated", "period_start": None}],
    ) == [("whole", "-infinity", 0)]  # fmt: skip


def test_closings_of_each_rep_by_day(settings: Settings) -> None:
    """d: won late on leap day after 1.5 days; its account becomes Ent in March. due: closes in April. undone: reopened on leap day.
    year: lost on 1 March 2023, the 365th day before 29 February."""
    columns = (
        "snapshot_date::text, rep_id, account_segment, won_today_count, lost_today_count, quarter_won_count, quarter_won_without_amount_count,"
        " quarter_won_amount, next_quarter_won_count, next_quarter_won_without_amount_count, year_won_amount, won_count, lost_count, lost_amount, won_cycle_days"
    )
    assert selected(
        settings, "staging.rep_closings", columns, "2024-02-28", "2024-03-01",
        staging__deal_intervals=table(
            "opportunity_id status credited_owner_id d_from d_to opened_at closed_at close_date amount account_id",
            ("d", "won", "ann", DAY, "infinity", "2024-02-28 11:00Z", "2024-02-29 23:00Z", None, 10, "x"),
            ("due", "won", "ann", "2024-02-20", "infinity", "2024-02-20Z", "2024-02-20Z", "2024-04-01", None, None),
            ("undone", "won", "bob", "2024-02-28", DAY, "2024-02-26Z", "2024-02-28Z", "2024-02-28", 50, None),
            ("year", "lost", None, "2023-03-01", "infinity", "2023-02-01Z", "2023-03-01Z", "2023-03-01", 7, None),
            ("open", "open", None, DAY, "infinity", "2024-02-28Z", None, None, 99, None),
        ),
        staging__accounts=table("segment d_from d_to", ("Old", "-infinity", DAY), ("SMB", DAY, "2024-03-01"), ("Ent", "2024-03-01", "infinity"), account_id="x"),
    ) == [
        ("2024-02-28", "-1", "none", 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7, 0),
        ("2024-02-28", "ann", "none", 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0), ("2024-02-28", "bob", "none", 1, 0, 1, 0, 50, 0, 0, 50, 1, 0, 0, 2),
        ("2024-02-29", "ann", "SMB", 1, 0, 1, 0, 10, 0, 0, 10, 1, 0, 0, Decimal("1.5")), ("2024-02-29", "ann", "none", 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0),
        ("2024-03-01", "ann", "Ent", 0, 0, 1, 0, 10, 0, 0, 10, 1, 0, 0, Decimal("1.5")), ("2024-03-01", "ann", "none", 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0),
    ]  # fmt: skip


def test_shared_closings_at_the_quarter_s_edge(settings: Settings) -> None:
    """60 % of 100.01 are 60.01; bob's part is the rest, early's share ended at midnight. The deal, and what is averaged over deals, is ann's
    alone."""
    columns = "snapshot_date::text, rep_id, quarter_won_count, quarter_won_amount, year_won_amount, won_count, won_with_amount_count, won_amount"
    amount, of_ann, share = Decimal("100.01"), Decimal("60.01"), Decimal("0.6")
    assert selected(
        settings, "staging.rep_closings", columns, "2024-03-31", "2024-04-01",
        staging__deal_intervals=table("opportunity_id amount", ("d", amount), ("bare", None), status="won", d_from="2024-03-31", d_to="infinity",
                                      credited_owner_id="ann", opened_at="2024-03-01Z", closed_at="2024-03-31Z"),
        staging__deal_credits=table("rep_id share_from share_to valid_from valid_to", ("early", 0, 1, "-infinity", "2024-03-31Z"),
                                    ("ann", 0, share, "2024-03-31Z", "infinity"), ("bob", share, 1, "2024-03-31Z", "infinity"), opportunity_id="d"),
    ) == [
        ("2024-03-31", "ann", 2, of_ann, of_ann, 2, 1, amount), ("2024-03-31", "bob", 0, 40, 40, 0, 0, 0),
        ("2024-04-01", "ann", 0, 0, of_ann, 2, 1, amount), ("2024-04-01", "bob", 0, 0, 40, 0, 0, 0),
    ]  # fmt: skip


def test_teams_as_of_the_end_of_the_day(settings: Settings) -> None:
    """Two managers are called Mia, one All; one has the id of no team; one is known by the id alone. Fay is n's from midnight on."""
    people: list[tuple[str, str, str | None, dict[str, Any]]] = [
        ("ann", "Ann", "m", {"hire_date": DAY, "segment": "All"}), ("bob", "Bob", "n", {"hire_date": "2024-03-01"}),
        ("cy", "cy", "gone", {"is_listed": False}), ("dan", "Dan", "all", {"is_deleted": True}), ("eve", "Eve", "none", {}),
        ("fay", "Fay", "m", {"valid_to": "2024-03-01Z"}), ("fay", "Fay", "n", {"valid_from": "2024-03-01Z"}),
        ("m", "Mia", None, {"valid_to": "2024-03-01Z"}), ("m", "Max", None, {"valid_from": "2024-03-01Z"}), ("n", "Mia", None, {}),
        ("all", "All", None, {}), ("none", "Nina", None, {}),
    ]  # fmt: skip
    assert selected(
        settings, "staging.rep_days", "rep_id, rep_name, team_id, team_name, segment, is_active", DAY,
        staging__reps=[EVER | {"rep_id": rep, "rep_name": name, "manager_id": manager, "is_listed": True, "is_deleted": False} | more
                       for rep, name, manager, more in people],
    ) == [
        ("-1", "Unassigned", "-1", "Unassigned", None, False), ("all", "All", "none", "No manager", None, True),
        ("ann", "Ann", "m", "Mia (m)", '"All"', True), ("bob", "Bob", "n", "Mia (n)", None, False), ("cy", "cy", "gone", "gone", None, False),
        ("dan", "Dan", "all", "All (all)", None, False), ("eve", "Eve", '"none"', "Nina", None, True), ("fay", "Fay", "m", "Mia (m)", None, True),
        ("m", "Mia", "none", "No manager", None, True), ("n", "Mia", "none", "No manager", None, True), ("none", "Nina", "none", "No manager", None, True),
    ]  # fmt: skip


def test_reps_listed_or_named_by_deals(settings: Settings) -> None:
    leap = "2024-02-29 00:00:00+00"
    assert selected(
        settings, "staging.reps", "rep_id, rep_name, valid_from::text, valid_to::text, is_deleted, is_listed", DAY,
        history__reps=table("rep_id name email holds_from valid_to is_deleted", ("ann", "Ann", "a@x", "-infinity", leap, False),
                            ("ann", None, None, leap, "infinity", True), ("bob", None, "b@x", "-infinity", "infinity", False)),
        staging__deal_intervals=table("owner_id", ("ann",), ("owner",), ("owner",), (None,)),
        staging__deal_credits=table("rep_id", ("bob",), ("owner",), ("credit",), ("-1",)),
    ) == [
        ("ann", "Ann", "-infinity", leap, False, True), ("ann", "ann", leap, "infinity", True, True), ("bob", "b@x", "-infinity", "infinity", False, True),
        ("credit", "credit", "-infinity", "infinity", False, False), ("owner", "owner", "-infinity", "infinity", False, False),
    ]  # fmt: skip


def test_since_when_a_source_tells_of_what(settings: Settings) -> None:
    deal = NOBODY | {"status": "open", "d_from": DAY}
    told = {
        "amount": 0,
        "discount_pct": 0,
        "engaged_contacts_count": 1,
        "status": "won",
        "last_two_way_at": "2024-02-29Z",
    }
    assert selected(
        settings, "staging.source_coverage", "matter, since_date::text", DAY,
        staging__deal_intervals=[
            deal | {"d_from": "2024-02-28"}, deal | told, deal | told | {"d_from": "2024-03-05", "champions_count": 1, "status": "lost"},
            deal | {"d_from": "2024-03-01", "engaged_economic_buyers_count": 1, "close_date": DAY},
        ],
    ) == [
        ("activity", DAY), ("amount", DAY), ("close_date", "2024-03-01"), ("competition", None), ("deals", "2024-02-28"), ("discount", DAY),
        ("lost", "2024-03-05"), ("roles", "2024-03-01"), ("stakeholder", DAY), ("won", DAY),
    ]  # fmt: skip


def test_benchmarks_that_say_something(settings: Settings) -> None:
    assert selected(
        settings, "staging.stage_benchmarks", "stage_id, expected_days, valid_from::text, valid_to::text", DAY,
        history__stage_benchmarks=table(
            "of_stage expected_days holds_from valid_from valid_to is_deleted", ("r1", 7, "-infinity", "2024-02-01Z", "2024-02-29Z", False),
            ("r1", 7, "2024-02-29Z", "2024-02-29Z", "infinity", True), ("r2", None, "-infinity", "2024-02-01Z", "infinity", False), stage_id="Demo",
        ),
    ) == [("r1", 7, "-infinity", "2024-02-29 00:00:00+00")]  # fmt: skip


def test_stages_in_their_pipelines(settings: Settings) -> None:
    """any is in every pipeline, also in the one that only deals name; odd is in no list. Company b has no pipeline."""
    rows = selected(
        settings, "staging.stage_directory", "pipeline_id, stage_id, pipeline_name, is_listed, tenant_uuid::text, pipeline_uuid::text, stage_uuid::text", DAY,
        staging__pipeline_stages=table("tenant_id stage_id outcome pipeline_id", ("a", "any", "open", None), ("a", "one", "open", "p"), ("a", "one", "open", "p"),
                                       ("a", "end", "won", "p"), ("b", "only", "open", None)),
        staging__stage_visits=table("pipeline_id stage_id", ("q", "odd"), ("q", "odd"), ("p", "one")),
        crm_remote__pipelines_versions=[KNOWN | {"pipeline_id": "p", "name": "Sales"}, SUPERSEDED | {"pipeline_id": "p", "name": "Old"},
                                        SUPERSEDED | {"pipeline_id": "gone"}, KNOWN | {"pipeline_id": "bin", "is_deleted": True}],
    )  # fmt: skip
    assert [row[:4] for row in rows] == [
        ("default", "only", "default", True), ("p", "any", "Sales", True), ("p", "one", "Sales", True), ("q", "any", "q", True), ("q", "odd", "q", False)
    ]  # fmt: skip
    namespace = uuid.UUID("6f1c2a84-d0b9-4e7f-9a53-c1e07b26d418")
    ids = ('["tenant","a"]', '["pipeline","a","q"]', '["stage","a","odd"]')
    assert rows[-1][4:] == tuple(str(uuid.uuid3(namespace, name)) for name in ids)


VERSIONS = "valid_from known_from line_no stage_id is_closed is_won turned_at is_deleted is_current"


def test_what_the_versions_of_a_record_say_happened(settings: Settings) -> None:
    """Made on 1 February, seen ten days later, moved, then seen as won on leap day (closed on the 20th), deleted in March. Today's version
    says when it was made, and each in which pipeline. What closes comes after all else of its instant; deletions last."""
    first, *later = table(
        VERSIONS, ("2024-02-11Z", 1, 5, "A", False, None, None, False, False), ("2024-02-15Z", 2, 6, "B", False, None, None, False, False),
        ("2024-02-29Z", 3, 7, "Won", True, True, "2024-02-20Z", False, False), ("2024-03-05Z", 4, 8, "Won", True, True, None, True, True),
        opportunity_id="d", created_at="2024-02-01Z",
    )  # fmt: skip
    assert selected(
        settings, "staging.stage_events", "changed_at::date::text, load_order, line_order, kind, stage_label, pipeline_id, recorded_at::date::text, is_current", DAY,
        history__opportunities=[first | {"created_at": "2024-02-02Z", "pipeline_id": "p"}, *later],
    ) == [
        ("2024-02-01", 0, 0, "created", None, None, "2024-03-05", True), ("2024-02-02", 1, 5, "version", "A", "p", "2024-02-11", False),
        ("2024-02-15", 2, 6, "moved_version", "B", None, "2024-02-15", False), ("2024-02-20", 3, 7, "closed_version", "Won", None, "2024-02-29", False),
        ("2024-02-20", 2**63 - 2, 3, "recorded_won", None, None, "2024-02-29", False), ("2024-03-05", 2**63 - 1, 4, "deleted", None, None, "2024-03-05", True),
    ]  # fmt: skip


def test_deletions_and_closings_of_a_record(settings: Settings) -> None:
    """Merged, then back as a lost deal; a version that still says so moves nothing, but for the current one, which also closes."""
    lost = (None, True, False)
    rows = selected(
        settings, "staging.stage_events", "kind, changed_at::date::text", DAY,
        history__opportunities=table(
            f"{VERSIONS} merged_into_id", ("2024-02-01Z", 1, 1, None, False, None, None, True, False, "e"), ("2024-02-10Z", 2, 1, *lost, "2024-02-10Z", False, False, None),
            ("2024-02-20Z", 3, 1, *lost, None, False, False, None), ("2024-02-29Z", 4, 1, *lost, None, False, True, None), opportunity_id="d",
        ),
    )  # fmt: skip
    assert [row for row in rows if row[0] != "created"] == [
        ("closed_version", "2024-02-10"), ("merged", "2024-02-01"), ("recorded_lost", "2024-02-10"), ("recorded_lost", DAY), ("restored", "2024-02-10"),
        ("version", "2024-02-01"),
    ]  # fmt: skip


@pytest.mark.parametrize("has_lost_stage", [False, True])
def test_what_the_log_says_happened(settings: Settings, has_lost_stage: bool) -> None:
    assert selected(
        settings, "staging.stage_events", "line_order, kind, stage_label, old_label, pipeline_id, load_order, changed_at::date::text, is_current", DAY,
        history__opportunity_history=table(
            "line_no field old_value new_value", (0, "stage_id", "A", "B"), (1, "pipeline_id", "p", "q"), (2, "status", "open", "won"), (3, "status", "won", "deleted"),
            (4, "status", "won", "paused"), (5, "loss_reason", None, "price"), (6, "loss_reason", "price", None), (7, "amount", "1", "2"), (8, "stage_id", "B", None),
            opportunity_id="d", changed_at="2024-02-29Z", known_from=3,
        ),
        staging__pipeline_stages=table("tenant_id outcome", ("a", "won"), ("a", "lost" if has_lost_stage else "open"), ("b", "lost")),
    ) == [
        (*said, 3, DAY, False) for said in [
            (0, "stage", "B", "A", None), (1, "pipeline", None, None, "q"), (2, "won", None, None, None), (3, "deleted", None, None, None),
            *([] if has_lost_stage else [(5, "lost", None, None, None)]), (8, "stage", None, "B", None),
        ]
    ]  # fmt: skip


def test_visits_are_the_spans_with_a_stage(settings: Settings) -> None:
    assert selected(
        settings, "staging.stage_visits", "visit_number, stage_id, ended_by", DAY,
        staging__deal_visits=table("span_number visit_number status stage_id ended_by", (1, None, "open", None, "forward"), (2, 1, "open", "s", "won"),
                                   (3, None, "won", None, "closed")),
    ) == [(1, "s", "won")]  # fmt: skip


def test_thresholds_of_the_day(settings: Settings) -> None:
    names = [
        name for name in CATALOGUE["staging.thresholds"].file.columns if name not in ("tenant_id", "snapshot_date")
    ]
    values = [
        {"name": name, "valid_from": DAY, "valid_to": "infinity", "value": number} for number, name in enumerate(names)
    ]
    rows = selected(
        settings, "staging.thresholds", ", ".join(["snapshot_date::text", *names]), "2024-02-28", DAY,
        reference__thresholds=[*values, {"name": names[0], "value": 99, "valid_from": "-infinity", "valid_to": DAY}],
    )  # fmt: skip
    assert rows == [("2024-02-28", 99, *[None] * (len(names) - 1)), (DAY, *range(len(names)))]


def test_visits_by_business_days_and_owners(settings: Settings) -> None:
    """The first is completed at midnight after 1.5 days; the second ends with the deal, which takes both along. The last day of e is nobody's."""
    columns = (
        "opportunity_id, visit_number, entered_on::text, exited_on::text, days, elapsed_us, ended_by, entered_owner_id, exited_owner_id, exited_account_id,"
        " gone_on::text"
    )
    gone, hours = "2024-03-10 12:00Z", 3600 * 10**6
    assert selected(
        settings, "staging.visit_facts", columns, DAY,
        staging__stage_visits=table(
            "opportunity_id visit_number entered_at exited_at ended_by gone_at", ("d", 1, "2024-02-27 12:00Z", "2024-02-29Z", "forward", gone),
            ("d", 2, "2024-02-29Z", gone, "deleted", gone), ("e", 1, "2024-02-28 23:59Z", "2024-02-29 23:59Z", "lost", None),
            ("e", 2, "2024-03-01Z", None, "open", None), is_reentry=False,
        ),
        staging__deal_intervals=table(
            "opportunity_id owner_id account_id d_from d_to", ("d", "ann", "x", "2024-02-27", "2024-02-28"), ("d", None, None, "2024-02-28", DAY),
            ("d", "bob", "y", DAY, "2024-03-10"), ("e", "ann", None, "2024-02-28", DAY), ("e", None, None, DAY, "2024-03-01"),
        ),
    ) == [
        ("d", 1, "2024-02-27", "2024-02-29", 1.5, 36 * hours, "forward", "ann", "bob", "y", "2024-03-10"),
        ("d", 2, "2024-02-29", None, None, None, None, "bob", None, None, "2024-03-10"),
        ("e", 1, "2024-02-28", "2024-02-29", 1, 24 * hours, "lost", "ann", "-1", None, "infinity"),
        ("e", 2, "2024-03-01", None, None, None, None, "-1", None, None, "infinity"),
    ]  # fmt: skip


def test_what_deals_add_to_the_forecast(settings: Settings) -> None:
    """Due from 1 January to 30 June; overdue counts, omitted does not. Nobody knows the health of the last: 0.5. The day's weights hold."""
    assert selected(
        settings, "enriched.deal_forecasts", "opportunity_id, quarter, amount, health_score, weight, weighted_amount", DAY,
        staging__deal_days=table(
            "opportunity_id close_date amount forecast_category", ("past", "2023-12-31", 100, "Commit"), ("over", "2024-01-01", 100, "Commit"),
            ("edge", "2024-03-31", 100, "Commit"), ("next", "2024-04-01", None, "Commit"), ("last", "2024-06-30", 100, "Commit"),
            ("late", "2024-07-01", 100, "Commit"), ("omitted", DAY, 100, "Omitted"), ("never", None, 100, "Commit"),
        ) + table("opportunity_id close_date forecast_category", ("edge", DAY, "Commit"), snapshot_date="2024-02-28"),
        enriched__deal_health_scores=table("opportunity_id health_score", ("past", 90), ("over", 80), ("edge", 79), ("next", 60), ("last", None), ("late", 90),
                                           ("omitted", 90), ("never", 90)),
        reference__forecast_weights=table(
            "forecast_category health_at_least weight valid_from valid_to", ("Commit", 80, Decimal("0.95"), DAY, "infinity"),
            ("Commit", 60, Decimal("0.75"), DAY, "infinity"), ("Commit", 0, Decimal("0.5"), DAY, "infinity"), ("Commit", 70, 1, "2024-03-01", "infinity"),
            ("Commit", 70, 1, "-infinity", DAY), ("Pipeline", 75, 1, DAY, "infinity"),
        ),
    ) == [
        ("edge", "Q1 2024", 100, 79, Decimal("0.75"), 75), ("last", "Q2 2024", 100, None, Decimal("0.5"), 50),
        ("next", "Q2 2024", None, 60, Decimal("0.75"), None), ("over", "Q1 2024", 100, 80, Decimal("0.95"), 95),
    ]  # fmt: skip


FLAGS = ["HEAVY_DISCOUNT", "COMPETITIVE", "PUSHED", "SINGLE_THREADED", "NO_CHAMPION", "CLOSE_DATE_PAST", "GOING_DARK", "NO_EB", "STUCK"]  # fmt: skip
UNTOLD = {f"has_{matter}": False for matter in ("activity", "stakeholder", "competition", "discount", "roles")}
TOLD = dict.fromkeys(UNTOLD, True)
RULES: dict[str, Any] = {
    "velocity_bounds": [-3, -2, -1.5, -1, -0.5], "velocity_scores": [100, 85, 70, 50, 30, 0], "velocity_weight": 2500,
    "activity_bounds": [-14, -10, -7, -5, -2], "activity_scores": [100, 85, 70, 50, 30, 0], "activity_weight": 2500,
    "stakeholder_bounds": [-4, -3, -2, -1, 0], "stakeholder_scores": [0, 20, 50, 75, 90, 100], "stakeholder_weight": 2500,
    "competition_bounds": [-1, 0], "competition_scores": [100, 90, 60], "competition_weight": 1500,
    "discount_bounds": [-25, -20, -15, -10, 0], "discount_scores": [100, 90, 80, 65, 45, 25], "discount_weight": 1000,
    "category_bounds": [0, 40, 60, 80], "category_names": ["Critical", "At Risk", "Monitor", "Healthy"], "risk_levels": [4, 3, 2, 1], "flags_in_order": FLAGS,
}  # fmt: skip
THRESHOLDS = {
    "going_dark_days": 7, "single_threaded_contacts": 1, "heavy_discount_pct": 20, "pushed_times": 2, "needs_attention_below": 75, "champion_bonus": 10
}  # fmt: skip
DEAL: dict[str, Any] = {
    "stage_id": "s", "stage_name": "Demo", "days_in_stage": 14, "last_two_way_at": "2024-02-01Z", "days_since_two_way": 2, "engaged_contacts_count": 2,
    "has_champion": False, "has_engaged_economic_buyer": True, "pushes_count": 0,
}  # fmt: skip


def test_health_at_the_edges_of_the_bands(settings: Settings) -> None:
    """Quarters of pace, silence and people, 15 % of competition and 10 % of discount:
    edge: (85 + 100 + 20) / 4 + 15 + 9 = 75.25; over: (70 + 85 + 60) / 4 + 13.5 + 8 = 75.25; bare: (85 + 30 + 0) / 4 + 15 + 10 = 53.75;
    far: (0 + 0 + 100) / 4 + 9 + 2.5 = 36.5, rounded up; its pace and its silence (there never was an activity) cost the same."""
    scores, points = (
        ", ".join(f"{part}_{what}" for part in ("velocity", "activity", "stakeholder", "competition", "discount")) for what in ("score", "contribution")
    )  # fmt: skip
    columns = f"opportunity_id, array[{scores}], array[{points}], health_score, health_category, risk_level, needs_attention, top_driver"
    assert selected(
        settings, "enriched.deal_health_scores", columns, DAY,
        staging__deal_days=[
            DEAL | {"opportunity_id": "edge", "engaged_contacts_count": 1, "discount_pct": 10},
            DEAL | {"opportunity_id": "over", "days_in_stage": 14.5, "days_since_two_way": 3, "has_champion": True, "competitor": "R", "competitor_status": "named",
                    "discount_pct": Decimal("10.5")},
            DEAL | {"opportunity_id": "bare", "stage_id": "unknown", "days_in_stage": 500, "days_since_two_way": 14, "engaged_contacts_count": 0},
            DEAL | {"opportunity_id": "far", "days_in_stage": 43, "last_two_way_at": None, "days_since_two_way": 0, "engaged_contacts_count": 5,
                    "has_champion": True, "competitor": "R", "competitor_status": "active", "discount_pct": 26},
        ],
        enriched__stage_rules=[{"stage_id": "s", "benchmark_days": 14}], enriched__health_rules=[RULES | TOLD], staging__thresholds=[THRESHOLDS],
    ) == [
        ("bare", [85, 30, 0, 100, 100], [21.25, 7.5, 0, 15, 10], 54, "At Risk", 3, True, "0 engaged contacts, no champion"),
        ("edge", [85, 100, 20, 100, 90], [21.25, 25, 5, 15, 9], 75, "Monitor", 2, False, "1 engaged contact, no champion"),
        ("far", [0, 0, 100, 60, 25], [0, 0, 25, 9, 2.5], 37, "Critical", 4, True, "43 days in Demo (expected 14)"),
        ("over", [70, 85, 60, 90, 80], [17.5, 21.25, 15, 13.5, 8], 75, "Monitor", 2, False, "2 engaged contacts"),
    ]  # fmt: skip


def test_health_is_of_what_the_source_tells(settings: Settings) -> None:
    """Pace and silence weigh half each: (85 + 100) / 2 = 92.5 is 93, seven days before it was (85 + 70) / 2 = 77.5, 78. Without a stage there
    is no pace; six days before is not seven. On the day of e's first row the source told of nothing yet."""
    columns = "snapshot_date::text, opportunity_id, health_score, health_change_7d, evidence, evidence_pct, velocity_contribution, stakeholder_score, top_driver"
    paced, bare = DEAL | {"opportunity_id": "d"}, DEAL | {"opportunity_id": "e", "stage_id": None}
    first, second = days = "2024-02-22", "2024-02-23"
    assert selected(
        settings, "enriched.deal_health_scores", columns, DAY,
        staging__deal_days=[paced | {"snapshot_date": first, "days_since_two_way": 6}, paced, bare | {"snapshot_date": second}, bare],
        enriched__stage_rules=[{"stage_id": "s", "benchmark_days": 14, "snapshot_date": day} for day in (*days, DAY)],
        enriched__health_rules=[RULES | UNTOLD | {"has_activity": day != second, "snapshot_date": day} for day in (*days, DAY)],
        staging__thresholds=[THRESHOLDS | {"snapshot_date": day} for day in (*days, DAY)],
    ) == [
        (first, "d", 78, None, ["velocity", "activity"], Decimal("0.5"), Decimal("42.5"), None, "6 days since the last two-way activity"),
        (second, "e", None, None, [], 0, None, None, None),
        (DAY, "d", 93, 15, ["velocity", "activity"], Decimal("0.5"), Decimal("42.5"), None, "14 days in Demo (expected 14)"),
        (DAY, "e", 100, None, ["activity"], Decimal("0.25"), 0, None, None),
    ]  # fmt: skip


@pytest.mark.parametrize("told", [True, False])
def test_flags_beyond_their_thresholds(settings: Settings, told: bool) -> None:
    """Of what the source does not tell no deal is accused. A deal due today, with nobody needed yet, has no flag."""
    good = DEAL | {"opportunity_id": "good", "days_in_stage": 21, "days_since_two_way": 7, "close_date": DAY, "has_champion": True, "pushes_count": 1,
                   "discount_pct": 20}  # fmt: skip
    bad: dict[str, Any] = {"opportunity_id": "bad", "days_in_stage": 21.5, "days_since_two_way": 8, "close_date": "2024-02-28", "has_champion": False, "pushes_count": 2,
           "discount_pct": Decimal("20.5"), "engaged_contacts_count": 1, "has_engaged_economic_buyer": False, "competitor": "R"}  # fmt: skip
    early = {"opportunity_id": "early", "stage_id": "t", "has_engaged_economic_buyer": False, "days_in_stage": 500}
    of_others = {"GOING_DARK", "NO_EB", "NO_CHAMPION", "SINGLE_THREADED"}
    assert selected(
        settings, "enriched.deal_health_scores", "opportunity_id, risk_flags", DAY, staging__deal_days=[good, good | bad, good | early],
        enriched__stage_rules=[{"stage_id": "s", "benchmark_days": 14, "stall_days": 21, "needs_economic_buyer": True}, {"stage_id": "t"}],
        enriched__health_rules=[RULES | (TOLD if told else UNTOLD)], staging__thresholds=[THRESHOLDS],
    ) == [("bad", [flag for flag in FLAGS if told or flag not in of_others]), ("early", []), ("good", [])]  # fmt: skip


def test_rules_of_the_day_as_arrays(settings: Settings) -> None:
    """Bounds are negated, so that the last of the bands stands first; what lies beyond has no bound. What held until the day does not, and
    a component without a weight is none."""
    since, until = EVER | {"valid_from": DAY}, EVER | {"valid_to": DAY}
    names = ("velocity", "activity", "stakeholder", "competition", "discount")
    columns = (
        ", ".join(f"{name}_bounds, {name}_scores, {name}_weight" for name in names) + ", category_bounds, category_names, risk_levels, flags_in_order,"
        " has_activity, has_stakeholder, has_competition, has_discount, has_roles"
    )  # fmt: skip
    rows = selected(
        settings, "enriched.health_rules", columns, DAY,
        reference__health_bands=[since | {"component": name, "at_most": bound, "score": score} for number, name in enumerate(names)
                                 for bound, score in ((number + 0.5, 80), (None, 0), (number, 100))] + [until | {"component": "velocity", "at_most": 9, "score": 9}],
        reference__health_weights=[since | {"component": name, "weight": Decimal(number) / 10} for number, name in enumerate(names[:4], 1)]
        + [until | {"component": name, "weight": 1} for name in names],
        reference__health_categories=table("category at_least risk_level", ("Good", 60, 1), ("Bad", 0, 2), **since)
        + table("category at_least risk_level", ("Old", 30, 9), **until),
        reference__risk_flags=table("flag severity", ("PUSHED", 7), ("STUCK", 1), **since) + table("flag severity", ("OLD", 3), **until),
        staging__coverage_dates=[{"activity_since": DAY, "stakeholder_since": DAY, "competition_since": "2024-03-01"}],
    )  # fmt: skip
    of_weighted = [
        value for number in range(4) for value in ([-number - 0.5, -number], [100, 80, 0], 1000 * (number + 1))
    ]
    of_discount = (None, None, 0)
    told = (True, True, False, False, False)
    assert rows == [(*of_weighted, *of_discount, [0, 60], ["Bad", "Good"], [2, 1], ["STUCK", "PUSHED"], *told)]


def test_whose_benchmark_a_stage_has(settings: Settings) -> None:
    """The tenant's own, the CRM's, the default, the median of 20 visits; not that of 19, nor one of no time. New has been visited since today,
    next will be tomorrow; nothing is expected of won. Renamed at midnight, default is SHOW tomorrow."""
    columns = "stage_id, benchmark_source, benchmark_days, own_median_days, own_visits_count, stall_days, critical_days, needs_economic_buyer"
    stages = "stage_id stage_name outcome valid_from valid_to"
    midnight = "2024-03-01Z"
    assert selected(
        settings, "enriched.stage_rules", columns, DAY,
        staging__pipeline_stages=[row for name in ("own", "crm", "default", "median", "few", "zero")
                                  for row in table(stages, (name, name.upper(), "open", "-infinity", midnight))]
        + table(stages, ("won", "WON", "won", "-infinity", "infinity"), ("default", "SHOW", "open", midnight, "infinity")),
        staging__visit_facts=table("stage_id entered_on", ("new", DAY), ("new", "2024-03-09"), ("next", "2024-03-01"), ("own", "2024-02-01")),
        staging__thresholds=[{"stall_factor": Decimal("1.5"), "critical_factor": 2, "own_median_visits": 20}],
        reference__stage_benchmarks=table(
            "stage_name expected_days is_default needs_economic_buyer valid_from valid_to", ("OWN", 10, False, True, DAY, "infinity"),
            ("OWN", 5, False, True, "-infinity", DAY), ("CRM", 30, True, True, DAY, "infinity"), ("DEFAULT", 30, True, False, DAY, "infinity"),
            ("SHOW", 99, False, True, DAY, "infinity"),
        ),
        staging__stage_benchmarks=table("stage_id expected_days valid_from valid_to", ("own", 20, "-infinity", "infinity"), ("crm", 20, "-infinity", midnight),
                                        ("default", 20, midnight, "infinity")),
        staging__stage_medians=table("stage_id visits_count median_days", ("own", 30, 8), ("default", 30, 8), ("median", 20, 8), ("few", 19, 8), ("zero", 30, 0)),
    ) == [
        ("crm", "source", 20, None, None, 30, 40, True), ("default", "default", 30, 8, 30, 45, 60, False), ("few", None, None, 8, 19, None, None, False),
        ("median", "own median", 8, 8, 20, 12, 16, False), ("new", None, None, None, None, None, None, False), ("own", "tenant", 10, 8, 30, 15, 20, True),
        ("zero", None, None, 0, 30, None, None, False),
    ]  # fmt: skip


def test_coverage_side_by_side(settings: Settings) -> None:
    """Money is told of once both an amount and a close date were; an outcome missing, win rates are not known."""
    columns = "activity_since::text, roles_since, amount_since::text, money_since::text, outcomes_since"
    assert selected(
        settings, "staging.coverage_dates", columns, DAY,
        staging__source_coverage=table("matter since_date", ("activity", DAY), ("roles", None), ("amount", DAY), ("close_date", "2024-03-01"),
                                       ("won", DAY), ("lost", None), ("deals", "2024-01-01")),
    ) == [(DAY, None, DAY, "2024-03-01", None)]  # fmt: skip


def test_a_change_before_the_deal_was_opened_holds_when_it_is(settings: Settings) -> None:
    """Logged in January, opened in February: the deal begins at 100, and only what changes it from then on is a change."""
    value = {"record_id": "d", "field": "amount"}
    rows = selected(
        settings, "staging.deal_events", "changed_at::date::text, changes ->> 'amount'", DAY,
        staging__deal_visits=[{"opportunity_id": "d", "entered_at": "2024-02-05Z"}],
        history__opportunity_values=[
            value | {"valid_from": "-infinity", "valid_to": "2024-01-10Z", "value": "50"}, value | {"valid_from": "2024-01-10Z", "valid_to": "2024-01-20Z", "value": "70"},
            value | {"valid_from": "2024-01-20Z", "valid_to": "2024-02-10Z", "value": "100"}, value | {"valid_from": "2024-02-10Z", "valid_to": "infinity", "value": "120"},
        ],
    )  # fmt: skip
    assert [row for row in rows if row[1]] == [("2024-02-05", "100"), ("2024-02-10", "120")]


def test_a_role_that_ended_gives_way_to_one_that_holds(settings: Settings) -> None:
    """Coach for ever, Blocker for three days; while Champion, that."""
    assert selected(
        settings, "staging.deal_contacts", "d_from::text, d_to::text, role", DAY,
        staging__contact_roles=table(
            "role from_day to_day", ("Coach", "2024-02-10", "infinity"), ("Blocker", "2024-02-12", "2024-02-15"), ("Champion", "2024-02-13", "2024-02-14"),
            opportunity_id="d", contact_id="c",
        ),
    ) == [
        ("2024-02-10", "2024-02-12", "Coach"), ("2024-02-12", "2024-02-13", "Blocker"), ("2024-02-13", "2024-02-14", "Champion"),
        ("2024-02-14", "2024-02-15", "Blocker"), ("2024-02-15", "infinity", "Coach"),
    ]  # fmt: skip


def test_what_does_not_say_whether_it_was_done_was(settings: Settings) -> None:
    kinds = table(
        "activity_id type is_done",
        ("1", "meeting", None),
        ("2", "demo", True),
        ("3", "meeting", False),
        ("4", "email", None),
        ("5", "task", None),
    )
    assert selected(
        settings, "staging.activities", "activity_id, is_two_way", DAY, history__activities=[row | {"occurred_at": "2024-02-29Z"} for row in kinds],
    ) == [("1", True), ("2", True), ("4", False), ("5", False)]  # fmt: skip


def test_a_closed_deal_that_was_gone_for_a_while_counts_until_then_and_again(settings: Settings) -> None:
    deal = {"opportunity_id": "d", "status": "won", "opened_at": "2024-02-01Z", "closed_at": "2024-02-10 12:00Z", "engaged_contacts_count": 0,
            "champions_count": 0, "engaged_economic_buyers_count": 0}  # fmt: skip
    assert selected(
        settings, "staging.closing_facts", "d_from::text, d_to::text", DAY,
        staging__deal_intervals=[deal | span for span in table("d_from d_to", ("2024-02-10", "2024-02-12"), ("2024-02-12", "2024-02-20"), (DAY, "infinity"))],
    ) == [("2024-02-10", "2024-02-20"), (DAY, "infinity")]  # fmt: skip
