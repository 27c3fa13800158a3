"""A mapping's columns as SQL over a file's records `r` (all their fields text, checked beforehand)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from psycopg2 import sql

from revops_assets.loading.fields import BOOLEANS
from revops_assets.loading.mapping import ColumnSpec, Condition, FileSpec, Mapping, Wanted

Relation = Callable[[str], sql.Composable]
# An id must fit into an index; a longer one keeps its beginning and becomes unique by its hash.
SHORT_ID = (
    "case when octet_length({0}) > 512 then"
    " left({0}, case when octet_length({0}) = length({0}) then 400 else 100 end) || '|' || md5({0}) else {0} end"
)


@dataclass
class Expressions:
    """Builds the expressions of one table's columns; `joins` collects what they need of other files.

    `day_zone`: the business time zone, in which a day without a time begins.
    """

    mapping: Mapping
    file: FileSpec
    day_zone: str
    relation: Relation
    joins: list[sql.Composable] = field(default_factory=list)

    def column(self, spec: ColumnSpec, kind: str) -> sql.Composable:
        """The value of a column of that PostgreSQL type."""
        value = self._origin(spec, kind)
        if spec.inverse:
            value = sql.SQL("(1 / nullif({}, 0))").format(value)
        if spec.times is not None:
            value = sql.SQL("({} * {})").format(value, sql.Literal(spec.times))
        if spec.default is not None:
            value = sql.SQL("coalesce({}, {})").format(value, self.constant(spec.default, kind))
        if spec.when:
            value = sql.SQL("case when {} then {} end").format(self.condition(spec.when), value)
        if spec.unless:
            value = sql.SQL("case when not {} then {} end").format(self.condition(spec.unless), value)
        return value

    def condition(self, when: Condition) -> sql.Composable:
        """Whether a record meets a condition."""
        parts = [self._meets(name, wanted) for name, wanted in when.items()]
        return sql.SQL("({})").format(sql.SQL(" and ").join(parts)) if parts else sql.SQL("true")

    def value(self, reference: sql.Composable, file: FileSpec, name: str, kind: str) -> sql.Composable:
        """A field's value as one of that PostgreSQL type."""
        if file.fields[name].type in ("timestamp", "date", "epoch_s", "epoch_ms"):
            return self._moment(reference, kind)
        return sql.SQL("({})::{}").format(reference, sql.SQL(kind)) if kind != "text" else reference

    def constant(self, text: str, kind: str) -> sql.Composable:
        """A value that the mapping itself gives."""
        if kind in ("date", "timestamp with time zone"):
            return self._moment(sql.Literal(text), kind)
        return sql.SQL("{}::{}").format(sql.Literal(text), sql.SQL(kind))

    def _moment(self, reference: sql.Composable, kind: str) -> sql.Composable:
        if kind not in ("date", "timestamp with time zone"):
            return reference
        read = sql.SQL("crm.day_of" if kind == "date" else "crm.instant")
        zones = sql.SQL(", ").join([sql.Literal(self.mapping.timezone), sql.Literal(self.day_zone)])
        return sql.SQL("{}({}, {})").format(read, reference, zones)

    def _origin(self, spec: ColumnSpec, kind: str) -> sql.Composable:
        if spec.line:
            return sql.SQL("r.line_no::{}").format(sql.SQL(kind))
        if spec.constant is not None:
            return self.constant(spec.constant, kind)
        if spec.join:
            parts = sql.SQL(", ").join(sql.Identifier("r", name) for name in spec.join)
            joined = sql.SQL("nullif(concat_ws({}, {}), '')").format(sql.Literal(spec.separator), parts)
            return sql.SQL(SHORT_ID).format(joined)
        if spec.first:
            return sql.SQL("coalesce({})").format(sql.SQL(", ").join(self.column(inner, kind) for inner in spec.first))
        values = [self._translated(spec, name, kind) for name in spec.field]
        return sql.SQL("coalesce({})").format(sql.SQL(", ").join(values)) if len(values) > 1 else values[0]

    def _translated(self, spec: ColumnSpec, name: str, kind: str) -> sql.Composable:
        file = self.mapping.files[spec.file] if spec.file else self.file
        reference = self._looked_up(spec, name) if spec.file else sql.Identifier("r", name)
        as_it_is = self.value(reference, file, name, kind)
        if not spec.values and not spec.has_else:
            return as_it_is
        cases = [
            sql.SQL("when {} then {}").format(
                sql.Literal(old.strip().lower()), sql.SQL("null") if new is None else self.constant(new, kind)
            )
            for old, new in spec.values.items()
        ]
        if spec.has_else:
            other = sql.SQL("null") if spec.otherwise is None else self.constant(spec.otherwise, kind)
        else:
            other = as_it_is
        statement = "case when {0} is null then null {1} else {2} end" if not cases else "case {3} {1} else {2} end"
        folded = sql.SQL("lower(btrim({}))").format(reference)
        # Of several fields the next one is asked where this one is empty; a single one has its else then, too.
        if len(spec.field) > 1 and spec.has_else:
            statement = f"case when {{0}} is not null then {statement} end"
        return sql.SQL(statement).format(reference, sql.SQL(" ").join(cases), other, folded)

    def _meets(self, name: str, wanted: Wanted) -> sql.Composable:
        reference = sql.Identifier("r", name)
        if isinstance(wanted, list):
            return sql.SQL("({})").format(sql.SQL(" or ").join(self._meets(name, each) for each in wanted))
        if wanted is None:
            return sql.SQL("{} is null").format(reference)
        if self.file.fields[name].type == "boolean":
            return sql.SQL("({}::boolean = {}::boolean) is true").format(reference, sql.Literal(wanted))
        if wanted.endswith("*"):
            return sql.SQL("coalesce(starts_with({}, {}), false)").format(reference, sql.Literal(wanted[:-1]))
        return sql.SQL("coalesce(lower(btrim({})) = {}, false)").format(reference, sql.Literal(wanted.strip().lower()))

    def _looked_up(self, spec: ColumnSpec, name: str) -> sql.Composable:
        """The field of the record in another file that matches; nothing where several do and differ."""
        assert spec.file is not None
        alias = sql.Identifier(f"j{len(self.joins)}")
        keys = list(spec.match.items())
        folded = "lower(btrim(f.{}))"
        theirs = sql.SQL(", ").join(
            sql.SQL(folded + " as {}").format(sql.Identifier(there), sql.Identifier(f"k{number}"))
            for number, (_, there) in enumerate(keys)
        )
        on = sql.SQL(" and ").join(
            sql.SQL("{}.{} = lower(btrim({}))").format(alias, sql.Identifier(f"k{number}"), sql.Identifier("r", here))
            for number, (here, _) in enumerate(keys)
        )
        self.joins.append(
            sql.SQL(
                " left join (select {}, case when min(f.{}) = max(f.{}) then min(f.{}) end as v"
                " from {} as f group by {}) as {} on {}"
            ).format(
                theirs, *[sql.Identifier(name)] * 3, self.relation(spec.file),
                sql.SQL(", ").join(sql.SQL(str(number + 1)) for number in range(len(keys))), alias, on,
            )
        )  # fmt: skip
        return sql.SQL("{}.v").format(alias)


def skipper(file: FileSpec) -> Callable[[list[str]], bool] | None:
    """Whether a record's values meet one of the file's `skip` conditions."""
    if not file.skip:
        return None
    names = list(file.fields)

    def test(name: str, wanted: Wanted) -> Callable[[str], bool]:
        options = wanted if isinstance(wanted, list) else [wanted]
        kind = file.fields[name].type
        exact = set()
        beginnings = tuple(each[:-1] for each in options if each and each.endswith("*"))
        for each in options:
            if each is None:
                exact.add("")
            elif not each.endswith("*"):
                exact.add(_folded(each, kind))
        return lambda value: _folded(value, kind) in exact or (bool(beginnings) and value.startswith(beginnings))

    conditions = [[(names.index(name), test(name, wanted)) for name, wanted in found.items()] for found in file.skip]
    return lambda row: any(all(fits(row[at]) for at, fits in condition) for condition in conditions)


def _folded(value: str, kind: str) -> str:
    folded = value.strip().lower()
    return BOOLEANS.get(folded, folded) if kind == "boolean" else folded
