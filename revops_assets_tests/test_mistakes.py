"""What a person can get wrong: every command says so in one sentence, and its exit status is not zero."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import pytest

from revops_assets.settings import Settings, get_settings
from revops_assets.warehouse import databases
from revops_assets_tests.conftest import query
from revops_assets_tests.test_cli import REVOPS, commands, run_here

# Arguments with which each command does what it is for, where there is something to do it with.
ARGUMENTS = {
    "analyst check": "{out}/analyst", "analyst setup": "{out}/analyst", "columns dictionary": "", "columns export": "{out}/c.csv",
    "columns import": "{file}", "columns list": "", "columns profile": "", "columns push": "",
    "columns set": "dashboard.dashboard_kpis.risk_level --description x", "columns show": "dashboard.dashboard_kpis.risk_level",
    "daily-metrics backfill": "--days 2", "daily-metrics run": "--date 2024-03-01", "db backup": "{out}/b", "db restore": "{out}/none", "db stop": "", "db upgrade": "", "db url": "", "demo": "",
    "doctor": "", "funnel build": "", "funnel compare": "", "load export": "{export}", "load undo": "1", "materialize": "--partition 2024-03-01",
    "mcp": "--tenant acme", "metrics approve": "revenue/mrr", "metrics check-sql": "{sql}", "metrics coverage": "",
    "metrics export": "--dir {out}/m", "metrics import": "", "metrics list": "", "metrics run": "revenue/mrr --tenant acme",
    "metrics show": "revenue/mrr", "metrics validate": "--tenant acme", "metrics values": "revenue/mrr --tenant acme", "psql": "", "quickstart": "{export} --no-serve --days 2",
    "scenario generate": "--deals 5 --out {out}/s", "scenario next-day": "--out {export}", "serve": "",
    "stage-velocity run": "--tenant acme --pipeline sales", "stage-velocity show": "00000000-0000-0000-0000-000000000000",
    "tenant grant": "revops_bi acme", "tenant grants": "", "tenant list": "", "tenant remove": "acme --yes",
    "tenant revoke": "revops_bi", "token create": "x", "token list": "", "token revoke": "1", "up": "",
}  # fmt: skip
SERVERS = {"mcp", "psql", "serve", "up"}  # psql says what is wrong itself; the others run until they are stopped
# Themselves, or as Dagster, which needs its storage before it can run anything.
MAKE_DATABASES = {"db upgrade", "demo", "funnel build", "materialize", "quickstart", "tenant remove"}
NEED_NO_DATABASE = {"db stop", "db url", "scenario generate", "scenario next-day"}
LOOK_AT_FILES_FIRST = {"analyst check": "`revops analyst setup ", "db restore": "has no backup.json"}
ASK = sorted(ARGUMENTS.keys() - SERVERS)
Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command with its arguments; status, stdout, stderr."""
    (tmp_path / "export").mkdir()
    users = '[{"Id": "1", "Name": "A", "SystemModstamp": "2024-01-01T00:00:00.000+0000"}]'
    stages = '[{"Id": "1", "ApiName": "S", "SortOrder": 1, "SystemModstamp": "2024-01-01T00:00:00.000+0000"}]'
    deals = (
        '[{"Id": "1", "StageName": "S", "CreatedDate": "2024-01-01T00:00:00.000+0000",'
        ' "SystemModstamp": "2024-01-01T00:00:00.000+0000"}]'
    )
    for name, text in (("User", users), ("OpportunityStage", stages), ("Opportunity", deals)):
        (tmp_path / "export" / f"{name}.json").write_text(text)
    (tmp_path / "columns.csv").write_text(
        "table_id,column_name,basetype,description,confidence\ndashboard.dashboard_kpis,risk_level,STRING,how it stands,1\n"
    )
    (tmp_path / "q.sql").write_text("select sum(total_amount) as r from orders")

    def call(command: str) -> tuple[int, str, str]:
        given = ARGUMENTS[command].format(
            out=tmp_path, file=tmp_path / "columns.csv", export=tmp_path / "export", sql=tmp_path / "q.sql",
        )  # fmt: skip
        return run_here([*command.split(), *given.split()])

    return call


@pytest.fixture
def elsewhere(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Settings]]:
    """Let commands see another installation."""

    def choose(**environment: str) -> Settings:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        return get_settings()

    yield choose
    monkeypatch.undo()
    get_settings.cache_clear()


def said(outcome: tuple[int, str, str]) -> str:
    """The one line on stderr of a command that failed."""
    status, _, err = outcome
    assert status == 1, outcome
    assert err.startswith("revops: ") and err.count("\n") == 1 and "Traceback" not in err, err
    return err


def test_every_command_stands_in_the_table() -> None:
    everything = [" ".join(path) for path in commands() if path]
    assert sorted(ARGUMENTS) == sorted(c for c in everything if not any(o.startswith(f"{c} ") for o in everything))


@pytest.mark.parametrize("command", sorted(ARGUMENTS.keys() - {"psql"}))
def test_an_unknown_option_or_a_word_too_many(command: str) -> None:
    status, _, err = run_here([*command.split(), "--no-such-option"])
    assert status == 2 and "No such option: --no-such-option" in err


@pytest.mark.parametrize("command", sorted(set(ASK) - NEED_NO_DATABASE))
def test_no_server_answers(command: str, run: Run, elsewhere: Callable[..., Settings]) -> None:
    elsewhere(REVOPS_DATABASE_URL="postgresql://someone:secret@127.0.0.1:1/postgres")
    outcome = run(command)
    if command == "doctor":
        assert outcome[0] == 1 and "cannot connect" in outcome[1]
        return
    if command in LOOK_AT_FILES_FIRST:
        assert LOOK_AT_FILES_FIRST[command] in said(outcome)
        return
    told = said(outcome)
    assert "Connection refused" in told and "secret" not in told


@pytest.mark.parametrize(
    "command", sorted(set(ASK) - NEED_NO_DATABASE - MAKE_DATABASES - {"doctor"} - set(LOOK_AT_FILES_FIRST))
)
def test_no_database_was_made(command: str, run: Run, elsewhere: Callable[..., Settings]) -> None:
    elsewhere(REVOPS_DATABASE_PREFIX="none_")
    assert "run `revops db upgrade` first" in said(run(command))


@pytest.mark.parametrize("command", sorted(set(ASK) - MAKE_DATABASES - {"db stop"}))
def test_nothing_was_loaded(command: str, run: Run, clean: Settings) -> None:
    outcome = run(command)
    if outcome[0] and not outcome[1]:  # some print what they found, and fail
        said(outcome)


@pytest.fixture
def powerless(settings: Settings) -> Iterator[str]:
    """A login that may nothing but connect."""
    name = f"{settings.database_prefix}powerless"
    query(settings, "warehouse", f"create role {name} login")
    yield name
    query(settings, "warehouse", f"drop role {name}")


@pytest.mark.parametrize("command", sorted(set(ASK) - NEED_NO_DATABASE - {"doctor"} - set(LOOK_AT_FILES_FIRST)))
def test_no_rights(command: str, run: Run, clean: Settings, powerless: str, elsewhere: Callable[..., Settings]) -> None:
    url = databases.server_url(clean).set(username=powerless, password=None)
    elsewhere(REVOPS_DATABASE_URL=url.set(drivername="postgresql").render_as_string(hide_password=False))
    said(run(command))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 130 MB: enough for the databases, not for an export."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=130m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def revops(home: Path, *args: str | Path) -> subprocess.Popen[str]:
    """The command as a process of its own, in an installation of its own."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("REVOPS_")}
    return subprocess.Popen(
        [REVOPS, *args], env=given | {"REVOPS_HOME": str(home), "REVOPS_SCENARIO": "off"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.e2e
def test_no_space(small_disk: Path, tmp_path: Path) -> None:
    """The load is undone and says so in one sentence; the server goes on."""
    home = small_disk / "home"
    assert revops(home, "scenario", "generate", "--deals", "3000", "--out", tmp_path / "large").wait() == 0
    try:
        assert revops(home, "db", "upgrade").wait() == 0
        load = revops(home, "load", tmp_path / "large", "--tenant", "a")
        _, err = load.communicate()
        told = err.splitlines()[-1]
        assert load.returncode == 1 and told.startswith("revops: load of") and "nothing was loaded" in told, err
        assert "No space left on device" in told and "make room" in told
        assert "none yet" in revops(home, "doctor").communicate()[0]
        with suppress(OSError), (small_disk / "full").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
        (tmp_path / "export").mkdir()
        (tmp_path / "q.sql").write_text("select sum(total_amount) as r from orders")
        (tmp_path / "c.csv").write_text("table_id,column_name,basetype,description,confidence\n")
        for command in sorted(set(ASK) - NEED_NO_DATABASE - {"load export", "quickstart"} - set(LOOK_AT_FILES_FIRST)):
            given = ARGUMENTS[command].format(
                out=tmp_path, file=tmp_path / "c.csv", export=tmp_path / "large", sql=tmp_path / "q.sql"
            )
            done = revops(home, *command.split(), *given.split())
            out, err = done.communicate()
            if done.returncode and not out:  # what only reads may go well, or say what it found
                assert err.splitlines()[-1].startswith("revops: ") and "Traceback" not in err, (command, err)
    finally:
        revops(home, "db", "stop").wait()


@pytest.mark.e2e
def test_ctrl_c_says_what_stands(tmp_path: Path) -> None:
    """In the middle of a load, and of a run: one line, exit status 130; no load is half there, no day is half written."""
    home = tmp_path / "home"
    export = tmp_path / "export"
    assert revops(home, "scenario", "generate", "--deals", "4000", "--out", export).wait() == 0
    try:
        assert revops(home, "db", "upgrade").wait() == 0
        load = revops(home, "load", export, "--tenant", "a")
        time.sleep(3)
        load.send_signal(signal.SIGINT)
        _, err = load.communicate()
        assert load.returncode == 130
        assert err.splitlines()[-1] == "revops: stopped; nothing of it was loaded: a load is all or nothing"
        assert (
            "0 finished" in revops(home, "doctor").communicate()[0]
            or "none yet" in revops(home, "doctor").communicate()[0]
        )
        assert revops(home, "load", export, "--tenant", "a").wait() == 0
        yesterday = date.today() - timedelta(days=1)
        days = ("--from", str(yesterday - timedelta(days=120)), "--to", str(yesterday))
        run = revops(home, "materialize", "--select", "+group:dashboard", *days)
        time.sleep(10)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate()
        assert run.returncode == 130, err
        assert err.splitlines()[-1].startswith("revops: stopped; what was written until then stays"), err
    finally:
        revops(home, "db", "stop").wait()
