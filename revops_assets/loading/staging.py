"""From a file's records, as they were read, to rows of a canonical table's staging: the SQL of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as PgCursor

from revops_assets.loading.expressions import SHORT_ID, Expressions, Relation
from revops_assets.loading.mapping import ColumnSpec, Mapping, TableSpec
from revops_assets.loading.targets import key_of, targets

# What a record says of itself alone: not taken over from what is known of it.
OF_THIS_VERSION = {"is_deleted", "closing_known_by", "record"}
# A closing's instant that an earlier load estimated is estimated anew.
AS_KNOWN = {("opportunities", "closed_at"): "case when v.closing_known_by = 'closed_at' then v.closed_at end"}


@dataclass(frozen=True)
class Staging:
    """Where rows are staged from and to. `unseen`: fields that the file's parts do not have at all."""

    cursor: PgCursor
    mapping: Mapping
    relation: Relation
    load_id: int
    tenant: str
    day_zone: str

    def table(self, table: str, key: str, spec: TableSpec, file_name: str, unseen: Collection[str]) -> None:
        """Fill a table's staging from a file's records. A column that the mapping does not fill, or only from fields that
        the file does not have, stays as it is known."""
        build = Expressions(self.mapping, self.mapping.files[key], self.day_zone, self.relation)
        kinds = {name: target.type for name, target in targets()[table].items()}
        values = {name: build.column(column, kinds[name]) for name, column in spec.columns.items()}
        missing = [name for name, column in spec.columns.items() if _is_unseen(column, unseen)]
        kept = [name for name in kinds if name not in values and name not in OF_THIS_VERSION]
        join = sql.SQL("")
        if (missing or kept) and self._has_records(table):
            join = sql.SQL(" left join crm.{} as v on v.tenant_id = {} and v.{} = {}").format(
                sql.Identifier(f"{table}_current"),
                sql.Literal(self.tenant),
                sql.Identifier(key_of(table)),
                values[key_of(table)],
            )
            defaults = self._defaults(table)
            for name in [*missing, *kept]:
                known = sql.SQL(AS_KNOWN.get((table, name), "v.{}")).format(sql.Identifier(name))
                fresh = values.get(name, sql.SQL(defaults.get(name, "null")))
                values[name] = (
                    sql.SQL("coalesce({}, {})").format(known, fresh) if name not in OF_THIS_VERSION else fresh
                )
        record = not self.mapping.is_raw(key)  # the record as received is kept beside the typed columns
        columns = [sql.Identifier(name) for name in values] + ([sql.Identifier("record")] if record else [])
        selected = [sql.SQL("({})::{}").format(value, sql.SQL(kinds[name])) for name, value in values.items()]
        selected += [sql.SQL("r.extra")] if record else []
        statement = sql.SQL(
            "insert into pg_temp.{} (load_id, file_name, line_no, {}) select r.load_id, {}, r.line_no, {} from {} as r{}{}"
            " where r.load_id = {} and {}"
        ).format(
            sql.Identifier(table), sql.SQL(", ").join(columns), self._file_name(key, file_name), sql.SQL(", ").join(selected),
            self.relation(key), sql.SQL("").join(build.joins), join, sql.Literal(self.load_id), build.condition(spec.when),
        )  # fmt: skip
        self.cursor.execute(statement)
        if spec.merged_ids:
            self._merged(table, key, spec, values[key_of(table)], build)
        self.cursor.execute(sql.SQL("analyze pg_temp.{}").format(sql.Identifier(table)))

    def changes(self, table: str, key: str, spec: TableSpec, file_name: str) -> None:
        """Fill a history's staging with the changes that a file's records tell of, each where it says something new."""
        file = self.mapping.files[key]
        build = Expressions(self.mapping, file, self.day_zone, self.relation)
        branches = []
        for number, change in enumerate(spec.changes):
            source, at, value = sql.SQL(""), sql.Identifier("r", change.at), sql.SQL("null")
            if "*" in change.at:
                source = sql.SQL(
                    " cross join lateral json_each_text(r.{}::json) with ordinality as p (part, at_text, place)"
                ).format(sql.Identifier(change.at))
                at = sql.Identifier("p", "at_text")
                value = sql.SQL("p.part")
            elif change.to is not None:
                value = sql.Literal(change.to)
            elif change.new is not None:
                value = sql.Identifier("r", change.new)
            if change.values:
                cases = sql.SQL(" ").join(
                    sql.SQL("when {} then {}").format(sql.Literal(old.strip().lower()), sql.Literal(new))
                    for old, new in change.values.items()
                )
                value = sql.SQL("case lower(btrim({0})) {1} else {0} end").format(value, cases)
            branches.append(
                sql.SQL(
                    "select {} as file_name, r.line_no, r.{} as record, {} as changed_by, {}::text as field, ({})::text as value,"
                    " {} as changed_at, {} as place from {} as r{} where r.load_id = {} and {} is not null and {}"
                ).format(
                    self._file_name(key, file_name), sql.Identifier(str(spec.record)),
                    sql.Identifier("r", spec.changed_by) if spec.changed_by else sql.SQL("null::text"),
                    sql.Literal(change.field), value, build.value(at, file, change.at, "timestamp with time zone"),
                    sql.SQL("{} + p.place / 10000.0").format(sql.Literal(number)) if "*" in change.at else sql.Literal(number),
                    self.relation(key), source, sql.Literal(self.load_id), at, build.condition(spec.when),
                )
            )  # fmt: skip
        record = "lead_id" if table == "lead_history" else "opportunity_id"
        key_text = sql.SQL(SHORT_ID).format(
            sql.SQL(
                "concat_ws('|', s.record, s.field, to_char(s.changed_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), s.value)"
            )
        )
        self.cursor.execute(
            sql.SQL(
                "insert into pg_temp.{} (load_id, file_name, line_no, history_id, {}, field, old_value, new_value, changed_at, changed_by)"
                " select {}, s.file_name, s.line_no, {}, s.record, s.field, s.old_value, s.value, s.changed_at, s.changed_by"
                " from (select c.*, lag(c.value) over along as old_value, row_number() over along = 1 as is_first"
                " from ({}) as c window along as (partition by c.record, c.field order by c.changed_at, c.line_no, c.place)) as s"
                " where case when s.is_first then s.value is not null else s.value is distinct from s.old_value end"
            ).format(
                sql.Identifier(table), sql.Identifier(record), sql.Literal(self.load_id), key_text,
                sql.SQL(" union all ").join(branches),
            )
        )  # fmt: skip
        self.cursor.execute(sql.SQL("analyze pg_temp.{}").format(sql.Identifier(table)))

    def rows(self, table: str, spec: TableSpec) -> None:
        """Stage the rows that the mapping itself gives."""
        for number, row in enumerate(spec.rows, 1):
            names = sql.SQL(", ").join(map(sql.Identifier, ["load_id", "line_no", *row]))
            values = sql.SQL(", ").join(map(sql.Literal, [self.load_id, number, *row.values()]))
            self.cursor.execute(
                sql.SQL("insert into pg_temp.{} ({}) values ({})").format(sql.Identifier(table), names, values)
            )
        self.cursor.execute(sql.SQL("analyze pg_temp.{}").format(sql.Identifier(table)))

    def _merged(self, table: str, key: str, spec: TableSpec, survivor: sql.Composable, build: Expressions) -> None:
        """Records that were merged into those of the file, as what is known of them, merged."""
        own = key_of(table)
        columns = [name for name in targets()[table] if name not in (own, "merged_into_id", "is_deleted")]
        self.cursor.execute(
            sql.SQL(
                "insert into pg_temp.{} (load_id, {}, merged_into_id, is_deleted, {}, record)"
                " select {}, v.{}, m.survivor, true, {}, v.record from ("
                "select distinct on (i.id) i.id, {} as survivor from {} as r{}"
                " cross join lateral regexp_split_to_table(r.{}, '[;,\\s]+') as i (id) where r.load_id = {} order by 1, 2"
                ") as m inner join crm.{} as v on v.tenant_id = {} and v.{} = m.id and not v.is_deleted"
                " where not exists (select from pg_temp.{} as s where s.{} = m.id)"
            ).format(
                sql.Identifier(table), sql.Identifier(own), sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.Literal(self.load_id), sql.Identifier(own),
                sql.SQL(", ").join(sql.Identifier("v", name) if name != "modified_at" else sql.SQL("null") for name in columns),
                survivor, self.relation(key), sql.SQL("").join(build.joins), sql.Identifier(str(spec.merged_ids)),
                sql.Literal(self.load_id), sql.Identifier(f"{table}_current"), sql.Literal(self.tenant), sql.Identifier(own),
                sql.Identifier(table), sql.Identifier(own),
            )
        )  # fmt: skip

    def _file_name(self, key: str, file_name: str) -> sql.Composable:
        return sql.Literal(file_name) if self.mapping.is_raw(key) else sql.SQL("r.file_name")

    def _has_records(self, table: str) -> bool:
        self.cursor.execute(
            sql.SQL("select exists (select from crm.{} where tenant_id = %s)").format(
                sql.Identifier(f"{table}_current")
            ),
            (self.tenant,),
        )
        return bool(self.cursor.fetchall()[0][0])

    def _defaults(self, table: str) -> dict[str, str]:
        """What the staging table's columns are filled with where nothing is said."""
        self.cursor.execute(
            "select a.attname, pg_get_expr(d.adbin, d.adrelid) from pg_attrdef as d"
            " inner join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum"
            " where d.adrelid = %s::regclass",
            (f"crm_staging.{table}",),
        )
        return dict(self.cursor.fetchall())


def _is_unseen(column: ColumnSpec, unseen: Collection[str]) -> bool:
    reads = [
        name for name in column.reads if name not in column.when and name not in column.unless or name in column.field
    ]
    return bool(reads) and all(name in unseen for name in reads)
