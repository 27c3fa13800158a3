"""The one factory: a SQL file becomes a Dagster asset, a table written by the writer or a view."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import dagster as dg
import pandas as pd
import sqlalchemy as sa
from dagster._utils.warnings import BetaWarning

from revops_assets.charts import Chart
from revops_assets.contracts import BY_DATASET
from revops_assets.contracts.guard import keep_contract
from revops_assets.errors import RevopsError
from revops_assets.lineage import column_lineage
from revops_assets.look_back import (
    DATASETS,
    HISTORY,
    TABLES,
    VIEWS,
    Daily,
    LookBack,
    days_asked,
    days_to_fill,
    is_looked_at,
)
from revops_assets.partitions import DAILY, checked_range, months
from revops_assets.reruns import reach_files, request_affected, request_look_backs
from revops_assets.resources import (
    ALSO_TAG,
    POOL,
    Warehouse,
    driver_connection,
    resolve_read_at,
    tenants_of_run,
)
from revops_assets.settings import PROJECT_ROOT
from revops_assets.sql_file import SqlFile, dataset_files
from revops_assets.unwritten import REWRITES, hold, root_of, without, write_apart
from revops_assets.warehouse.offences import Offence, find_offences
from revops_assets.warehouse.views import create_view
from revops_assets.warehouse.writer import (
    ReadAt,
    Window,
    Written,
    all_tenants,
    check_columns,
    columns_after,
    note_days,
    note_table,
    prepare_days,
    reading_alone,
    replace_rows,
    replace_window,
    tell_known_time,
)

OWNERS = ["team:revops"]
PREVIEW_ROWS = 10
# The daily run builds everything. That the newest day is there, not only some day, is a check: dashboard_kpis__fresh.
DAY_OLD = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))

Params = Callable[[Warehouse], dict[str, Any]]
BeforeWrite = Callable[[sa.Connection, Window, Warehouse], None]


def asset_key(table: str) -> dg.AssetKey:
    """'schema.table' as an asset key."""
    return dg.AssetKey(table.split("."))


def sql_table(table: str, deps: Sequence[str], params: Params | None = None) -> dg.AssetsDefinition:
    """An asset that fills a table from its file. `deps` are the tables it reads; `params` its bound parameters."""
    file = _file(table)
    spec = spec_of(file, deps, "table")
    TABLES[table] = tuple(deps)

    def write(warehouse: Warehouse, run_id: str, at: ReadAt, tenants: tuple[str, ...] | None) -> list[dict[str, Any]]:
        given = params(warehouse) if params else None

        def once(connection: sa.Connection, window: Window, alone: bool) -> dict[str, Any]:
            check_columns(connection, file)
            with _select(connection, file, window, alone) as select:
                return write_table(connection, file, at, window.tenants, reach_files().get(table), given, select)

        def explain(connection: sa.Connection, window: Window) -> list[Offence]:
            with _select(connection, file, window, alone=True) as select:
                return find_offences(connection, file, select, at, window, given)

        with warehouse.transaction() as connection:
            waiting = hold(connection, run_id, table, deps, tenants, ())
            if waiting:
                tenants = tuple(name for name in tenants or all_tenants(connection) if name not in waiting)
        if tenants == ():
            return []
        return [told for _, told in write_apart(warehouse, run_id, [table], Window(tenants=tenants), once, explain)]

    def again(warehouse: Warehouse, run_id: str, at: ReadAt, tenant: str, days: list[date] | None) -> None:
        write(warehouse, run_id, at, (tenant,))

    REWRITES[table] = again

    @dg.multi_asset(name=table.replace(".", "__"), specs=[spec], pool=POOL)
    def run(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with warehouse.transaction() as connection:
            at = resolve_read_at(context, connection)
        done = write(warehouse, root_of(context.run), at, tenants_of_run(context))
        with warehouse.transaction() as connection:
            about: dict[str, Any] = {**_together(done), **about_run(at, warehouse), **look(connection, file)}
        return dg.MaterializeResult(metadata=about)

    return run


def _together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What several writes of a table tell, as one: the last one's count of rows, the sums of the rest."""
    if not parts:
        return {}
    total = {name: sum(part.get(name, 0) for part in parts) for part in parts for name in part}
    return total | {"dagster/row_count": parts[-1]["dagster/row_count"]}


@contextmanager
def _select(connection: sa.Connection, file: SqlFile, window: Window, alone: bool) -> Iterator[str]:
    """The file's SELECT; alone: of the window's tenants' rows only."""
    if alone:
        with reading_alone(connection, file.select, window.tenants or ()) as select:
            yield select
    else:
        yield file.select


def write_table(
    connection: sa.Connection,
    file: SqlFile,
    at: ReadAt,
    tenants: tuple[str, ...] | None,
    reach: str | None,
    params: dict[str, Any] | None = None,
    select: str | None = None,
) -> dict[str, Any]:
    """Write a table that is built as a whole, all tenants' rows or some tenants'; returns what the run tells of it.

    `reach`: the query of the days that its rows matter to; those of changed rows are asked for in ops.rerun_requests.
    `select`: in place of the file's own.
    """
    window = Window(tenants=tenants)
    requested = 0
    if reach:
        written = replace_rows(connection, file, at, window, params, select)
        if written.inserted or written.deleted:
            requested = request_affected(connection, file.table, reach)
    else:
        written = replace_window(connection, file, at, window, params, select=select)
    note_table(connection, file.table, at, tenants or all_tenants(connection))
    connection.execute(sa.text(f"analyze {file.table}"))
    return {
        "dagster/row_count": connection.scalar(sa.text(f"select count(*) from {file.table}")),
        "rows_removed": written.deleted,
        "rows_written": written.inserted,
        "seconds": written.seconds,
        **({"days_requested": requested} if requested else {}),
    }


def sql_view(table: str, deps: Sequence[str]) -> dg.AssetsDefinition:
    """An asset that lays a view down from its file."""
    file = _file(table)
    spec = spec_of(file, deps, "view")
    VIEWS[table] = tuple(deps)

    @dg.multi_asset(name=table.replace(".", "__"), specs=[spec], pool=POOL)
    def run(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with warehouse.transaction() as connection:
            at = resolve_read_at(context, connection)
            create_view(driver_connection(connection), file.table, file.table)
            tell_known_time(connection, at)
            about: dict[str, Any] = {
                "dagster/row_count": connection.scalar(sa.text(f"select count(*) from {file.table}")),
                **about_run(at, warehouse),
                **look(connection, file),
            }
        return dg.MaterializeResult(metadata=about)

    return run


def sql_daily(
    table: str,
    deps: Sequence[str],
    looks_back_on: Mapping[str, LookBack] | None = None,
    before_write: BeforeWrite | None = None,
    chart: Chart | None = None,
) -> dg.AssetsDefinition:
    """An asset that fills days of a table (column snapshot_date): a run writes its whole range, a month a transaction.

    `looks_back_on`: daily datasets of which it reads earlier days, and which those are. Before its range a run also
    writes those of them that were never written; where a day that was looked at has changed, those that looked at it
    are asked for again in ops.rerun_requests. `before_write` lays out, in each write's transaction, what the file reads
    of pg_temp besides the run's days. `chart` shows the run's last day.
    """
    file = _file(table)
    spec = spec_of(file, list(dict.fromkeys([*deps, HISTORY])), "table", is_daily=True)
    DATASETS[table] = Daily(frozenset(deps), looks_back_on or {})

    def write(
        warehouse: Warehouse, run_id: str, at: ReadAt, planned: Sequence[Window]
    ) -> Iterator[tuple[Window, Written, int]]:
        def once(connection: sa.Connection, window: Window, alone: bool) -> tuple[Written, int]:
            prepare_days(connection, table, at, window)
            if before_write:
                before_write(connection, window, warehouse)
            guards = [keep_contract] if table in BY_DATASET else []
            with _select(connection, file, window, alone) as select:
                written = replace_window(connection, file, at, window, None, guards, is_looked_at(table), select)
            note_days(connection, file, at, window)
            return written, request_look_backs(connection, table, written.changed)

        def explain(connection: sa.Connection, window: Window) -> list[Offence]:
            prepare_days(connection, table, at, window)
            if before_write:
                before_write(connection, window, warehouse)
            with _select(connection, file, window, alone=True) as select:
                return find_offences(connection, file, select, at, window, None)

        with warehouse.transaction() as connection:
            check_columns(connection, file)
        for window in planned:
            with warehouse.transaction() as connection:
                waiting = hold(connection, run_id, table, deps, window.tenants, window.all_days)
            for part in without(window, waiting):
                for done, (written, asked) in write_apart(warehouse, run_id, [table], part, once, explain):
                    yield done, written, asked

    def again(warehouse: Warehouse, run_id: str, at: ReadAt, tenant: str, days: list[date] | None) -> None:
        by_month = groupby(days or (), key=lambda day: (day.year, day.month))
        planned = [_window_of(tuple(found), (tenant,)) for _, found in by_month]
        for _ in write(warehouse, run_id, at, planned):
            pass

    REWRITES[table] = again

    @dg.multi_asset(
        name=table.replace(".", "__"),
        specs=[spec],
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=POOL,
    )
    def run(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        keys = context.partition_key_range
        start, end = checked_range(keys.start, keys.end)
        chosen = tenants_of_run(context)
        selected = {".".join(key.path) for key in context.job_def.asset_layer.selected_asset_keys}
        run_id, rows, seconds, requested = root_of(context.run), 0, 0.0, 0
        with warehouse.transaction() as connection:
            at = resolve_read_at(context, connection)
            tenants = chosen or all_tenants(connection)
            riders = context.run.tags.get(ALSO_TAG)
            also = days_asked(connection, tenants, [date.fromisoformat(d) for d in riders.split(",")] if riders else [])
            missing = days_to_fill(connection, table, selected, start, end, at, chosen, also)
        planned = list(windows(missing, start, end, tenants))
        for _, written, asked in write(warehouse, run_id, at, planned):
            requested += asked
            rows, seconds = rows + written.inserted, seconds + written.seconds
        with warehouse.transaction() as connection:
            for window in planned:
                for day, count in _counts(connection, file, window):
                    if day >= start:
                        context.add_asset_metadata(
                            {"dagster/partition_row_count": count}, asset_key=spec.key, partition_key=str(day)
                        )
        for day in missing:  # these have been materialised as well, though the run's range does not say so
            if DAILY.has_partition_key(str(day)):
                context.log_event(dg.AssetMaterialization(spec.key, partition=str(day), description="written as well"))
        with warehouse.transaction() as connection:  # what reads it next is planned with fresh statistics
            connection.execute(sa.text(f"analyze {file.table}"))
            shown = look(connection, file)
            if chart:
                shown |= chart.draw(connection.execute(sa.text(chart.query), {"day": end}).all())
        # Every day's event repeats what the result says; what is long is said once, with the newest day.
        context.add_asset_metadata(shown, asset_key=spec.key, partition_key=str(end))
        about: dict[str, Any] = {"dagster/row_count": rows, "seconds": seconds, **about_run(at, warehouse)}
        if missing:
            about["days_filled"] = len(missing)
        if requested:
            about["later_days_requested"] = requested
        return dg.MaterializeResult(metadata=about)

    return run


def windows(missing: Sequence[date], start: date, end: date, tenants: tuple[str, ...]) -> Iterator[Window]:
    """What is written in one transaction each: the missing days of each quarter of a year, then month after month."""
    for _, found in groupby(missing, key=lambda day: (day.year, (day.month - 1) // 3)):
        yield _window_of(tuple(found), tenants)
    for first, after in months(start, end):
        yield Window("snapshot_date", first, after, tenants)


def _window_of(days: tuple[date, ...], tenants: tuple[str, ...]) -> Window:
    """These days, in order, and no others between them."""
    return Window("snapshot_date", days[0], days[-1] + timedelta(days=1), tenants, days)


def _counts(connection: sa.Connection, file: SqlFile, window: Window) -> list[tuple[date, int]]:
    statement = f"select d.snapshot_date, count(*) from {file.table} as d where {window.condition('d')} group by 1"
    return [(day, count) for day, count in connection.execute(sa.text(statement), window.params)]


def _file(table: str) -> SqlFile:
    file = dataset_files().get(table)
    if file is None:
        raise RevopsError(f"asset {table}: no file {table.replace('.', '/…/')}.sql under sql/")
    return file


def spec_of(file: SqlFile, deps: Sequence[str], kind: str, is_daily: bool = False) -> dg.AssetSpec:
    """What the graph says of a dataset: from its file's header, and the file itself."""
    return dg.AssetSpec(
        asset_key(file.table),
        deps=[asset_key(dep) for dep in deps],
        description=f"{file.description}\n\nOne row per {file.grain}.",
        group_name=file.schema,
        owners=OWNERS,
        kinds={"postgres", "sql", kind},
        freshness_policy=DAY_OLD,
        tags={"revops/layer": file.schema, "revops/built": "daily" if is_daily else "whole"},
        metadata={
            "dagster/table_name": file.table,
            "dagster/code_references": _code_reference(file),
            "sql_file": str(file.path.relative_to(PROJECT_ROOT)),
            "sql": dg.MetadataValue.md(f"```sql\n{file.select}\n```"),
            **({"dagster/column_schema": _contracted(file)} if file.table in BY_DATASET else {}),
        },
    )


def _contracted(file: SqlFile) -> dg.TableSchema:
    """The columns as the dataset's contract has them."""
    told = file.columns | columns_after(file)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type_name,
                description=told[column.name],
                constraints=dg.TableColumnConstraints(nullable=column.is_nullable, other=_one_of(file, column.name)),
            )
            for column in BY_DATASET[file.table].columns().values()
        ]
    )


def _one_of(file: SqlFile, column: str) -> list[str]:
    """A constraint in words: the values that the dataset's contract allows, if it names some."""
    contract = BY_DATASET.get(file.table)
    values = contract.columns()[column].values if contract else ()
    return [f"one of {', '.join(values)}"] if values else []


def about_run(at: ReadAt, warehouse: Warehouse) -> dict[str, Any]:
    """What a run read, and where it wrote."""
    return {"known_as_of": at.known_as_of, "data_freshness": at.freshness, "database": warehouse.database}


def _code_reference(file: SqlFile) -> dg.CodeReferencesMetadataValue:
    """Where the UI links to: the SQL file. (The API is marked beta; the warning is no user's business.)"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=str(file.path), line_number=1, label=file.path.name)
        return dg.CodeReferencesMetadataValue(code_references=[reference])


def look(connection: sa.Connection, file: SqlFile) -> dict[str, Any]:
    """The made relation as a person would see it: its columns, where they come from, its first rows."""
    types = connection.execute(
        sa.text(
            "select attname, format_type(atttypid, atttypmod), not attnotnull, col_description(attrelid, attnum)"
            " from pg_attribute where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped"
            " order by attnum"
        ),
        {"name": file.table},
    ).all()
    rows = connection.execute(sa.text(f"select * from {file.table} limit {PREVIEW_ROWS}"))
    preview = pd.DataFrame(rows, columns=list(rows.keys()))
    columns = [
        dg.TableColumn(
            name,
            column_type,
            description=(file.columns | columns_after(file)).get(name) or comment,
            constraints=dg.TableColumnConstraints(nullable=nullable, other=_one_of(file, name)),
        )
        for name, column_type, nullable, comment in types
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        **({"dagster/column_lineage": column_lineage(connection, file)} if file.is_select else {}),
        "preview": dg.MetadataValue.md(preview.to_markdown(index=False)),
    }
