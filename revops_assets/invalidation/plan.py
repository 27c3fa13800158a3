"""The runs that build what is stale: spans of days in a row, for the tenants that ask the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import sqlalchemy as sa

from revops_assets.catalogue import DAILY_DATASETS, HISTORY, ancestors, tables_behind_days
from revops_assets.datasets.partitions import range_tags
from revops_assets.invalidation.look_back import history_begins, read_calendar, reads, written_among
from revops_assets.invalidation.run_tags import ALSO_TAG, KNOWN_AS_OF_TAG, REASON_TAG, TENANTS_TAG

DAY = timedelta(days=1)
REASON_LENGTH = 500
# A run costs about as much as this many (dataset, day) partitions written in vain (docs/decisions/0009).
RUN_COSTS_PARTITIONS = 300


@dataclass(frozen=True)
class Rerun:
    """A run that builds what is stale: datasets on the days first..last, and on those of `also` before them."""

    first: date
    last: date
    datasets: frozenset[str]
    tenants: tuple[str, ...]
    known_as_of: int
    reasons: tuple[str, ...]
    newest_request: int
    also: tuple[date, ...] = ()

    def tags(self) -> dict[str, str]:
        """The run's tags: its days, its tenants, its transaction time, and why it is."""
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
    """The runs that build what is stale, earliest first: one for each span of days in a row, per tenant.

    Days that stand alone, and those before the first partition, ride with the next span where they can. `but_not`:
    tenants whose tables are to be built first, and so are those of whom a table could not be written.
    """
    rows = connection.execute(
        sa.text(
            "select q.tenant_id, q.snapshot_date, q.dataset, q.request_id, q.reason, w.known_as_of"
            " from ops.stale_partitions as q"
            " inner join ops.table_ledger as w on w.tenant_id = q.tenant_id and w.dataset = :history"
            " where q.dataset = any(:datasets) and q.snapshot_date <= :last and q.tenant_id <> all(:but_not)"
            " and not (q.dataset = any(:behind_history) and exists ("
            "select from ops.unwritten as u where u.tenant_id = q.tenant_id and u.dataset = any(:tables)))"
        ),
        {
            "history": HISTORY,
            "datasets": sorted(DAILY_DATASETS),
            "last": partitions[1],
            "but_not": list(but_not),
            "behind_history": [name for name, daily in DAILY_DATASETS.items() if daily.is_behind_history],
            "tables": sorted(tables_behind_days()),
        },
    ).all()
    if not rows:
        return []
    standing = {
        (dataset, day)
        for dataset, day in connection.execute(
            sa.text("select distinct dataset, snapshot_date from ops.partition_ledger")
        )
    }
    tenants: dict[str, dict[date, set[str]]] = {}
    for tenant, day, dataset, *_ in rows:
        tenants.setdefault(tenant, {}).setdefault(day, set()).add(dataset)
    _take_along(connection, tenants)
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


def _take_along(connection: sa.Connection, tenants: Mapping[str, dict[date, set[str]]]) -> None:
    """Add to each day's datasets what they read and was never built, as where a dataset came with a release."""
    calendar = read_calendar(connection)
    since = history_begins(connection, list(tenants))

    def read_by(name: str, tenant: str, day: date) -> Iterator[tuple[str, date]]:
        dataset = DAILY_DATASETS[name]
        if tenant not in since or day < since[tenant] or not dataset.is_behind_history:
            return
        yield from ((dep, day) for dep in dataset.deps if dep in DAILY_DATASETS)
        for dep, kind in dataset.looks_back_on.items():
            yield from ((dep, back) for back in reads(kind, day, calendar) if back >= since[tenant])

    needed = {
        (dep, back)
        for tenant, days in tenants.items()
        for day, names in days.items()
        for name in names
        for dep, back in read_by(name, tenant, day)
    }
    datasets, needed_days = sorted({dep for dep, _ in needed}), sorted({day for _, day in needed})
    there = written_among(connection, datasets, list(tenants), needed_days)
    for tenant, days in tenants.items():
        for day, names in days.items():
            lacking = {
                dep for name in names for dep, back in read_by(name, tenant, day) if (dep, tenant, back) not in there
            } - names
            names |= {name for dep in lacking for name in (dep, *ancestors(dep))}


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
