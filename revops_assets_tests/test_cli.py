"""The command line as a person uses it: what it prints, and its exit status."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from typer.testing import CliRunner

from revops_assets.cli import command as whole_command
from revops_assets.cli import main, register
from revops_assets.loading.mapping_file import shipped
from revops_assets.settings import Settings
from revops_assets_tests.conftest import Export, query
from revops_assets_tests.exports import STAGES, USERS, opportunity, won, write

REVOPS = Path(sys.executable).parent / "revops"


def revops(*args: str | Path, status: int = 0, **environment: str) -> str:
    """Run the command; its output, of the stream that its exit status makes the telling one.

    In this process, as starting one with Dagster takes seconds; with variables of its environment in one of its own.
    """
    if environment or args[0] == "psql":  # which becomes psql
        done = subprocess.run([REVOPS, *args], capture_output=True, text=True, env=os.environ | environment)
        found, out, err = done.returncode, done.stdout, done.stderr
    else:
        found, out, err = run_here([str(arg) for arg in args])
    assert found == status, out + err
    return err if status else out


def run_here(args: list[str]) -> tuple[int, str, str]:
    """Run the command in this process; its exit status, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["revops", *args])
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return status, out.getvalue(), err.getvalue()


def commands() -> list[list[str]]:
    """Every command and group."""
    found: list[list[str]] = []

    def walk(command: object, path: list[str]) -> None:
        found.append(path)
        for name, child in getattr(command, "commands", {}).items():
            walk(child, [*path, name])

    walk(whole_command(), [])
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help(command: list[str]) -> None:
    shown = CliRunner().invoke(register(), [*command, "--help"])
    assert shown.exit_code == 0 and "Usage: " in shown.output


def test_load_build_compare(clean: Settings, export: Export) -> None:
    folder = export(deal_changes=["10,2024-01-31 23:59:59,stage_id,1", "10,2024-02-01 00:00:00,stage_id,2"])
    assert "Dry run: all of it was undone." in revops("load", folder, "--tenant", "acme", "--dry-run")
    said = revops("load", folder, "--tenant", "acme")
    assert "7 records read, 0 rejected" in said
    assert "Figures can change from 2024-01-31 on." in said
    built = json.loads(revops("funnel", "build", "--env", "dev", "--json"))
    assert built["assets"]["pipedrive.rep_sales_funnel_monthly"]["dagster/row_count"] == 2
    assert "prod.rep_sales" not in revops("funnel", "build", "--env", "prod")
    assert "2 lines (tenant, month, step); dev and prod agree in every line." in revops("funnel", "compare")
    assert json.loads(revops("funnel", "compare", "--json"))[0] == {
        "tenant_id": "acme", "month": "2024-01-01", "funnel_step": "1", "kpi_name": "Step 1: Lead Generation",
        "dev": 1, "prod": 1, "differs": False,
    }  # fmt: skip
    assert "Lead Generation" in revops("funnel", "compare", "--all")
    count = "select sum(deals_count) from pipedrive.rep_sales_funnel_monthly"
    assert revops("psql", "--", "-At", "-c", count, REVOPS_ENV="prod") == "2\n"


def test_an_error_is_one_line(clean: Settings, tmp_path: Path) -> None:
    assert (
        revops("load", tmp_path, status=1)
        == f"revops: {tmp_path} fits no shipped mapping; say which with --mapping (forecast_calls, hubspot, pipedrive, salesforce, or a file of your own)\n"
    )
    assert (
        revops("load", tmp_path / "x", "--mapping", "pipedrive", status=1)
        == f"revops: {tmp_path / 'x'} is not a directory\n"
    )
    assert revops("doctor", status=1, REVOPS_TIMEZONE="Mars/Phobos") == (
        "revops: REVOPS_TIMEZONE: 'Mars/Phobos' is not a time zone name such as 'UTC' or 'Europe/Berlin'\n"
    )
    assert revops("db", "url", status=1, REVOPS_DATABASE_URL="mysql://x/y") == (
        "revops: REVOPS_DATABASE_URL names mysql; only postgresql:// will do\n"
    )
    assert revops("scenario", "generate", "--out", tmp_path / "g", "--end-date", "soon", status=1) == (
        "revops: --end-date soon is not a date of the form YYYY-MM-DD\n"
    )


def test_the_address_of_each_database(settings: Settings) -> None:
    for database, name in (
        ("source", "revops_training"),
        ("warehouse", "revops_metrics_dev"),
        ("dagster", "dagster"),
    ):
        url = revops("db", "url", "--database", database)
        assert f"/{settings.database_prefix}{name}" in url
    assert f"/{settings.database_prefix}revops_metrics?" in revops("db", "url", REVOPS_ENV="prod").replace("\n", "?")


def test_doctor(clean: Settings) -> None:
    findings = json.loads(revops("doctor", "--json"))["findings"]
    assert [finding["what"] for finding in findings if not finding["is_fine"]] == []
    assert findings[-1]["found"] == "none yet: `revops load DIR`"
    done = subprocess.run(
        [REVOPS, "doctor"],
        capture_output=True,
        text=True,
        env=os.environ | {"REVOPS_DATABASE_PREFIX": "none_"},
    )
    assert done.returncode == 1
    assert "✗" in done.stdout
    assert "there is no database none_revops_training: run `revops db upgrade` first" in done.stdout


def test_doctor_says_what_a_source_lacks(clean: Settings, export: Export) -> None:
    revops(
        "load",
        export(deal_changes=["10,2024-01-01 00:00:00,stage_id,1"], activity=["1,meeting,,10,True,2024-01-01"]),
        "--tenant",
        "acme",
    )
    lacks = {lack["need"]: lack for lack in json.loads(revops("doctor", "--json"))["missing_inputs"]}
    assert {"crm.opportunities.amount", "crm.contacts", "crm.quotas", "crm.activities.contact_id"} <= set(lacks)
    assert not {"crm.opportunity_history", "crm.activities", "change log of opportunities.stage_id"} & set(lacks)
    assert lacks["crm.opportunities.amount"]["tenant"] == "acme"
    assert "forecast" in lacks["crm.opportunities.amount"]["datasets"]
    assert "money is null everywhere" in revops("doctor")


@pytest.mark.e2e
def test_the_demo_from_nothing_and_again(clean: Settings) -> None:
    first = revops("demo")
    assert "0 of which differ between the two" in first
    assert re.search(r"[0-9]{3} checks: 0 failed", first)
    assert "make up" in first
    assert revops("demo").count("0 new in crm, 0 updated") == 2


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("name: x", "files: Field required"),
        ("[1, 2]", "a mapping is a YAML object with name, files and tables"),
        ("name: [", "no YAML that is read here"),
        ("name: x\nfiles: {a: {path: a.csv, fields: {id: uuid}}}\ntables: {reps: {from: a, columns: {rep_id: id}}}",
         "m.yaml line 2: files.a.fields.id: 'uuid' is no type of field; there are id, sfid, text"),
        ("name: x\nfiles: {a: {path: a.csv, fields: {id: id}}}\ntables: {reps: {from: a, columns: {rep_id: key}}}",
         "m.yaml line 3: tables.reps.columns.rep_id: file a has no field 'key'"),
        ("name: x\nfiles: {a: {path: a.csv, fields: {id: id}}}\ntables: {reps: {from: b, columns: {rep_id: id}}}",
         "tables.reps.from: there is no file 'b' under files"),
        ("name: x\nfiles: {a: {path: a.csv, fields: {id: id}}}\ntables: {rep: {from: a, columns: {rep_id: id}}}",
         "line 3: tables.rep: there is no table crm.rep; there are accounts, "),
        ("name: x\nfiles: {a: {path: a.csv, fields: {id: id}}}\ntables: {reps: {from: a, columns: {id: id}}}",
         "line 3: tables.reps.columns: rep_id is missing: it tells the records apart; line 3: tables.reps.columns.id: crm.reps has no such"
         " column; it has rep_id, name"),
    ],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_says_where(clean: Settings, tmp_path: Path, text: str, error: str) -> None:
    (tmp_path / "m.yaml").write_text(text)
    (tmp_path / "a.csv").write_text("id\n1\n")
    said = revops("load", tmp_path, "--mapping", tmp_path / "m.yaml", status=1)
    assert error in said
    assert said.count("\n") == 1


def test_a_mapping_of_ones_own(clean: Settings, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "name: mine\nfiles: {people: {path: p.csv, delimiter: ';', fields: {key: id, who: text, changed: timestamp}}}\n"
        "tables: {reps: {from: people, columns: {rep_id: key, name: who, modified_at: changed, region: {constant: EMEA}}}}\n"
    )
    (tmp_path / "p.csv").write_text("who;key;changed\nAda;1;2024-01-01T10:00:00+02:00\n")
    assert json.loads(revops("load", tmp_path, "--mapping", tmp_path / "m.yaml", "--json"))["rows_inserted"] == 1
    found = revops(
        "psql",
        "--",
        "-At",
        "-c",
        "select rep_id, name, region, modified_at at time zone 'UTC' from crm_remote.reps",
    )
    assert found == "1|Ada|EMEA|2024-01-01 08:00:00\n"


def test_the_help_of_load_names_every_shipped_mapping() -> None:
    shown = " ".join(CliRunner().invoke(register(), ["load", "--help"], env={"COLUMNS": "200"}).output.split())
    assert f"({', '.join(shipped())})" in shown


def test_a_load_ends_by_saying_what_a_newcomer_must_know(clean: Settings, tmp_path: Path) -> None:
    deals = [opportunity("D"), won("W"), opportunity("X", OwnerId="nobody", CurrencyIsoCode="SEK", Amount=5)]
    deals[0]["CurrencyIsoCode"] = "EUR"
    write(tmp_path, Opportunity=deals, User=USERS, OpportunityStage=STAGES)
    (tmp_path / "Notes.docx").write_text("?")
    said = revops("load", tmp_path, "--tenant", "acme")
    for told in (
        "Left unread 1 files: Notes.docx",
        "crm.opportunities references_resolve",
        "What the source of acme does not give",
    ):
        assert told in said, told
    data = json.loads(revops("load", tmp_path, "--tenant", "acme", "--json"))
    assert data["unread"] == ["Notes.docx"]
    assert [(fault["check"], fault["rows"]) for fault in data["faults"]] == [
        ("crm.opportunities references_resolve", 1)
    ]
    needs = {lack["need"] for lack in data["missing_inputs"]}
    assert {
        "closing time of 1 of 1 closed deals", "crm.activities",
        "one currency: deals are in EUR 1, SEK 1; the CRM gives no rate for EUR, SEK",
    } <= needs  # fmt: skip


def test_the_first_day_can_be_moved_back_without_an_upgrade(clean: Settings, tmp_path: Path) -> None:
    write(
        tmp_path,
        Opportunity=[opportunity("D", CreatedDate="2011-05-01T09:00:00.000+0000")],
        User=USERS,
        OpportunityStage=STAGES,
    )
    revops("load", tmp_path, "--tenant", "acme")
    call = ("materialize", "--select", '+key:"staging/deal_days"', "--partition", "2012-02-29")
    assert "there are partitions from 2024-01-01 (REVOPS_FIRST_DAY)" in revops(*call, status=1)
    revops(*call, REVOPS_FIRST_DAY="2012-01-01")
    assert query(
        clean, "warehouse", "select snapshot_date::text from staging.deal_days where snapshot_date = '2012-02-29'"
    ) == [("2012-02-29",)]
