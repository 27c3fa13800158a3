"""`make bench-forecast`: how right win probabilities were, on a public log of loan applications, walk-forward.

Without ../shared/data/bpic2012 (BPI Challenge 2012: 13,087 applications, October 2011 to March 2012) a generated company
stands in. As of every Friday each open deal's probability of being won within 30 days, learned by the end of the week before
(its Fridays' outcomes were known by then: an embargo of the 30 days), beside what came. Printed: for all Fridays that
were predicted, and for those of 2012 alone, before which at least a month of outcomes was known.

python -m bench.forecast [--keep DIR]
python -m bench.forecast --scenario 1 2 3 [--deals 3000] [--keep DIR]

With --scenario, of generated companies with these seeds: what was forecast at the ends of weeks 3 to 13 of each quarter
that had two before it, by each method and by the one that was chosen (ai), beside what was sold; and how often that lay
within the 80 % bounds.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from revops_assets.settings import PROJECT_ROOT, get_settings
from revops_assets.warehouse import databases, embedded

LOG = PROJECT_ROOT.parent / "shared" / "data" / "bpic2012" / "BPI_Challenge_2012.xes.gz"
MAPPING = Path(__file__).parent / "loan_log.yaml"
OPEN = ("A_SUBMITTED", "A_PARTLYSUBMITTED", "A_PREACCEPTED", "A_ACCEPTED", "A_FINALIZED", "O_SENT", "O_SENT_BACK")
CLOSED = ("A_ACTIVATED", "A_DECLINED", "A_CANCELLED")
HORIZON = timedelta(days=30)
METHODS = {
    "analytics.win_probability: rates of deals that stood alike": "p.won_within_30",
    "analytics.logistic_probability: a logistic model, fitted at the month's end": "g.won_within_30",
}
# Predictions whose outcome is known, with the company's own rate as it was known at the same time. By both methods: the
# deals are the same.
PREDICTED = """
select p.snapshot_date, coalesce(p.amount, 0)::float8 as amount, {probability}::float8 as p,
    ops.won_within(r.probabilities, 30) as base,
    exists (
        select from staging.deal_intervals as i
        where i.tenant_id = p.tenant_id and i.opportunity_id = p.opportunity_id and i.status = 'won'
            and i.d_from > p.snapshot_date and i.d_from <= p.snapshot_date + 30
    )::int as y
from analytics.win_probability as p
inner join analytics.win_rates as r
    on r.tenant_id = p.tenant_id and r.snapshot_date = p.learned_on and r.deal_group = '{{}}'
left join analytics.logistic_probability as g
    on g.tenant_id = p.tenant_id and g.snapshot_date = p.snapshot_date and g.opportunity_id = p.opportunity_id
where p.tenant_id = 'log' and {probability} is not null and p.method = 'learned' and extract(isodow from p.snapshot_date) = 5
    and p.snapshot_date between %(first)s and %(last)s
"""
FIGURES = """
with predicted as ({predicted}),
ranked as (select y, rank() over (order by p) + (count(*) over (partition by p) - 1) / 2.0 as place from predicted),
bins as (
    select abs(avg(p) - avg(y)) * count(*) as gap from predicted group by least(floor(p * 10), 9)
),
months as (
    select abs(sum(amount * p) - sum(amount * y)) as error, sum(amount * y) as actual
    from predicted group by date_trunc('month', snapshot_date)
)
select (select count(*) from predicted), (select count(distinct snapshot_date) from predicted),
    (select avg(y) from predicted),
    (select (sum(place) filter (where y = 1) - count(*) filter (where y = 1) * (count(*) filter (where y = 1) + 1) / 2.0)
        / (count(*) filter (where y = 1) * count(*) filter (where y = 0)) from ranked),
    (select avg((p - y) ^ 2) from predicted), (select avg((base - y) ^ 2) from predicted),
    (select sum(gap) from bins) / (select count(*) from predicted),
    (select sum(error) / nullif(sum(actual), 0) from months)
"""
RELIABILITY = """
select least(floor(p * 10), 9)::int, count(*), avg(p), avg(y) from ({predicted}) as q group by 1 order by 1
"""


END, LAST_QUARTER_END = "2024-11-14", "2024-09-30"
# Of the whole company, weeks 3 to 13, quarters with two before them: what was chosen had a record to be chosen by.
RECORD = """
select method, sum(abs(error_amount)) / sum(actual_amount) as wape, sum(error_amount) / sum(actual_amount) as bias,
    count(*), count(is_within), count(*) filter (where is_within)
from (
    select *, dense_rank() over (partition by tenant_id order by snapshot_date) as place
    from analytics.forecast_record where team_id = 'All' and segment = 'All' and region = 'All'
) as r
where place > 2 and week_number >= 3 and forecast_amount is not null
group by method order by wape
"""


def main() -> None:
    """Load, build, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--scenario", type=int, nargs="+", default=[])
    parser.add_argument("--deals", type=int, default=3000)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="revops-forecast-"))
    is_real = LOG.is_file() and not options.scenario
    os.environ.update(
        REVOPS_HOME=str(folder / "home"), REVOPS_ENV="dev", REVOPS_TIMEZONE="Europe/Amsterdam",
        REVOPS_FIRST_DAY="2011-10-01" if is_real else "2023-01-01",
    )  # fmt: skip
    os.environ.pop("REVOPS_DATABASE_URL", None)
    get_settings.cache_clear()
    try:
        if options.scenario:
            _companies(folder, options.scenario, options.deals)
            return
        first, last = _build(folder, is_real)
        print(f"{'BPI Challenge 2012' if is_real else 'A generated company'}: won within 30 days, as of every Friday")
        for method, probability in METHODS.items():
            print(method)
            _figures("all that were predicted", first, last, probability)
            if is_real:
                _figures("those of 2012", date(2012, 1, 1), last, probability)
    finally:
        if not options.keep:
            embedded.stop(folder / "home")
            shutil.rmtree(folder)


def _build(folder: Path, is_real: bool) -> tuple[date, date]:
    """The Fridays' first and last day whose outcome is known, all built."""
    export = folder / "export"
    if is_real:
        first, last = date(2011, 11, 1), date(2012, 3, 14) - HORIZON
        if not export.is_dir():
            _write_log(export)
        mapping: object = MAPPING
    else:
        first, last = date(2024, 1, 1), date(2024, 11, 14) - HORIZON
        if not export.is_dir():
            _revops("scenario", "generate", "--out", export, "--deals", 1500, "--end-date", "2024-11-14")
        mapping = "salesforce"
    if not (folder / "home").is_dir():
        _revops("db", "upgrade")
        _revops("load", export, "--mapping", mapping, "--tenant", "log")
        both = '+key:"analytics/win_probability" or +key:"analytics/logistic_probability"'
        _revops("materialize", "--select", both, "--from", first, "--to", last)
    return first, last


def _companies(folder: Path, seeds: list[int], deals: int) -> None:
    """Build and print the record of generated companies' forecasts."""
    if not (folder / "home").is_dir():
        _revops("db", "upgrade")
        for seed in seeds:
            export = folder / f"export{seed}"
            _revops("scenario", "generate", "--out", export, "--deals", deals, "--end-date", END, "--seed", seed)
            _revops("load", export, "--mapping", "salesforce", "--tenant", f"seed{seed}")
        _revops("materialize", "--select", '+key:"analytics/forecast_record"', "--partition", LAST_QUARTER_END)
    print(f"{len(seeds)} generated companies of {deals:,} deals, quarters that ended up to {LAST_QUARTER_END}")
    for method, wape, bias, ends, bounds, within in _read(RECORD, None, None):
        held = f"   within its 80 % bounds {int(within)} of {int(bounds)}" if bounds else ""
        print(f"  {method:15} WAPE {wape:.3f}   bias {bias:+.3f}   {int(ends)} weeks' ends{held}")


def _write_log(export: Path) -> None:
    """The log as two CSV files: deals, and the changes of their stages."""
    export.mkdir(parents=True)
    with (
        (export / "deals.csv").open("w", newline="") as deals,
        (export / "changes.csv").open("w", newline="") as changes,
    ):
        deal_rows, change_rows = csv.writer(deals), csv.writer(changes)
        deal_rows.writerow(["deal", "amount", "created", "stage", "modified"])
        change_rows.writerow(["deal", "stage", "at"])
        for case, amount, events in _cases():
            deal_rows.writerow([case, amount, events[0][1], events[-1][0], events[-1][1]])
            change_rows.writerows((case, stage, at) for stage, at in events)


def _cases() -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Each application's id, amount, and stages with the time at which it came into them, up to its end."""
    with gzip.open(LOG) as file:
        for _, element in ElementTree.iterparse(file):
            if not element.tag.endswith("trace"):
                continue
            about = {child.get("key"): child.get("value") for child in element}
            events: list[tuple[str, str]] = []
            for event in element:
                said = {child.get("key"): child.get("value", "") for child in event}
                stage = said.get("concept:name", "")
                if said.get("lifecycle:transition") == "COMPLETE" and stage in OPEN + CLOSED:
                    events.append((stage, said["time:timestamp"]))
            ends = [n for n, (stage, _) in enumerate(events) if stage in CLOSED]
            yield str(about["concept:name"]), str(about["AMOUNT_REQ"]), events[: ends[0] + 1] if ends else events
            element.clear()


def _figures(what: str, first: date, last: date, probability: str) -> None:
    predicted = PREDICTED.format(probability=probability)
    n, weeks, share, auc, brier, base, ece, wape = _read(FIGURES.format(predicted=predicted), first, last)[0]
    print(
        f"{what}: {n:,} predictions of {weeks} Fridays, {share:.3f} won\n"
        f"  AUC {auc:.4f}   Brier {brier:.4f} (base rate {base:.4f})   skill {1 - brier / base:.3f}   ECE {ece:.4f}"
        f"   amount-weighted WAPE by month {wape:.3f}"
    )
    for tenth, count, said, came in _read(RELIABILITY.format(predicted=predicted), first, last):
        print(f"  {tenth / 10:.1f} to {tenth / 10 + 0.1:.1f}  {count:6,}  said {said:.3f}  came {came:.3f}")


def _read(statement: str, first: date | None, last: date | None) -> list[Any]:
    with databases.connect(get_settings(), "warehouse") as connection, connection.cursor() as cursor:
        cursor.execute(statement, {"first": first, "last": last})
        return [tuple(float(x) if isinstance(x, Decimal) else x for x in row) for row in cursor.fetchall()]


def _revops(*arguments: object) -> None:
    command = [str(Path(sys.executable).parent / "revops"), *map(str, arguments)]
    print("$ revops " + " ".join(map(str, arguments)), flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
