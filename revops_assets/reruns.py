"""Days that stand but have to be built again: which they are, why, and the runs that build them.

They are kept in ops.rerun_requests until they are written. Three things put them there: rows of a table that is built
as a whole read otherwise than before (sql/reach says on which days of which datasets they matter), a day that others
look back on reads otherwise, and a day was seen while it still ran. With a day come the stored datasets that read it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

import sqlalchemy as sa

from revops_assets.look_back import DATASETS, HISTORY, descendants, read_calendar, reads, tables_behind_days
from revops_assets.partitions import range_tags
from revops_assets.resources import ALSO_TAG, KNOWN_AS_OF_TAG, REASON_TAG, TENANTS_TAG
from revops_assets.settings import SQL_DIR
from revops_assets.sql_file import header_and_body

DAY = timedelta(days=1)
REASON_LENGTH = 500
# A run costs about as much as this many (dataset, day) partitions written in vain (docs/decisions/0009).
RUN_COSTS_PARTITIONS = 300

# `asked` (dataset, tenant_id, snapshot_date, reason) and its stored readers of the same day, once each.
ASK = """
stored as (
    select distinct dataset, snapshot_date from ops.days_written
),
with_readers as (
    select dataset, tenant_id, snapshot_date, reason from asked
    union all
    select r.reader, a.tenant_id, a.snapshot_date, a.reason || ', which ' || a.dataset || ' reads'
    from asked as a
    inner join unnest(cast(:read as text[]), cast(:readers as text[])) as r (dataset, reader) on a.dataset = r.dataset
    inner join stored as s on s.dataset = r.reader and s.snapshot_date = a.snapshot_date
)
insert into ops.rerun_requests (dataset, tenant_id, snapshot_date, reason)
select distinct on (dataset, tenant_id, snapshot_date) dataset, tenant_id, snapshot_date, reason
from with_readers
order by dataset, tenant_id, snapshot_date, length(reason)
on conflict (dataset, tenant_id, snapshot_date) do update
set request_id = default, reason = excluded.reason, requested_at = now()
"""

# Days on which what a dataset reads of pg_temp.changed_rows was another before the write than after it.
AFFECTED = """
with touched as (
{touched}
),
turned as (
    select tenant_id, dataset, content,
        coalesce(range_agg(days) filter (where side = 'was'), '{{}}') as was_on,
        coalesce(range_agg(days) filter (where side = 'is'), '{{}}') as is_on
    from touched
    where not isempty(days)
    group by tenant_id, dataset, content
),
differing as (
    select tenant_id, dataset, range_agg((was_on - is_on) + (is_on - was_on)) as days
    from turned
    where was_on <> is_on
    group by tenant_id, dataset
),
asked as (
    select s.dataset, d.tenant_id, s.snapshot_date, cast(:reason as text) as reason
    from differing as d
    inner join (select distinct dataset, snapshot_date from ops.days_written) as s
        on s.snapshot_date <@ d.days
        and (d.dataset = s.dataset or d.dataset = '*' and s.dataset = any(cast(:behind_history as text[])))
),
"""

GIVEN = """
with asked as (
    select * from unnest(
        cast(:datasets as text[]), cast(:tenants as text[]), cast(:days as date[]), cast(:reasons as text[])
    ) as a (dataset, tenant_id, snapshot_date, reason)
),
"""

# The day that each tenant's newest load came on, and days that were seen as of an instant within them.
RUNNING = """
with newest as (
    select w.tenant_id, max(l.finished_at) as finished_at
    from ops.tables_written as w
    inner join crm_remote.changing_loads as l on l.tenant_id = w.tenant_id and l.load_seq <= w.known_as_of
    inner join staging.evidence as e
        on e.tenant_id = w.tenant_id and e.matter = 'deals' and l.finished_at >= e.since_date::timestamptz
    where w.dataset = :history
    group by w.tenant_id
),
seen as (
    select n.tenant_id, n.finished_at, c.day
    from newest as n
    inner join ops.calendar as c on c.starts_at < n.finished_at and c.ends_at > n.finished_at
)
select r.dataset, r.tenant_id, r.day, r.reason
from (
    select d.dataset, s.tenant_id, s.day, 'the day still ran' as reason
    from seen as s
    cross join unnest(cast(:datasets as text[])) as d (dataset)
    left join ops.days_written as w
        on w.dataset = d.dataset and w.tenant_id = s.tenant_id and w.snapshot_date = s.day
    where w.cut_at is distinct from s.finished_at
    union all
    select w.dataset, w.tenant_id, w.snapshot_date, 'it was built before the day was over'
    from seen as s
    inner join ops.days_written as w on w.tenant_id = s.tenant_id and w.snapshot_date <> s.day
    where w.cut_at is not null and w.dataset = any(:datasets)
) as r
left join ops.rerun_requests as q
    on q.dataset = r.dataset and q.tenant_id = r.tenant_id and q.snapshot_date = r.day
where q.dataset is null
"""


@lru_cache(maxsize=1)
def reach_files() -> dict[str, str]:
    """For each table that has one, the query of its reach."""
    paths = sorted((SQL_DIR / "reach").glob("*/*.sql"))
    return {f"{path.parent.name}.{path.stem}": header_and_body(path)[1] for path in paths}


def dated_reach(table: str, columns: Sequence[str]) -> str | None:
    """The reach of a table whose rows hold from valid_from to before valid_to: its readers, on those days."""
    readers = ", ".join(f"('{name}')" for name in sorted(DATASETS) if table in DATASETS[name].deps)
    return readers and (
        f"select c.tenant_id, c.side, r.dataset, row({', '.join('c.' + name for name in columns)})::text as content,"
        " ops.valid_days(c.valid_from, c.valid_to) as days\n"
        f"from pg_temp.changed_rows as c cross join (values {readers}) as r (dataset)"
    )


def request_affected(connection: sa.Connection, table: str, touched: str) -> int:
    """Ask for the stored days that pg_temp.changed_rows matter to; `touched`: their reach. Returns how many."""
    if not connection.scalar(sa.text("select exists (select from ops.days_written)")):
        return 0
    return connection.execute(
        sa.text(AFFECTED.format(touched=touched) + ASK),
        {
            "reason": f"{table} has changed",
            "behind_history": [name for name, daily in DATASETS.items() if daily.is_behind_history],
            **_readers(),
        },
    ).rowcount


def request_look_backs(connection: sa.Connection, table: str, changed: Iterable[tuple[str, date]]) -> int:
    """Ask for the stored days that looked back on days of `table` which have changed since; returns how many."""
    by_tenant: dict[str, set[date]] = {}
    for tenant, day in changed:
        by_tenant.setdefault(tenant, set()).add(day)
    kinds = {name: daily.looks_back_on[table] for name, daily in DATASETS.items() if table in daily.looks_back_on}
    if not by_tenant or not kinds:
        return 0
    calendar = read_calendar(connection)
    rows = connection.execute(
        sa.text(
            "select dataset, tenant_id, snapshot_date from ops.days_written where dataset = any(:datasets)"
            " and tenant_id = any(:tenants) and snapshot_date > :first"
        ),
        {
            "datasets": list(kinds),
            "tenants": list(by_tenant),
            "first": min(day for days in by_tenant.values() for day in days),
        },
    )
    looked = [
        (name, tenant, day, f"look-back: {kinds[name]} in {table} has changed")
        for name, tenant, day in rows
        if not by_tenant[tenant].isdisjoint(reads(kinds[name], day, calendar))
    ]
    return _request(connection, looked)


def request_running_days(connection: sa.Connection, first_day: date) -> int:
    """Ask for the day that each tenant's newest load came on, and for days that were built before they were over."""
    found = connection.execute(sa.text(RUNNING), {"history": HISTORY, "datasets": sorted(DATASETS)}).all()
    return _request(connection, [row for row in found if row[2] >= first_day])


def _request(connection: sa.Connection, asked: Sequence[Sequence[object]]) -> int:
    if not asked:
        return 0
    datasets, tenants, days, reasons = (list(column) for column in zip(*asked, strict=True))
    return connection.execute(
        sa.text(GIVEN + ASK),
        {"datasets": datasets, "tenants": tenants, "days": days, "reasons": reasons} | _readers(),
    ).rowcount


def _readers() -> dict[str, list[str]]:
    pairs = [(name, reader) for name in sorted(DATASETS) for reader in sorted(descendants(name))]
    return {"read": [name for name, _ in pairs], "readers": [reader for _, reader in pairs]}


# ---------------------------------------------------------------------------------------------- runs


@dataclass(frozen=True)
class Rerun:
    """A run that builds what is asked for: datasets on the days first..last, and on those of `also` before them."""

    first: date
    last: date
    datasets: frozenset[str]
    tenants: tuple[str, ...]
    known_as_of: int
    reasons: tuple[str, ...]
    newest_request: int
    also: tuple[date, ...] = ()

    def tags(self) -> dict[str, str]:
        """The run's tags: its days, its tenants, its known time, and why it is."""
        tags = {
            **range_tags(self.first, self.last),
            TENANTS_TAG: ",".join(self.tenants),
            KNOWN_AS_OF_TAG: str(self.known_as_of),
            REASON_TAG: "; ".join(self.reasons)[:REASON_LENGTH],
        }
        return tags | ({ALSO_TAG: ",".join(map(str, self.also))} if self.also else {})


@dataclass(frozen=True)
class _Span:
    """Days in a row, the datasets asked of them, and how many partitions that are."""

    first: date
    last: date
    datasets: frozenset[str]
    asked: int

    def days(self) -> list[date]:
        """Its days, in order."""
        return [self.first + DAY * n for n in range((self.last - self.first).days + 1)]


# Which (dataset, day) stand there: others are not built for a run's convenience.
Standing = Collection[tuple[str, date]]


def plan(connection: sa.Connection, partitions: tuple[date, date], but_not: Sequence[str] = ()) -> list[Rerun]:
    """The runs that build what is asked for, earliest first: one for each span of days in a row, per tenant.

    Days that stand alone, and those before the first partition, ride with the next span where they can. `but_not`:
    tenants whose tables are to be built first, and so are those of whom a table could not be written.
    """
    rows = connection.execute(
        sa.text(
            "select q.tenant_id, q.snapshot_date, q.dataset, q.request_id, q.reason, w.known_as_of"
            " from ops.rerun_requests as q"
            " inner join ops.tables_written as w on w.tenant_id = q.tenant_id and w.dataset = :history"
            " where q.dataset = any(:datasets) and q.snapshot_date <= :last and q.tenant_id <> all(:but_not)"
            " and not (q.dataset = any(:behind_history) and exists ("
            "select from ops.unwritten as u where u.tenant_id = q.tenant_id and u.dataset = any(:tables)))"
        ),
        {
            "history": HISTORY,
            "datasets": sorted(DATASETS),
            "last": partitions[1],
            "but_not": list(but_not),
            "behind_history": [name for name, daily in DATASETS.items() if daily.is_behind_history],
            "tables": sorted(tables_behind_days()),
        },
    ).all()
    if not rows:
        return []
    standing = {
        (dataset, day)
        for dataset, day in connection.execute(sa.text("select distinct dataset, snapshot_date from ops.days_written"))
    }
    tenants: dict[str, dict[date, set[str]]] = {}
    for tenant, day, dataset, *_ in rows:
        tenants.setdefault(tenant, {}).setdefault(day, set()).add(dataset)
    # Tenants of which the same is asked share their runs.
    alike: dict[tuple[tuple[date, frozenset[str]], ...], list[str]] = {}
    for tenant, wanted in sorted(tenants.items()):
        alike.setdefault(tuple((day, frozenset(wanted[day])) for day in sorted(wanted)), []).append(tenant)
    runs = []
    for days, group in alike.items():
        own = [row for row in rows if row[0] in group]
        base = Rerun(
            *partitions,
            frozenset(),
            tuple(group),
            max(row[5] for row in own),
            tuple(sorted({row[4].split(", which ")[0] for row in own})),
            max(row[3] for row in own),
        )
        runs += [
            replace(base, first=span.first, last=span.last, datasets=span.datasets, also=also)
            for span, also in _with_riders(_spans(days, standing), partitions[0], standing)
        ]
    return sorted(runs, key=lambda run: (run.first, run.last, run.tenants))


def _together(span: _Span, datasets: frozenset[str], asked: int, standing: Standing) -> bool:
    """Whether a run of the span may take these datasets: few partitions in vain, and all of them stand there."""
    in_vain = len(span.days()) * len(datasets) - asked
    return in_vain <= RUN_COSTS_PARTITIONS and all(
        (name, day) in standing for name in datasets - span.datasets for day in span.days()
    )


def _spans(days: Iterable[tuple[date, frozenset[str]]], standing: Standing) -> list[_Span]:
    """Days in a row, cut where the datasets asked for differ so much that a run of its own is cheaper."""
    spans: list[_Span] = []
    for day, datasets in days:
        own = _Span(day, day, datasets, len(datasets))
        if spans and spans[-1].last + DAY == day:
            before = spans[-1]
            longer = _Span(before.first, day, before.datasets | datasets, before.asked + own.asked)
            if _together(before, longer.datasets, before.asked, standing) and _together(
                own, longer.datasets, own.asked, standing
            ):
                spans[-1] = longer
                continue
        spans.append(own)
    return spans


def _with_riders(spans: Sequence[_Span], first_day: date, standing: Standing) -> list[tuple[_Span, tuple[date, ...]]]:
    """Spans that get a run, each with the single days that ride with it.

    Days without a partition always ride: if no other run can take them, with the newest day that stands there.
    """
    runs: list[tuple[_Span, tuple[date, ...]]] = []
    for span in reversed(spans):  # a rider goes with the next span that can take it, which is known from behind
        if span.first == span.last or span.first < first_day:
            host = next((n for n in reversed(range(len(runs))) if _takes(runs[n][0], span, standing)), None)
            if host is not None:
                run, also = runs[host]
                runs[host] = (replace(run, datasets=run.datasets | span.datasets), tuple(sorted({*also, *span.days()})))
                continue
        if span.last < first_day:
            whole = [day for name, day in standing if name == min(span.datasets) and day >= first_day]
            day = max((day for day in whole if all((n, day) in standing for n in span.datasets)), default=first_day)
            runs.append((replace(span, first=day, last=day), tuple(span.days())))
        else:
            early = tuple(day for day in span.days() if day < first_day)
            runs.append((replace(span, first=max(span.first, first_day)), early))
    return runs


def _takes(host: _Span, rider: _Span, standing: Standing) -> bool:
    """Whether a span's run may take the datasets of days that ride with it."""
    return _together(host, host.datasets | rider.datasets, len(host.days()) * len(host.datasets), standing)
