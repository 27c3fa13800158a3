"""From a file's records, as they were read, to rows of a canonical table's staging: the SQL of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as PgCursor

from revops_assets.loading.expressions import SHORT_ID, Expressions, Relation
from revops_assets.loading.mapping import ChangeSpec, ColumnSpec, Mapping, TableSpec
from revops_assets.loading.targets import HISTORIES, key_of, targets

# What a record says of itself alone: not taken over from what is known of it.
OF_THIS_VERSION = {"is_deleted", "closing_known_by", "record"}
# A closing's instant that an earlier load estimated is estimated anew.
AS_KNOWN = {("opportunities", "closed_at"): "case when v.closing_known_by = 'closed_at' then v.closed_at end"}

INSERT_RECORDS = """
insert into pg_temp.{table} (load_id, file_name, line_no, {columns})
select r.load_id, {file_name}, r.line_no, {values}
from {relation} as r{joins}{known}
where r.load_id = {load_id} and {condition}
"""
KNOWN = " left join crm.{current} as v on v.tenant_id = {tenant} and v.{key} = {value}"

ONE_CHANGE = """
select {file_name} as file_name, r.line_no, r.{record} as record, {changed_by} as changed_by, {field}::text as field,
    ({value})::text as value, {changed_at} as changed_at, {place} as place
from {relation} as r{parts}
where r.load_id = {load_id} and {at} is not null and {condition}
"""
PARTS = " cross join lateral json_each_text(r.{}::json) with ordinality as p (part, at_text, place)"
CHANGE_KEY = (
    "concat_ws('|', s.record, s.field, to_char(s.changed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), s.value)"
)
# Each change where it says something else than the one before it.
INSERT_CHANGES = """
insert into pg_temp.{table} (
    load_id, file_name, line_no, history_id, {record}, field, old_value, new_value, changed_at, changed_by
)
select {load_id}, s.file_name, s.line_no, {key}, s.record, s.field, s.old_value, s.value, s.changed_at, s.changed_by
from (
    select c.*, lag(c.value) over along as old_value, row_number() over along = 1 as is_first
    from ({changes}) as c
    window along as (partition by c.record, c.field order by c.changed_at, c.line_no, c.place)
) as s
where case when s.is_first then s.value is not null else s.value is distinct from s.old_value end
order by s.changed_at, s.line_no, s.place
"""

INSERT_MERGED = """
insert into pg_temp.{table} (load_id, {key}, merged_into_id, is_deleted, modified_at, {columns}, record)
select {load_id}, v.{key}, m.survivor, true, greatest(m.modified_at, v.modified_at), {values}, v.record
from (
    select distinct on (i.id) i.id, {survivor} as survivor, ({modified})::timestamptz as modified_at
    from {relation} as r{joins}
    cross join lateral regexp_split_to_table(r.{merged_ids}, '[;,\\s]+') as i (id)
    where r.load_id = {load_id}
    order by 1, 2
) as m
inner join crm.{current} as v on v.tenant_id = {tenant} and v.{key} = m.id and not v.is_deleted
where not exists (select from pg_temp.{table} as s where s.{key} = m.id)
"""


@dataclass(frozen=True)
class Staging:
    """Where rows are staged from and to."""

    cursor: PgCursor
    mapping: Mapping
    relation: Relation
    load_id: int
    tenant: str
    day_zone: str

    def table(self, table: str, key: str, spec: TableSpec, file_name: str, unseen: Collection[str]) -> None:
        """Fill a table's staging from a file's records.

        A column that the mapping does not fill, or only from fields that the file does not have (`unseen`), stays as it
        is known.
        """
        build = Expressions(self.mapping, self.mapping.files[key], self.day_zone, self.relation)
        kinds = {name: target.type for name, target in targets()[table].items()}
        values = {name: build.column(column, kinds[name]) for name, column in spec.columns.items()}
        modified = values.get("modified_at", sql.SQL("null"))
        missing = [name for name, column in spec.columns.items() if _is_unseen(column, unseen)]
        kept = [name for name in kinds if name not in values and name not in OF_THIS_VERSION]
        known: sql.Composable = sql.SQL("")
        if (missing or kept) and self._has_records(table):
            known = sql.SQL(KNOWN).format(
                current=sql.Identifier(f"{table}_current"), tenant=sql.Literal(self.tenant),
                key=sql.Identifier(key_of(table)), value=values[key_of(table)],
            )  # fmt: skip
            defaults = self._defaults(table)
            for name in {*missing, *kept} - OF_THIS_VERSION:
                as_known = sql.SQL(AS_KNOWN.get((table, name), "v.{}")).format(sql.Identifier(name))
                fresh = values.get(name, sql.SQL(defaults.get(name, "null")))
                values[name] = sql.SQL("coalesce({}, {})").format(as_known, fresh)
        columns = [sql.Identifier(name) for name in values]
        selected = [sql.SQL("({})::{}").format(value, sql.SQL(kinds[name])) for name, value in values.items()]
        if not self.mapping.is_raw(key):  # the record as received is kept beside the typed columns
            columns.append(sql.Identifier("record"))
            selected.append(sql.Composed([sql.SQL("r.extra")]))
        self.cursor.execute(
            sql.SQL(INSERT_RECORDS).format(
                table=sql.Identifier(table),
                columns=sql.SQL(", ").join(columns),
                file_name=self._file_name(key, file_name),
                values=sql.SQL(", ").join(selected),
                relation=self.relation(key),
                joins=sql.SQL("").join(build.joins),
                known=known,
                load_id=sql.Literal(self.load_id),
                condition=build.condition(spec.when),
            )
        )
        if spec.merged_ids:
            self._merged(table, key, spec, values[key_of(table)], modified, build)
        self._analyze(table)

    def changes(self, table: str, key: str, spec: TableSpec, file_name: str) -> None:
        """Fill a history's staging with the changes that a file's records tell of, each where it says something new."""
        build = Expressions(self.mapping, self.mapping.files[key], self.day_zone, self.relation)
        told = [self._change(build, key, spec, change, number, file_name) for number, change in enumerate(spec.changes)]
        self.cursor.execute(
            sql.SQL(INSERT_CHANGES).format(
                table=sql.Identifier(table),
                record=sql.Identifier(key_of(HISTORIES[table])),
                load_id=sql.Literal(self.load_id),
                key=sql.SQL(SHORT_ID).format(sql.SQL(CHANGE_KEY)),
                changes=sql.SQL(" union all ").join(told),
            )
        )
        self._analyze(table)

    def _change(
        self, build: Expressions, key: str, spec: TableSpec, change: ChangeSpec, number: int, file_name: str
    ) -> sql.Composable:
        parts: sql.Composable = sql.SQL("")
        at: sql.Composable = sql.Identifier("r", change.at)
        place: sql.Composable = sql.Literal(number)
        value: sql.Composable = sql.Literal(change.to)
        if "*" in change.at:
            parts = sql.SQL(PARTS).format(sql.Identifier(change.at))
            at, value = sql.Identifier("p", "at_text"), sql.Identifier("p", "part")
            place = sql.SQL("{} + p.place / 10000.0").format(place)
        elif change.new is not None:
            value = sql.Identifier("r", change.new)
        if change.values:
            cases = sql.SQL(" ").join(
                sql.SQL("when {} then {}").format(sql.Literal(old.strip().lower()), sql.Literal(new))
                for old, new in change.values.items()
            )
            value = sql.SQL("case lower(btrim({0})) {1} else {0} end").format(value, cases)
        return sql.SQL(ONE_CHANGE).format(
            file_name=self._file_name(key, file_name),
            record=sql.Identifier(str(spec.record)),
            changed_by=sql.Identifier("r", spec.changed_by) if spec.changed_by else sql.SQL("null::text"),
            field=sql.Literal(change.field),
            value=value,
            changed_at=build.value(at, build.file, change.at, "timestamp with time zone"),
            place=place,
            relation=self.relation(key),
            parts=parts,
            load_id=sql.Literal(self.load_id),
            at=at,
            condition=build.condition(spec.when),
        )

    def rows(self, table: str, spec: TableSpec) -> None:
        """Stage the rows that the mapping itself gives."""
        for number, row in enumerate(spec.rows, 1):
            names = sql.SQL(", ").join(map(sql.Identifier, ["load_id", "line_no", *row]))
            values = sql.SQL(", ").join(map(sql.Literal, [self.load_id, number, *row.values()]))
            self.cursor.execute(
                sql.SQL("insert into pg_temp.{} ({}) values ({})").format(sql.Identifier(table), names, values)
            )
        self._analyze(table)

    def _merged(
        self,
        table: str,
        key: str,
        spec: TableSpec,
        survivor: sql.Composable,
        modified: sql.Composable,
        build: Expressions,
    ) -> None:
        """Records that were merged into those of the file, as what is known of them, from its modification on."""
        own = key_of(table)
        columns = [
            name for name in targets()[table] if name not in (own, "merged_into_id", "is_deleted", "modified_at")
        ]
        self.cursor.execute(
            sql.SQL(INSERT_MERGED).format(
                table=sql.Identifier(table),
                key=sql.Identifier(own),
                columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                load_id=sql.Literal(self.load_id),
                values=sql.SQL(", ").join(sql.Identifier("v", name) for name in columns),
                survivor=survivor,
                modified=modified,
                relation=self.relation(key),
                joins=sql.SQL("").join(build.joins),
                merged_ids=sql.Identifier(str(spec.merged_ids)),
                current=sql.Identifier(f"{table}_current"),
                tenant=sql.Literal(self.tenant),
            )
        )

    def _analyze(self, table: str) -> None:
        self.cursor.execute(sql.SQL("analyze pg_temp.{}").format(sql.Identifier(table)))

    def _file_name(self, key: str, file_name: str) -> sql.Composable:
        return sql.Literal(file_name) if self.mapping.is_raw(key) else sql.Identifier("r", "file_name")

    def _has_records(self, table: str) -> bool:
        statement = sql.SQL("select exists (select from crm.{} where tenant_id = %s)")
        self.cursor.execute(statement.format(sql.Identifier(f"{table}_current")), (self.tenant,))
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
    """Whether all fields that a column takes values from are not in the file."""
    conditions = {*column.when, *column.unless} - set(column.field)
    reads = [name for name in column.reads if name not in conditions]
    return bool(reads) and all(name in unseen for name in reads)
