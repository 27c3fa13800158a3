"""What is learned with scikit-learn: coefficients that minimise what they are said to, scores that SQL makes of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from revops_assets.building.daily import BEFORE_WRITE
from revops_assets.catalogue import CATALOGUE
from revops_assets.datasets.ledger import RUN_DAYS
from revops_assets.datasets.window import Window
from revops_assets.learning import health_weights, logistic
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.given import selected, table
from revops_assets_tests.test_win_probability import DEALS

DAY, MONTH_END = timedelta(days=1), date(2024, 2, 29)
LEARNED_FROM = (
    "staging.deal_intervals", "staging.thresholds", "staging.closing_facts", "enriched.deal_health_scores",
    "enriched.health_rules",
)  # fmt: skip
LAY_OUT_DAYS = """
insert into run_days
select 'a', day, ends_at, quarter, quarter_start, quarter_end, week_of_quarter, fiscal_year_start, weekday
from ops.calendar where day between :first and :last
"""


@pytest.fixture
def connection(clean: Settings) -> Iterator[sa.Connection]:
    """A transaction that is rolled back, in which what is learned from takes any rows; the run's days are the month's
    end, and the day before and after it."""
    with databases.engine(clean, "warehouse").connect() as connection:
        for name in LEARNED_FROM:
            schema, relation = name.split(".")
            connection.execute(sa.text(f"alter table {name} rename to aside_{relation}"))
            connection.execute(sa.text(f"create table {name} as table {schema}.aside_{relation} with no data"))
        connection.execute(sa.text(RUN_DAYS))
        connection.execute(sa.text("truncate run_days"))
        connection.execute(sa.text(LAY_OUT_DAYS), {"first": MONTH_END - DAY, "last": MONTH_END + DAY})
        connection.execute(
            sa.text(
                "insert into staging.thresholds (tenant_id, snapshot_date, learn_won, learn_lost)"
                " select tenant_id, day, 50, 150 from run_days"
            )
        )
        yield connection
        connection.rollback()


def fitted(connection: sa.Connection, dataset: str, rows: str) -> list[tuple[Any, ...]]:
    """What is laid out for the run's days."""
    window = Window("snapshot_date", MONTH_END - DAY, MONTH_END + 2 * DAY, ("a",))
    nothing: Any = None  # neither the warehouse's settings nor the time that is read at matter
    BEFORE_WRITE[dataset](connection, window, nothing, nothing)
    return [tuple(row) for row in connection.execute(sa.text(rows))]


def put_deals(connection: sa.Connection, deals: str) -> None:
    names = ", ".join(connection.execute(sa.text(deals)).keys())
    connection.execute(sa.text(f"insert into staging.deal_intervals ({names}) {deals}"))


WITH_OPENING = f"""
select q.*, min(q.d_from) over (partition by q.opportunity_id)::timestamptz as opened_at from ({DEALS.format(size=900)}) as q
"""
COEFFICIENTS = """
select day, horizon_days, feature, coefficient::float8, examples_count, deals_count, won_count
from pg_temp.fitted_coefficients order by 2, 3
"""


def test_coefficients_are_those_of_least_loss(connection: sa.Connection) -> None:
    """Examples made anew in Python; at the least of sum(log loss) + |scaled coefficients|^2 / 2 the slope is nil."""
    put_deals(connection, WITH_OPENING)
    rows = fitted(connection, "analytics.logistic_models", COEFFICIENTS)
    assert {row[0] for row in rows} == {MONTH_END} and {row[1] for row in rows} == {30, 60, 90}
    spans = connection.execute(sa.text(f"select * from ({WITH_OPENING}) as q order by d_from")).mappings().all()
    for horizon in (30, 60, 90):
        found = {row[2]: row[3] for row in rows if row[1] == horizon}
        examples = examples_by_python(spans, horizon)
        names = sorted({name for _, features, _ in examples for name in features})
        assert found.keys() == {"intercept", *names}
        won = {deal for deal, _, is_won in examples if is_won}
        counts = (len(examples), len({deal for deal, _, _ in examples}), len(won))
        assert {row[4:] for row in rows if row[1] == horizon} == {counts}
        x = np.array([[features.get(name, 0.0) for name in names] for _, features, _ in examples])
        y = np.array([is_won for *_, is_won in examples], float)
        deviations = np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
        scaled = np.array([found[name] for name in names]) * deviations
        off = 1 / (1 + np.exp(-(found["intercept"] + x / deviations @ scaled))) - y
        slope = [off.sum(), *((x / deviations).T @ off + scaled)]
        assert np.abs(slope).max() < 0.0002 * len(examples)


def examples_by_python(spans: Any, horizon: int) -> list[tuple[str, dict[str, float], bool]]:
    """Every open deal at the end of every Friday of the last year whose outcome was known on the month's end."""
    ends = {}
    for span in spans:
        if span["status"] != "open":
            ends.setdefault(span["opportunity_id"], (span["d_from"], span["status"] == "won"))
    fridays = [day for n in range(1, 365) if (day := MONTH_END - n * DAY).isoweekday() == 5]
    examples = []
    for friday in fridays:
        ends_at = datetime.combine(friday + DAY, datetime.min.time())
        for span in spans:
            if (
                span["status"] != "open"
                or not span["d_from"] <= friday < span["d_to"]
                or friday + horizon * DAY > MONTH_END
            ):
                continue
            stay, age = (
                (ends_at - span[name].replace(tzinfo=None)).total_seconds() / 86400
                for name in ("stage_entered_at", "opened_at")
            )
            stage = f"stage {span['stage_id']}"
            features = {
                stage: 1.0,
                f"{stage} x ln(1 + days in stage)": math.log(1 + stay),
                f"{stage} x ln(1 + days in stage) squared": math.log(1 + stay) ** 2,
                "ln(1 + days open)": math.log(1 + age),
                "visit": float(min(span["visit_number"], 9)),
                f"category {span['forecast_category'] or 'Pipeline'}": 1.0,
                f"close date: {due(span['close_date'], friday)}": 1.0,
            }
            ended, is_won = ends.get(span["opportunity_id"], (date.max, False))
            examples.append((span["opportunity_id"], features, is_won and (ended - friday).days <= horizon))
    return examples


def due(close_date: date | None, friday: date) -> str:
    if close_date is None:
        return "no close date"
    left = (close_date - friday).days
    return (
        "overdue" if left <= 0 else next((f"due in {days} days" for days in (30, 60, 90) if left <= days), "due later")
    )


def test_nothing_is_fitted_to_what_came_later(connection: sa.Connection) -> None:
    """Whatever became of deals after the month's end, and whatever came of Fridays that were too young."""
    put_deals(connection, f"select * from ({WITH_OPENING}) as q")
    before = fitted(connection, "analytics.logistic_models", COEFFICIENTS)
    connection.execute(
        sa.text("update staging.deal_intervals set status = 'lost' where status = 'won' and d_from > :day"),
        {"day": MONTH_END},
    )
    assert before and fitted(connection, "analytics.logistic_models", COEFFICIENTS) == before


@pytest.mark.parametrize(("won", "lost"), [(51, 150), (50, 151)], ids=["too few won", "too few others"])
def test_too_few_deals_give_no_model(connection: sa.Connection, won: int, lost: int) -> None:
    deals = """
        select 'a' as tenant_id, 'd' || n as opportunity_id, date '2023-11-06' as d_from, date '2023-11-13' as d_to,
            'open' as status, 'p' as pipeline_id, 's' as stage_id, timestamptz '2023-11-06Z' as stage_entered_at,
            timestamptz '2023-11-06Z' as opened_at, 1 as visit_number, null::timestamptz as closed_at
        from generate_series(1, 200) as n
        union all
        select 'a', 'd' || n, date '2023-11-13', 'infinity', case when n <= 50 then 'won' else 'lost' end, 'p', null, null,
            timestamptz '2023-11-06Z', null, timestamptz '2023-11-13 12:00Z' from generate_series(1, 200) as n
    """
    put_deals(connection, deals)
    connection.execute(sa.text("update staging.thresholds set learn_won = 50, learn_lost = 150"))
    assert fitted(connection, "analytics.logistic_models", COEFFICIENTS)
    connection.execute(
        sa.text("update staging.thresholds set learn_won = :won, learn_lost = :lost"), {"won": won, "lost": lost}
    )
    assert fitted(connection, "analytics.logistic_models", COEFFICIENTS) == []


def test_without_scikit_learn_there_are_no_rows(connection: sa.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    put_deals(connection, WITH_OPENING)
    for module, dataset, name in (
        (logistic, "analytics.logistic_models", "coefficients"),
        (health_weights, "analytics.learned_health_weights", "weights"),
    ):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
        assert fitted(connection, dataset, f"select * from pg_temp.fitted_{name}") == []


def test_scores_by_hand(settings: Settings) -> None:
    """Stage s, 3 days in it, open for 7, second visit: log odds -1 + 0.5 + 0.25 x ln 4 + 0.1 x ln 8 - 0.2 x 2. The model of
    60 days has not seen the stage; nobody knows deal t's; u has none."""
    models = [
        *table("feature coefficient", ("intercept", -1), ("stage s", 0.5), ("stage s x ln(1 + days in stage)", 0.25),
               ("ln(1 + days open)", 0.1), ("visit", -0.2), snapshot_date="2024-02-29", horizon_days=30),
        *table("feature coefficient", ("intercept", -1), ("stage r", 0.5), snapshot_date="2024-02-29", horizon_days=60),
        *table("feature coefficient", ("intercept", 3), ("stage s", 3), snapshot_date="2024-01-31", horizon_days=90),
    ]  # fmt: skip
    deals = table(
        "opportunity_id stage_id days_in_stage", ("s", "s", 3), ("t", "t", 3), ("u", None, None), pipeline_id="p",
        as_of="2024-03-09Z", forecast_category="Pipeline",
    )  # fmt: skip
    spans = table(
        "opportunity_id visit_number", ("s", 2), ("t", 1), ("u", None), d_from="2024-03-01", d_to="infinity",
        opened_at="2024-03-02Z",
    )  # fmt: skip
    found = selected(
        settings, "analytics.logistic_probability",
        "opportunity_id, trained_on, won_within_30::float8, won_within_60, won_within_90", "2024-03-08",
        analytics__logistic_models=models, staging__deal_days=deals, staging__deal_intervals=spans,
    )  # fmt: skip
    odds = -1 + 0.5 + 0.25 * math.log(4) + 0.1 * math.log(8) - 0.4
    assert found == [("s", MONTH_END, pytest.approx(1 / (1 + math.exp(-odds)), abs=1e-6), None, None)]


def test_random_outcomes_rank_at_chance(connection: sa.Connection) -> None:
    """Fitted to deals that were won at random, it tells those of the days since apart no better than a coin."""
    put_deals(connection, WITH_OPENING.replace("900", "4000"))
    rows = fitted(connection, "analytics.logistic_models", COEFFICIENTS)
    weights = {row[2]: row[3] for row in rows if row[1] == 30}
    later = connection.execute(
        sa.text(
            "select s.features, coalesce(s.days_to_win between 1 and 30, false) from ops.deal_sightings(array['a'],"
            " :day, cast(:day as date) + 60) as s where s.is_friday and s.ended_on <= s.day + 30"
        ),
        {"day": MONTH_END},
    ).all()
    scores = np.array([sum(weights.get(name, 0) * value for name, value in features.items()) for features, _ in later])
    won = np.array([is_won for _, is_won in later])
    pairs = scores[won][:, None] - scores[~won][None, :]
    assert len(later) > 1000
    assert ((pairs > 0).mean() + (pairs == 0).mean() / 2) == pytest.approx(0.5, abs=0.03)


def test_weights_find_what_tells_won_from_lost() -> None:
    """Won with the odds that the first component says; the second is noise, the third says the opposite of what it should."""
    dice = np.random.default_rng(1)
    scores = dice.random((4000, 3))
    won = dice.random(4000) < 1 / (1 + np.exp(-(4 * scores[:, 0] - 2 * scores[:, 2] - 1)))
    first, second, third = health_weights.learned_weights(scores, won)
    assert first > 0.9 and second < 0.1 and third == 0 and first + second == pytest.approx(1, abs=1e-4)
    assert health_weights.learned_weights(scores[:, 2:], won) == [0.0]


def test_learned_weights_by_hand(connection: sa.Connection) -> None:
    """240 deals, closed in the year: won where velocity was 80. The silent component has no row; health, at 50 for all,
    ranked at chance, and weights that were learned from the others would have ranked the last 91 days' perfectly."""
    connection.execute(
        sa.text(
            "insert into staging.closing_facts (tenant_id, opportunity_id, closed_on, d_from, is_won)"
            " select 'a', 'd' || n, d.day, d.day, n % 3 = 0 from generate_series(1, 240) as n"
            " cross join lateral (select date '2023-03-15' + n as day) as d"
        )
    )
    connection.execute(
        sa.text(
            "insert into enriched.deal_health_scores (tenant_id, snapshot_date, opportunity_id, health_score, velocity_score,"
            " activity_score) select 'a', m.day, 'd' || n, 50, case when n % 3 = 0 then 80 else 20 end, 40"
            " from generate_series(1, 240) as n cross join ops.calendar as m"
            " where m.day between '2023-01-01' and '2024-02-29' and ops.ends_week(m.day, m.quarter_start, m.quarter_end)"
        )
    )
    rows = fitted(
        connection, "analytics.learned_health_weights",
        "select day, component, weight, deals_count, won_count, held_out_count, learned_auc, current_auc"
        " from pg_temp.fitted_weights order by component",
    )  # fmt: skip
    # The last ended on 10 November 2023: no deal within 91 days of the end of February.
    assert rows == [
        (MONTH_END, "activity", 0, 240, 80, 0, None, None),
        (MONTH_END, "velocity", 1, 240, 80, 0, None, None),
    ]
    connection.execute(sa.text("update staging.closing_facts set closed_on = closed_on + 100, d_from = d_from + 100"))
    rows = fitted(
        connection, "analytics.learned_health_weights",
        "select component, weight, deals_count, held_out_count, learned_auc, current_auc from pg_temp.fitted_weights order by 1",
    )  # fmt: skip
    assert rows[1][:2] == ("velocity", 1) and rows[1][4:] == (1, 0.5) and rows[1][3] == 80


def test_current_weights_are_shares_of_the_components_that_have_a_row(connection: sa.Connection) -> None:
    """0.25 and 0.15 of a health of five components: 5 / 8 and 3 / 8 of the two that anything is known of."""
    connection.execute(
        sa.text(
            "insert into enriched.health_rules (tenant_id, snapshot_date, velocity_weight, activity_weight, competition_weight)"
            " values ('a', :day, 2500, 2500, 1500)"
        ),
        {"day": MONTH_END},
    )
    connection.execute(sa.text(health_weights.LAY_OUT))
    connection.execute(
        sa.text(
            "insert into fitted_weights values ('a', :day, 'velocity', 0.9, 240, 80, 80, 0.7, 0.6),"
            " ('a', :day, 'competition', 0.1, 240, 80, 80, 0.7, 0.6)"
        ),
        {"day": MONTH_END},
    )
    select = CATALOGUE["analytics.learned_health_weights"].file.select
    rows = connection.execute(
        sa.text(f"select component, weight, current_weight from ({select}) as q order by 1")
    ).all()
    assert [(name, float(weight), float(now)) for name, weight, now in rows] == [
        ("competition", 0.1, 0.375), ("velocity", 0.9, 0.625),
    ]  # fmt: skip
