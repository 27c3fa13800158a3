"""Questions that datasets answer, with their SQL (sql/questions): in the graph's descriptions and in docs/bi.md.

`python -m revops_assets.contracts.questions` writes the page's part.
"""

from __future__ import annotations

import re
from functools import lru_cache

from revops_assets.settings import PROJECT_ROOT, SQL_DIR

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


def in_markdown(table: str) -> str:
    """The same as text of the graph."""
    told = [f"**{question}**\n\n```sql\n{query}\n```" for question, query in questions(table)]
    return "\n\n".join(told)


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
