"""How long visits last and what becomes of deals, those included that are not over: by hand, and as lifelines has it."""

from __future__ import annotations

import pytest

from revops_assets.settings import Settings
from revops_assets_tests.given import selected, table

DAY = "2024-03-03"  # a Sunday, the end of a week
COLUMNS = "stage_id, visits_count, completed_count, median_days, p90_days, won_within_30::float8, lost_within_30::float8, won_within_90::float8, lost_within_90::float8"  # fmt: skip
US = 86_400_000_000
# Two visits each of 400 made-up deals, in whole days (ties), some cut off by the day; the second may end the deal.
VISITS = """
with dice as (
    select n, array_agg(('x' || substr(md5(n || ' ' || k), 1, 7))::bit(28)::int / 268435456.0 order by k) as d
    from generate_series(1, 400) as n cross join generate_series(1, 4) as k group by n
),
deals as (
    select n, date '2023-06-01' + (d[1] * 273)::int as begun, (1 + d[2] * 40)::int as first, (1 + d[3] * 90)::int as second, d[4] as fate from dice
),
visits as (
    select n, 1 as visit, 's1' as stage, begun as entered, first as days, case when fate < 0.2 then 'lost' else 'forward' end as ended from deals
    union all
    select n, 2, 's2', begun + first, second, case when fate < 0.5 then 'won' when fate < 0.9 then 'lost' else 'back' end from deals where fate >= 0.2
)
select 'a' as tenant_id, 'd' || n as opportunity_id, visit::bigint as visit_number, stage as stage_id, entered as entered_on,
    entered::timestamptz as entered_at, case when entered + days <= date '2024-03-03' then entered + days end as exited_on,
    case when entered + days <= date '2024-03-03' then days * 86400000000 end as elapsed_us,
    case when entered + days <= date '2024-03-03' then ended end as ended_by, date 'infinity' as gone_on
from visits where entered <= date '2024-03-03'
"""


def test_by_hand(settings: Settings) -> None:
    """Five visits: over after 1, 3 and 5 days, lasting for 2 and 4. 4/5 last beyond 1; of the 3 seen for longer than 2 days
    2/3 beyond 3: 8/15; of 1 none beyond 5. The deals: a is won after 1 day (1/5), d and b are seen for 4 and 2 days, f
    for 32; c is lost after 13, when two are seen: 4/5 / 2. e was deleted, o began before the window: neither counts."""
    rows = [
        *table("opportunity_id visit_number entered_on entered_at exited_on elapsed_us ended_by gone_on",
               ("a", 1, "2024-02-01", "2024-02-01Z", "2024-02-02", US, "won", "infinity"),
               ("b", 1, "2024-03-02", "2024-03-02Z", None, None, None, "infinity"),
               ("c", 1, "2024-02-01", "2024-02-01Z", "2024-02-04", 3 * US, "forward", "infinity"),
               ("d", 1, "2024-02-29", "2024-02-29Z", None, None, None, "infinity"),
               ("f", 1, "2024-02-01", "2024-02-01Z", "2024-02-06", 5 * US, "back", "infinity"),
               ("e", 1, "2024-02-01", "2024-02-01Z", "2024-02-05", 4 * US, "won", "2024-02-20"),
               ("o", 1, "2023-02-28", "2023-02-28Z", "2023-06-01", 93 * US, "won", "infinity"), stage_id="s"),
        *table("opportunity_id visit_number stage_id entered_on entered_at exited_on elapsed_us ended_by gone_on",
               ("c", 2, "t", "2024-02-04", "2024-02-04Z", "2024-02-14", 10 * US, "lost", "infinity"),
               ("c", 3, "t", "2024-03-05", "2024-03-05Z", "2024-03-15", 10 * US, "won", "infinity")),
    ]  # fmt: skip
    found = selected(settings, "staging.stage_survival", COLUMNS, DAY, staging__visit_facts=rows)
    assert found == [
        ("s", 5, 3, 5.0, 5.0, pytest.approx(0.2), pytest.approx(0.4), pytest.approx(0.2), pytest.approx(0.4)),
        ("t", 1, 1, 10.0, 10.0, 0.0, 1.0, 0.0, 1.0),
    ]


def test_as_lifelines_has_it(settings: Settings) -> None:
    """Figures of lifelines 0.30.3 on the same visits: KaplanMeierFitter's median_survival_time_ and percentile(0.1);
    AalenJohansenFitter(calculate_variance=False, jitter_level=1e-6, seed=1), which breaks ties at random: equal to
    a thousandth."""
    found = selected(settings, "staging.stage_survival", COLUMNS, DAY, staging__visit_facts=VISITS)
    assert [row[:5] for row in found] == [("s1", 400, 378, 21.0, 37.0), ("s2", 302, 247, 49.0, 83.0)]
    assert [row[5:] for row in found] == [
        tuple(pytest.approx(share, abs=0.001) for share in shares)
        for shares in ((0.0371, 0.2138, 0.2746, 0.467), (0.1409, 0.1657, 0.4199, 0.4574))
    ]
