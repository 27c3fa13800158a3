"""What programs ask of metrics and datasets: each answer with its SQL, the day that it is as of, and how fresh it is.

Metrics run as the metrics role, datasets are read as the analyst role; both may only read, for seconds and some
rows, of the company that is asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import psycopg2
import sqlalchemy as sa
from psycopg2 import sql

from revops_assets.catalogue import CATALOGUE, all_read, descendants
from revops_assets.catalogue.dataset import Dataset
from revops_assets.errors import RevopsError
from revops_assets.registry import columns, store
from revops_assets.registry.guard import SCHEMA, check
from revops_assets.registry.run import SECONDS, plain, readers, run
from revops_assets.registry.store import Stored
from revops_assets.registry.validate import offline
from revops_assets.registry.values import period_of, statements, tables_behind
from revops_assets.serving.reading import SETTING, Reading
from revops_assets.settings import PROJECT_ROOT, Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.roles import BI_SCHEMAS, analyst_url

MOST_ROWS = 1_000
FRESHNESS = """
select f.dataset, f.newest_day::text, f.known_as_of, f.newest_load_at::text
from semantic.freshness as f
where f.tenant_id = :tenant
order by f.dataset
"""
BRIEF = ("id", "display_name", "description", "unit", "grain", "type", "dimensions", "synonyms")


class Answers:
    """A warehouse that is asked."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine: sa.Engine = databases.engine(settings, "warehouse")
        self.reading = Reading(settings)

    # ------------------------------------------------------------------------------------------------ metrics

    def metrics(self, category: str | None = None) -> dict[str, Any]:
        """Every canonical metric, in short."""
        with self.engine.connect() as connection:
            approved = [one for one in store.list_all(connection, category) if one.status == "approved"]
        found = [one for one in approved if not list(offline(one.metric))]  # canonical: approved, and valid
        shown = [
            {name: one.data[name] for name in BRIEF}
            | {"additivity": one.metric.adds_up, "variants": list(one.metric.sql_variants)}
            for one in found
        ]
        return {"metrics": shown, "count": len(shown)}

    def metric(self, word: str) -> dict[str, Any]:
        """One metric by id, name or synonym, with its SQL."""
        found = self._metric(word)
        return found.data | {"additivity": found.metric.adds_up}

    def dimensions(self, word: str) -> dict[str, Any]:
        """Dimensions of a metric: what they mean, and the variant that gives each."""
        metric = self._metric(word).metric
        with self.engine.connect() as connection:
            said = {
                one.column_name: one.description
                for table in metric.reads
                for one in columns.columns_of(connection, f"{SCHEMA}.{table}")
            }
        given = self._dimensions_of_variants(metric)
        return {
            "metric": metric.id,
            "dimensions": [
                {
                    "name": name,
                    "description": said.get(name),
                    "variants": [variant for variant, names in given.items() if name in names],
                }
                for name in dict.fromkeys([*metric.dimensions, *(name for names in given.values() for name in names)])
            ],
        }

    def dimension_values(self, word: str, dimension: str, tenant: str, day: date | None = None) -> dict[str, Any]:
        """The values that a dimension of a metric has in the table that it reads."""
        metric = self._metric(word).metric
        if dimension not in metric.dimensions or not metric.table_name:
            there = ", ".join(metric.dimensions) or "none"
            raise RevopsError(f"{metric.id} has no dimension {dimension!r}; there are: {there}")
        statement = check(f'select distinct "{dimension}" as value from {metric.table_name} order by 1')
        with readers(self.settings) as session:
            newest, finished_at, _ = session.newest(tenant)
            session.bind(tenant, day or newest, finished_at if day in (None, newest) else None)
            rows = session.fetch(metric.id, statement).rows
        return {
            "metric": metric.id,
            "dimension": dimension,
            "values": [plain(cell) for (cell,) in rows[:MOST_ROWS]],
            "is_truncated": len(rows) > MOST_ROWS,
            **_about(statement, tenant, day or newest, finished_at.isoformat()),
        }

    def query_metric(
        self,
        word: str,
        tenant: str,
        dimensions: Sequence[str] = (),
        first: date | None = None,
        last: date | None = None,
        day: date | None = None,
        known_as_of: int | None = None,
    ) -> dict[str, Any]:
        """What a metric is, as of the end of a day and as known after a load; by dimensions that a variant gives."""
        found = self._metric(word)
        metric = found.metric
        if found.status != "approved":
            raise RevopsError(f"{metric.id} is proposed and not yet approved: it is not to be quoted")
        variant = None
        if dimensions:
            given = self._dimensions_of_variants(metric)
            variant = next((one for one, names in given.items() if one != "" and set(names) == set(dimensions)), None)
            if variant is None and set(given[""]) != set(dimensions):
                there = "; ".join(", ".join(names) for names in given.values() if names) or "none"
                raise RevopsError(f"{metric.id} is not given by {', '.join(dimensions)}; it is by: {there}")
        values = run(self.settings, metric, tenant, day, variant, known_as_of)
        rows = [dict(zip(values.result.columns, row, strict=True)) for row in values.result.rows]
        if (first or last) and metric.grain is None:
            raise RevopsError(f"{metric.id} has no periods")
        if metric.grain is not None:
            for row in rows:
                row["period"] = None if row.get("period") is None else period_of(metric, row["period"])
            rows = [
                row
                for row in rows
                if (row["period"] is None and not (first or last))
                or (row["period"] is not None and (first or date.min) <= row["period"] <= (last or date.max))
            ]  # fmt: skip
        return {
            "metric": metric.id,
            "unit": metric.unit,
            "additivity": metric.adds_up,
            "variant": variant,
            "rows": [{name: plain(cell) for name, cell in row.items()} for row in rows[:MOST_ROWS]],
            "is_truncated": len(rows) > MOST_ROWS,
            "known_as_of": values.known_as_of,
            **_about(values.sql, tenant, values.day, values.data_freshness),
        }

    def lineage(self, word: str) -> dict[str, Any]:
        """What a metric or a dataset is made of, and what reads it."""
        if word in CATALOGUE:
            dataset = CATALOGUE[word]
            return {
                "dataset": word,
                "reads": sorted(all_read(word)),
                "read_by": sorted(descendants(word)),
                "sql_file": str(dataset.file.path.relative_to(PROJECT_ROOT)) if dataset.made_by == "select" else None,
            }
        metric = self._metric(word).metric
        with self.engine.connect() as connection:
            behind = tables_behind(connection)
        reads = sorted({table for one in statements([metric]) for table in one.inputs})
        return {
            "metric": metric.id,
            "reads": [
                {"input": f"{SCHEMA}.{table}", "from": [f"crm.{name}" for name in behind.get(table, [table])]}
                for table in reads
            ],
            "stored_in": "semantic.metric_values",
            "sql": metric.sql,
        }

    # ----------------------------------------------------------------------------------------------- datasets

    def datasets(self) -> dict[str, Any]:
        """Datasets that may be asked, with what they say."""
        found = [
            {
                "dataset": name,
                "description": one.file.description,
                "grain": one.file.grain,
                "day": one.day_column,
            }
            for name, one in _asked().items()
        ]
        return {"datasets": found, "count": len(found)}

    def dataset(self, name: str) -> dict[str, Any]:
        """A dataset's columns with their meaning, its key and the SQL that makes it."""
        dataset = _dataset(name)
        with self.engine.connect() as connection:
            said = {one.column_name: one for one in columns.columns_of(connection, name)}
        return {
            "dataset": name,
            "description": dataset.file.description,
            "grain": dataset.file.grain,
            "key": list(dataset.file.key),
            "columns": [
                {
                    "name": column.name,
                    "type": column.type,
                    "meaning": said[column.name].description or column.meaning,
                    "values": column.allowed or None,
                }
                for column in dataset.file.all_columns.values()
            ],
            "sql": dataset.file.select,
        }

    def query_dataset(
        self,
        name: str,
        tenant: str,
        day: date | None = None,
        names: Sequence[str] = (),
        filters: Mapping[str, Any] | None = None,
        limit: int = 100,
    ) -> dict[str, Any]:
        """Rows of a dataset of one company and day (default: the newest) whose columns are equal to `filters`."""
        dataset = _dataset(name)
        known = dataset.file.all_columns
        if unknown := [one for one in (*names, *(filters or ())) if one not in known]:
            raise RevopsError(f"{name} has no column {unknown[0]!r}; there are: {', '.join(known)}")
        if not 1 <= limit <= MOST_ROWS:
            raise RevopsError(f"limit {limit} is not between 1 and {MOST_ROWS:,}")
        shown = list(names) or list(known)
        conditions = dict(filters or {})
        if conditions.setdefault("tenant_id", tenant) != tenant:
            raise RevopsError(f"the filter names another tenant than {tenant!r}")
        connection = databases.open_connection(self.settings, analyst_url(self.settings))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("select set_config(%s, %s, true)", (SETTING, self.reading.seal(tenant, connection)))
                if day is None:
                    newest = sql.SQL("select max({}) from {} where tenant_id = %s")
                    cursor.execute(newest.format(sql.Identifier(dataset.day_column), _table(name)), (tenant,))
                    [(day,)] = cursor.fetchall()
                    if day is None:
                        raise RevopsError(f"{name} has no rows of tenant {tenant!r}")
                if str(conditions.setdefault(dataset.day_column, day)) != str(day):
                    raise RevopsError(f"the filter names another day than {day}: say it as `day`")
                conditions[dataset.day_column] = day
                cursor.execute(
                    "select exists (select from semantic.partitions"
                    " where dataset = %s and tenant_id = %s and snapshot_date = %s)",
                    (name, tenant, day),
                )
                if cursor.fetchall() != [(True,)]:
                    raise RevopsError(f"{name} of {day} was not built for {tenant!r}")
                statement = sql.SQL("select {} from {} where {} order by {} limit {}").format(
                    sql.SQL(", ").join(map(sql.Identifier, shown)),
                    _table(name),
                    sql.SQL(" and ").join(
                        sql.SQL("{} is not distinct from {}").format(sql.Identifier(one), sql.Literal(value))
                        for one, value in conditions.items()
                    ),
                    sql.SQL(", ").join(map(sql.Identifier, dataset.file.key)),
                    sql.Literal(limit + 1),
                )
                cursor.execute(statement)
                rows = cursor.fetchall()
                text = statement.as_string(connection)
        except psycopg2.errors.QueryCanceled:
            raise RevopsError(f"{name}: it ran longer than {SECONDS} s and was stopped") from None
        except (psycopg2.DataError, psycopg2.ProgrammingError, ValueError) as error:
            raise RevopsError(f"{name}: {' '.join(str(error).split())}") from None
        finally:
            connection.close()
        return {
            "dataset": name,
            "rows": [{one: plain(cell) for one, cell in zip(shown, row, strict=True)} for row in rows[:limit]],
            "is_truncated": len(rows) > limit,
            **_about(text, tenant, day, self._loaded_at(tenant)),
        }

    def freshness(self, tenant: str) -> dict[str, Any]:
        """The newest load of a company, and the newest day of each daily dataset."""
        with self.reading.of(tenant) as connection:
            rows = connection.execute(sa.text(FRESHNESS), {"tenant": tenant}).mappings().all()
        return {
            "tenant": tenant,
            "newest_load_at": rows[0]["newest_load_at"] if rows else None,
            "datasets": [
                {name: row[name] for name in ("dataset", "newest_day", "known_as_of")} for row in rows
            ],
            "sql": " ".join(FRESHNESS.split()),
        }  # fmt: skip

    # ------------------------------------------------------------------------------------------------- helpers

    def _metric(self, word: str) -> Stored:
        with self.engine.connect() as connection:
            return store.find(connection, word)

    def _dimensions_of_variants(self, metric: Any) -> dict[str, list[str]]:
        """By variant ('' for the whole) the dimensions that it gives."""
        given = {}
        with readers(self.settings) as session:
            for one in statements([metric]):
                if one.fault:
                    raise RevopsError(f"{metric.id}: {one.fault}")
                result = session.fetch(metric.id, f"select * from (\n{one.sql}\n) as q limit 0")
                names = [name for name in result.columns if name not in result.numbers or name in metric.dimensions]
                given["" if one.variant == "whole" else one.variant] = [name for name in names if name != "period"]
        return given

    def _loaded_at(self, tenant: str) -> str | None:
        found: str | None = self.freshness(tenant)["newest_load_at"]
        return found


def _about(statement: str, tenant: str, day: date, freshness: str | None) -> dict[str, Any]:
    """What every answer carries."""
    return {"tenant": tenant, "as_of": str(day), "data_freshness": freshness, "sql": statement}


def _asked() -> dict[str, Dataset]:
    return {
        name: one
        for name, one in CATALOGUE.items()
        if one.built == "daily" and (name.split(".")[0] in BI_SCHEMAS or name == "semantic.metric_values")
    }


def _dataset(name: str) -> Dataset:
    if (found := _asked().get(name)) is None:
        raise RevopsError(f"there is no dataset {name!r} to ask; there are: {', '.join(_asked())}")
    return found


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))
