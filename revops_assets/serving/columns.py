"""Column metadata over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from revops_assets.registry import columns
from revops_assets.serving.access import AUTH, UNKNOWN, Access, Part, Word
from revops_assets.serving.tokens import Token


class ColumnText(BaseModel):
    """What is said of a column; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    description: str | None = None
    basetype: str | None = None


def column_routes(access: Access) -> APIRouter:
    """The routes of column metadata."""
    routes = APIRouter(tags=["columns"])
    Reader = Annotated[Token, Depends(access.reader)]
    Admin = Annotated[Token, Depends(access.admin)]

    @routes.get("/api/columns", responses=AUTH)
    def list_columns(_: Reader, table: Word = None) -> dict[str, Any]:
        """What was said of columns, of all tables or of one."""
        with access.engine.connect() as connection:
            found = columns.stored(connection, table)
        return {"columns": [one.data for one in found], "count": len(found)}

    @routes.get("/api/columns/{table}", responses=AUTH | UNKNOWN)
    def get_columns(table: Part, _: Reader) -> dict[str, Any]:
        """Every column of a table (schema.table), with what is said of it."""
        with access.engine.connect() as connection:
            found = columns.columns_of(connection, table)
        return {"columns": [one.data for one in found], "count": len(found)}

    @routes.put("/api/admin/columns/{table}/{column}", responses=AUTH | UNKNOWN)
    def put_column(table: Part, column: Part, text: ColumnText, _: Admin) -> dict[str, Any]:
        """Say what a column means; PostgreSQL's comment says it, too."""
        with access.engine.begin() as connection:
            columns.set_column(connection, table, column, text.description, text.basetype)
            return next(one.data for one in columns.columns_of(connection, table) if one.column_name == column)

    return routes
