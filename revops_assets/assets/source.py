"""Tables of the source database: what loads fill. With the scenario on, one asset loads its exports; with it off, the
tables start the graph and `revops load` fills them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from revops_assets.assets.scenario import ASSET_OF_FILE, PIPEDRIVE_EXPORT, SALESFORCE_FILES, TENANTS, folder
from revops_assets.assets.spec import OWNERS, asset_key
from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.loading.result import LoadResult
from revops_assets.loading.targets import targets
from revops_assets.settings import get_settings
from revops_assets.warehouse import databases

REJECTS_SHOWN = 20


def table_specs(has_scenario: bool) -> list[dg.AssetSpec]:
    """Pipedrive's files as exported, and the canonical tables; with a scenario, with the exports they come from."""
    salesforce, pipedrive = read_mapping("salesforce"), read_mapping("pipedrive")
    export = [asset_key(f"scenario.{PIPEDRIVE_EXPORT}")] if has_scenario else []
    specs = [
        dg.AssetSpec(
            asset_key(f"pipedrive_raw.{key}"),
            deps=export,
            group_name="pipedrive_raw",
            owners=OWNERS,
            kinds={"postgres", "csv"},
            description=f"{file.path[0]} as exported, row for row; earlier exports in pipedrive_raw.{key}_versions.",
            metadata={
                "dagster/table_name": f"pipedrive_raw.{key}",
                "dagster/column_schema": dg.TableSchema(
                    columns=[dg.TableColumn(name, "text", description=spec.type) for name, spec in file.fields.items()]
                ),
            },
        )
        for key, file in pipedrive.files.items()
        if pipedrive.is_raw(key)
    ]
    for table in sorted(targets()):
        origins = [spec.source for spec in salesforce.tables.get(table, []) if spec.source]
        files = [salesforce.files[origin].path[0].removesuffix(".json") for origin in origins]
        made = [ASSET_OF_FILE[name] for name in files or ["OpportunityStage"] if name in ASSET_OF_FILE]
        specs.append(
            dg.AssetSpec(
                asset_key(f"crm.{table}"),
                deps=[*(asset_key(f"scenario.{name}") for name in made), *export] if has_scenario else [],
                group_name="crm",
                owners=OWNERS,
                kinds={"postgres", "table"},
                description=f"Loaded {table.replace('_', ' ')}, current state; every version in crm.{table}_versions.",
                metadata={"dagster/table_name": f"crm.{table}"},
            )
        )
    specs.append(
        dg.AssetSpec(
            asset_key("crm.loads"),
            deps=[asset_key(f"scenario.{name}") for name in [*SALESFORCE_FILES, PIPEDRIVE_EXPORT]]
            if has_scenario
            else [],
            group_name="crm",
            owners=OWNERS,
            kinds={"postgres", "table"},
            description="Every load: what it read, what it changed, and its place in transaction time.",
            metadata={"dagster/table_name": "crm.loads"},
            freshness_policy=dg.FreshnessPolicy.time_window(timedelta(days=get_settings().max_age_days)),
        )
    )
    return specs


def loaded_tables() -> dg.AssetsDefinition:
    """The asset that loads both companies' exports, with what each load did."""

    @dg.multi_asset(name="load_scenario", specs=table_specs(has_scenario=True))
    def load() -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
        settings = get_settings()
        results = [
            load_directory(settings, folder(settings, tenant), read_mapping(shape), tenant)
            for tenant, (shape, _) in TENANTS.items()
        ]
        for spec in table_specs(has_scenario=True):
            yield dg.MaterializeResult(asset_key=spec.key, metadata=_metadata(results, *spec.key.path))

    return load


def _metadata(results: list[LoadResult], schema: str, table: str) -> dict[str, Any]:
    """What the loads did to one table: counts over all of them, the loads, and what was quarantined."""
    earliest = None
    if [schema, table] == ["crm", "loads"]:
        named = ("rows_read", "rows_inserted", "rows_updated", "rows_unchanged", "rows_rejected", "rows_conflicting")
        counts: dict[str, Any] = {name: sum(getattr(result, name) for result in results) for name in named}
        touched = [result.earliest_business_at for result in results if result.earliest_business_at]
        earliest = min(touched, default=None)
    elif schema == "crm":
        done = [entry for result in results for entry in result.tables if entry["table_name"] == table]
        counts = {name: sum(entry[name] for entry in done) for name in
                  ("rows_inserted", "rows_updated", "rows_unchanged", "rows_conflicting")}  # fmt: skip
        earliest = min((entry["earliest_business_at"] for entry in done if entry["earliest_business_at"]), default=None)
    else:
        done = [entry for result in results for entry in result.files if entry["file_key"] == table]
        counts = {name: sum(entry[name] for entry in done) for name in ("rows_read", "rows_rejected")}
    return {
        **counts,
        **({"earliest_business_at": earliest.isoformat()} if earliest else {}),
        "loads": {result.tenant: result.load_id for result in results},
        "rejects": dg.MetadataValue.md(_rejects([result.load_id for result in results])),
    }


def _rejects(load_ids: list[int]) -> str:
    """Records that the loads quarantined, as a table."""
    with databases.connect(get_settings(), "source") as connection, connection.cursor() as cursor:
        cursor.execute(
            "select tenant_id, kind, file_name, line_no, reason from crm.load_rejects where load_id = any(%s)"
            " order by load_id, file_name, line_no limit %s",
            (load_ids, REJECTS_SHOWN),
        )
        rows = cursor.fetchall()
    if not rows:
        return "none"
    header = [["tenant", "kind", "file", "line", "reason"], ["---"] * 5]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in [*header, *rows])
