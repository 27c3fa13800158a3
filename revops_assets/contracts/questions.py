"""Questions that datasets answer, with their SQL (sql/questions): in the graph's descriptions and in docs/bi.md.

`python -m revops_assets.contracts.questions` writes the page's part.
"""

from __future__ import annotations

import re
from functools import lru_cache

from revops_assets.settings import PROJECT_ROOT, SQL_DIR
from revops_assets.warehouse.sql_files import SqlFile

PAGE = PROJECT_ROOT / "docs" / "bi.md"
PART = "## Questions and their SQL\n"
# What a BI tool's login reads.
SHOWN = ("dashboard", "metrics")
QUESTION = re.compile(r"-- (.+)\n([^;]+);")


@lru_cache
def questions(table: str) -> tuple[tuple[str, str], ...]:
    """Questions that a dataset answers, what it is for first, each with a query; none where nobody wrote any."""
    path = SQL_DIR / "questions" / f"{table}.sql"
    return tuple(QUESTION.findall(path.read_text())) if path.exists() else ()


def plain_questions(file: SqlFile) -> tuple[tuple[str, str], ...]:
    """Two that any dataset answers, for those that nobody wrote questions for: what it says now, and since when."""
    columns = ", ".join(list(file.columns)[:8])
    day = next((name for name in ("snapshot_date", "metric_date") if name in file.columns), None)
    order = ", ".join(file.key) or "1"
    if day:
        newest = f"{day} = (select max(n.{day}) from {file.table} as n)"
        return (
            (f"What holds of each {file.grain}, on the newest day?",
             f"select {columns}\nfrom {file.table}\nwhere {newest}\norder by {order}\nlimit 20"),
            ("How many rows has each day?",
             f"select {day}, count(*) as rows\nfrom {file.table}\ngroup by {day}\norder by {day} desc\nlimit 20"),
        )  # fmt: skip
    whose = "tenant_id, count(*) as rows" if "tenant_id" in file.columns else "count(*) as rows"
    group = "\ngroup by tenant_id\norder by tenant_id" if "tenant_id" in file.columns else ""
    return (
        (f"What holds of each {file.grain}?", f"select {columns}\nfrom {file.table}\norder by {order}\nlimit 20"),
        ("How many rows are there?", f"select {whose}\nfrom {file.table}{group}"),
    )


def in_markdown(file: SqlFile) -> str:
    """A dataset's questions as text of the graph."""
    asked = questions(file.table) or plain_questions(file)
    return "\n\n".join(f"**{question}**\n\n```sql\n{query}\n```" for question, query in asked)


def page() -> str:
    """docs/bi.md with the questions as they stand."""
    text, _, _ = PAGE.read_text().partition(PART)
    parts = []
    for path in sorted((SQL_DIR / "questions").glob("*.sql")):
        if path.stem.split(".")[0] in SHOWN:
            parts += [f"```sql\n-- {question}\n{query};\n```\n" for question, query in questions(path.stem)]
    return f"{text}{PART}\n" + "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
