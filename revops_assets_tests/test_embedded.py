"""The embedded PostgreSQL: survives restarts and kills, is shared, minds its paths and its user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2
import pytest

from revops_assets.errors import RevopsError
from revops_assets.settings import PROJECT_ROOT
from revops_assets.warehouse import databases, embedded
from revops_assets_tests.conftest import TEST_SERVER

pytestmark = pytest.mark.skipif(TEST_SERVER is not None, reason="this run is on another server")

START = "import sys; from pathlib import Path; from revops_assets.warehouse import embedded; embedded.ensure_running(Path(sys.argv[1]))"


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own in a folder that only its owner may enter."""
    folder = Path(tempfile.mkdtemp(prefix="revops-home-"))
    yield folder / "home"
    embedded.stop(folder / "home")
    shutil.rmtree(folder, ignore_errors=True)


def run(home: Path, statement: str) -> object:
    connection = psycopg2.connect(databases.libpq_url(embedded.ensure_running(home)))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None
    finally:
        connection.close()


def postmaster(home: Path) -> int:
    return int((home / "pgdata" / "postmaster.pid").read_text().splitlines()[0])


def test_data_survive_a_stop_and_a_start(home: Path) -> None:
    run(home, "create table t as select 42 as answer")
    assert embedded.stop(home)
    assert not embedded.stop(home)
    assert run(home, "select answer from t") == 42


def test_data_survive_kill_9_of_the_server(home: Path) -> None:
    run(home, "create table t as select 42 as answer")
    run(home, "checkpoint")
    run(home, "update t set answer = 43; set synchronous_commit = on; update t set answer = 44")
    server = psutil.Process(postmaster(home))
    server.kill()
    with suppress(psutil.NoSuchProcess):
        while embedded._is_server(server):
            time.sleep(0.001)
    assert run(home, "select answer from t") == 44


def test_a_pid_file_whose_number_another_process_has_now_is_no_obstacle(home: Path) -> None:
    run(home, "create table t as select 42 as answer")
    pid_file = home / "pgdata" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    embedded.stop(home)
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert run(home, "select answer from t") == 42


def test_a_pid_file_whose_number_another_server_has_now_is_no_obstacle(home: Path) -> None:
    other = home.with_name("other")
    run(home, "create table t as select 42 as answer")
    run(other, "select 1")
    try:
        embedded.stop(home)
        (home / "pgdata" / "postmaster.pid").write_text((other / "pgdata" / "postmaster.pid").read_text())
        (home / "run" / embedded.SOCKET).touch()
        assert run(home, "select answer from t") == 42
    finally:
        embedded.stop(other)


def test_processes_that_start_it_at_once_share_one_server(home: Path) -> None:
    starts = [subprocess.Popen([sys.executable, "-c", START, str(home)], stderr=subprocess.PIPE) for _ in range(4)]
    for start in starts:
        assert start.wait(60) == 0, start.stderr.read() if start.stderr else ""
    first = postmaster(home)
    assert run(home, "select 1") == 1
    assert postmaster(home) == first


def test_an_initdb_that_was_killed_leaves_nothing_that_looks_finished(home: Path) -> None:
    (home / "pgdata.new" / "base").mkdir(parents=True)
    (home / "pgdata.new" / "PG_VERSION").write_text("18")
    assert run(home, "select 1") == 1


def test_a_full_disk_is_named_and_what_was_loaded_is_kept(tmp_path: Path) -> None:
    """A new server does not start on it; one that was killed there may, and does when there is room again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        (disk / "new").mkdir()
        run(disk / "home", "set synchronous_commit = on; create table t as select 1 as n")  # as loads commit
        for process in embedded._survivors(disk / "home"):
            with suppress(psutil.NoSuchProcess):  # they follow a postmaster that is gone
                process.kill()
        psutil.wait_procs(embedded._survivors(disk / "home"), timeout=10)
        with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 12))
        with pytest.raises(RevopsError, match="is full, PostgreSQL cannot start: make room and run it again"):
            embedded.ensure_running(disk / "new")
        try:  # what is there may do without more room
            assert run(disk / "home", "select n from t") == 1
        except RevopsError as error:
            assert "is full, PostgreSQL cannot start" in str(error)
        (disk / "ballast").unlink()
        assert run(disk / "home", "select n from t") == 1
    finally:
        embedded.stop(disk / "home")
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_path_longer_than_a_socket_address(home: Path) -> None:
    long = home / ("x" * 90) / ("y" * 90)
    assert len(str(embedded.socket_dir(long))) < 80
    try:
        assert run(long, "select 1") == 1
    finally:
        embedded.stop(long)
        shutil.rmtree(embedded.socket_dir(long), ignore_errors=True)


def test_only_its_owner_can_open_the_socket(home: Path) -> None:
    run(home, "select 1")
    assert embedded.socket_dir(home).stat().st_mode & 0o777 == 0o700
    assert run(home, "show listen_addresses") == ""


def test_a_folder_that_belongs_to_somebody_else_is_refused(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    home.mkdir(parents=True)
    (home / "run").mkdir()
    os.chown(home / "run", pwd.getpwnam("daemon").pw_uid, -1)
    with pytest.raises(RevopsError, match="belongs to another user"):
        embedded.ensure_running(home)


def test_an_ordinary_user_runs_it_too() -> None:
    if os.geteuid() != 0:
        pytest.skip("this run is an ordinary user's")
    folder = Path(tempfile.mkdtemp(prefix="revops-user-"))
    folder.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    user = pwd.getpwnam("daemon")
    os.chown(home, user.pw_uid, user.pw_gid)
    try:
        # Not root any more, but able to pass root's private folders, in which the checkout or Python may lie.
        drop = ["setpriv", "--reuid=daemon", f"--regid={user.pw_gid}", "--clear-groups"]
        drop += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        done = subprocess.run(
            [*drop, sys.executable, "-c", START, home], capture_output=True, text=True, cwd=PROJECT_ROOT
        )
        assert done.returncode == 0, done.stderr
        assert (home / "pgdata").stat().st_uid == user.pw_uid
        assert psutil.Process(postmaster(home)).uids().real == user.pw_uid
    finally:
        subprocess.run([*drop, embedded.binary("pg_ctl"), "-D", home / "pgdata", "-m", "fast", "stop"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as somebody else")
def test_root_runs_it_below_a_folder_that_only_root_may_enter(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone in root's own home: the programs cannot be reached by the user who runs them, nor the data."""
    private, copies = home.parent / "only root's, ünd", Path(tempfile.mkdtemp(prefix="revops-copies-"))
    copies.chmod(0o755)
    private.mkdir(mode=0o700)
    package = embedded.binary("postgres").parents[2]
    for path in (package, package.with_name(f"{package.name}.libs")):
        if path.is_dir():
            shutil.copytree(path, private / "site-packages" / path.name, symlinks=True)
    installed = private / "site-packages" / package.name / "pginstall"
    monkeypatch.setattr(embedded, "binary", lambda name: installed / "bin" / name)
    monkeypatch.setattr(embedded, "COPIES", copies)
    inside = private / "home"
    try:
        for _ in range(2):  # the copy is made once
            assert run(inside, "select 1") == 1
            assert embedded.stop(inside)
        [copied] = copies.iterdir()
        assert embedded.programs() == copied / package.name / "pginstall" / "bin"
        copied.chmod(0o777)
        with pytest.raises(RevopsError, match="is not root's own"):
            embedded.programs()
    finally:
        embedded.stop(inside)
        shutil.rmtree(copies)


def test_a_start_that_fails_says_why(home: Path) -> None:
    run(home, "select 1")
    embedded.stop(home)
    (home / "pgdata" / "local.conf").write_text("shared_buffers = '1 banana'\n")
    with pytest.raises(RevopsError, match="invalid value for parameter"):
        embedded.ensure_running(home)
