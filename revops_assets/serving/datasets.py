"""The contracts' datasets over HTTP: rows of a day by filters, page by page, as JSON, CSV, Arrow or Parquet."""

import base64
import csv
import hashlib
import io
import json
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, create_model

from revops_assets.catalogue import CATALOGUE
from revops_assets.contracts import CONTRACTS
from revops_assets.contracts.models import list_of, model_name, plain
from revops_assets.datasets.csv_cell import csv_cell
from revops_assets.errors import RevopsError
from revops_assets.serving.access import AUTH, Access, Word, company
from revops_assets.serving.pages.board import Board, Row
from revops_assets.serving.tokens import Token
from revops_assets.warehouse.sql_files import SqlFile

MOST = 10_000
# Filters that every dashboard read accepts, by what its column is called.
FILTERS = {"quarter": "quarter", "team": "team_id", "segment": "segment", "region": "region", "rep": "rep_id"}


class Format(StrEnum):
    """What an answer is written as."""

    json = "json"
    csv = "csv"
    arrow = "arrow"
    parquet = "parquet"


MEDIA = {
    Format.csv: "text/csv; charset=utf-8", Format.arrow: "application/vnd.apache.arrow.stream",
    Format.parquet: "application/vnd.apache.parquet",
}  # fmt: skip


def dataset_routes(access: Access) -> APIRouter:
    """A route for each contract, with its own model."""
    routes = APIRouter(tags=["datasets"])
    board = Board(access.settings)
    Reader = Annotated[Token, Depends(access.reader)]

    @routes.get("/api/datasets", responses=AUTH)
    def list_datasets(_: Reader) -> dict[str, Any]:
        """The datasets that have a contract."""
        found = [
            {"dataset": table, "description": file.description, "grain": file.grain, "key": list(file.key)}
            for table, file in CONTRACTS.items()
        ]
        return {"datasets": found, "count": len(found)}

    for table, file in CONTRACTS.items():
        _add(routes, access, board, table, file)
    return routes


def _add(routes: APIRouter, access: Access, board: Board, table: str, file: SqlFile) -> None:
    Page = create_model(
        f"{model_name(file)}Page",
        dataset=(str, ...), tenant=(str, ...), day=(date | None, ...), rows=(list_of(table), ...),
        count=(int, ...), next=(str | None, ...), data_freshness=(str | None, ...), sql=(str, ...),
    )  # fmt: skip
    Reader = Annotated[Token, Depends(access.reader)]

    def rows_of(
        request: Request,
        token: Reader,
        tenant: Word = None,
        day: date | None = None,
        quarter: Word = None,
        team: Word = None,
        segment: Word = None,
        region: Word = None,
        rep: Word = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 1_000,
        after: Annotated[str | None, Query(max_length=2_000, pattern=r"^[\w=-]*$")] = None,
        format: Format = Format.json,
    ) -> Any:
        asked = {"quarter": quarter, "team": team, "segment": segment, "region": region, "rep": rep}
        found = _page(board, file, company(token, tenant), day, asked, limit, after)
        if format is Format.json:
            body = model_json(Page, found)
            media = "application/json"
        else:
            body, media = written(format, file, found["rows"]), MEDIA[format]
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"} | (
            {"Link": f'<{request.url.include_query_params(after=found["next"])}>; rel="next"'} if found["next"] else {}
        )
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=media, headers=headers)

    rows_of.__doc__ = (
        f"{file.description} Grain: {file.grain}. A page at a time: `next` is the `after` of the next one."
    )
    media: dict[str, Any] = {kind: {} for kind in MEDIA.values()}
    routes.add_api_route(
        f"/api/datasets/{table}",
        rows_of,
        name=f"rows of {table}",
        response_model=Page,
        responses=AUTH | {200: {"content": media}, 304: {"description": "As before (If-None-Match)"}},
    )


def _page(
    board: Board,
    file: SqlFile,
    tenant: str,
    day: date | None,
    asked: dict[str, str | None],
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """A page of rows in the order of the key, and where the next one begins."""
    column = CATALOGUE[file.table].day_column
    key = [name for name in file.key if name not in ("tenant_id", column)]
    params: dict[str, Any] = {"tenant": tenant, "limit": limit + 1}
    conditions = ["d.tenant_id = :tenant", f"d.{column} = :day"]
    for name, value in asked.items():
        if value is not None:
            if FILTERS[name] not in file.columns:
                raise RevopsError(f"{file.table} has no {name} to filter by")
            conditions.append(f"d.{FILTERS[name]} = :{name}")
            params[name] = value
    if after:
        for number, value in enumerate(_cursor(after, len(key))):
            params[f"after_{number}"] = value
        types = [file.columns[name].type for name in key]
        left = ", ".join(f"d.{name}" for name in key)
        right = ", ".join(f"cast(:after_{number} as {kind})" for number, kind in enumerate(types))
        conditions.append(f"({left}) > ({right})")
    if day is None:
        [newest] = board.rows(f"select max({column}) as day from {file.table} where tenant_id = :tenant", tenant=tenant)
        day = newest["day"]
    params["day"] = day
    order = ", ".join(f"d.{name}" for name in key) or "1"
    statement = f"select d.* from {file.table} as d where {' and '.join(conditions)} order by {order} limit :limit"
    rows = board.rows(statement, **params) if day else []
    shown = rows[:limit]
    return {
        "dataset": file.table,
        "tenant": tenant,
        "day": day,
        "rows": shown,
        "count": len(shown),
        "next": _mark([shown[-1][name] for name in key]) if len(rows) > limit else None,
        "data_freshness": str(shown[0]["data_freshness"]) if shown else None,
        "sql": statement,
    }


def _mark(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values, default=str).encode()).decode()


def _cursor(after: str, length: int) -> list[str]:
    try:
        values = json.loads(base64.urlsafe_b64decode(after))
    except ValueError:
        raise RevopsError("after is no mark of an earlier page") from None
    if not isinstance(values, list) or len(values) != length or "\\u0000" in json.dumps(values):
        raise RevopsError("after is no mark of an earlier page of this dataset")
    return [str(value) for value in values]


def model_json(page: type[BaseModel], found: dict[str, Any]) -> bytes:
    """A page as JSON, held to its model."""
    rows = [{name: plain(value) for name, value in row.items()} for row in found["rows"]]
    return page.model_validate(found | {"rows": rows}).model_dump_json().encode()


def written(format: Format, file: SqlFile, rows: Sequence[Row]) -> bytes:
    """Rows in another format."""
    names = list(file.all_columns)
    if format is Format.csv:
        text = io.StringIO()
        lines = csv.writer(text)
        lines.writerow(names)
        lines.writerows([csv_cell(row[name]) for name in names] for row in rows)
        return text.getvalue().encode()
    kinds = {name: column.type for name, column in file.all_columns.items()}
    told = [{name: _value(row[name], kind) for name, kind in kinds.items()} for row in rows]
    table = pa.Table.from_pylist(
        told, schema=pa.schema([(name, _arrow(file.all_columns[name].type)) for name in names])
    )
    sink = io.BytesIO()
    if format is Format.parquet:
        pq.write_table(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    return sink.getvalue()


def _value(value: Any, kind: str) -> Any:
    """A value as Arrow takes it."""
    if value is not None and kind == "jsonb":
        return json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, UUID) else plain(value)


def _arrow(kind: str) -> pa.DataType:
    if kind.endswith("[]"):
        return pa.list_(pa.string())
    base = kind.split("(")[0]
    if base in ("int", "integer", "bigint"):
        return pa.int64()
    if base in ("numeric", "double precision", "float8"):
        return pa.float64()
    return {
        "date": pa.date32(), "timestamptz": pa.timestamp("us", tz="UTC"), "boolean": pa.bool_(),
    }.get(base, pa.string())  # fmt: skip
