#!/usr/bin/env python3
"""Migrations to and from a private MariaDB server, beside what the server's own tools need for the same rows.

  servers.py --job BENCH_JOB --work FOLDER [--metrics N] [--runs N]

SQLite -> MariaDB is beside LOAD DATA LOCAL INFILE of ready-made files into the same empty tables, foreign keys checked in both;
MariaDB -> SQLite beside SELECT ... INTO OUTFILE of every table. Interleaved, medians of wall times, and their ratio; peak memory of our process.
"""
import argparse
import getpass
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def timed(command, **more):
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    out, err = process.communicate()
    seconds = time.perf_counter() - begin
    if process.returncode:
        sys.exit(f"{command[:3]}: {err.strip()[:500]}")
    return seconds, out


def peak(command):
    """Wall seconds, and the peak resident size in MiB, of a command."""
    pid_file = tempfile.NamedTemporaryFile("r", suffix=".rss")
    script = "import resource,subprocess,sys;r=subprocess.run(sys.argv[2:],stdout=subprocess.DEVNULL).returncode;" \
             "open(sys.argv[1],'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss));sys.exit(r)"
    seconds, _ = timed([sys.executable, "-c", script, pid_file.name, *command])
    return seconds, int(open(pid_file.name).read()) / 1024


class Server:
    """A MariaDB server in a temporary folder."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="expmig-bench-"))
        user = getpass.getuser()
        data = f"--datadir={self.folder / 'data'}"
        timed(["mariadb-install-db", "--no-defaults", data, f"--user={user}", "--auth-root-authentication-method=normal",
               "--skip-test-db"])
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.socket = self.folder / "s.sock"
        self.process = subprocess.Popen(
            ["mariadbd", "--no-defaults", f"--user={user}", data, f"--socket={self.socket}", f"--port={self.port}",
             "--bind-address=127.0.0.1", f"--log-error={self.folder / 'err.log'}", f"--tmpdir={self.folder}", "--local-infile=1", "--skip-log-bin",
             "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=256M", "--character-set-server=utf8mb4"])
        for _ in range(600):
            if subprocess.run(self.client("-e", "SELECT 1"), capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        sys.exit("the server does not start")

    def client(self, *more):
        return ["mariadb", "--no-defaults", "-uroot", f"--socket={self.socket}", "--local-infile=1", *more]

    def sql(self, statement, schema=None):
        return timed(self.client("-N", "-e", statement, *([schema] if schema else [])))

    def url(self, schema):
        return f"mysql://root@localhost/{schema}?socket={str(self.socket).replace('/', '%2F')}"

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--metrics", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    source = options.work / f"servers-{options.metrics}.db"
    if not source.exists():
        timed([sys.executable, HERE / "generate.py", "--metrics", str(options.metrics), str(source)])
    server = Server()
    try:
        run(options, source, server)
    finally:
        server.stop()


def run(options, source, server):
    migrate = [options.job, "migrate"]
    # The files and the empty tables of the baseline.
    server.sql("CREATE SCHEMA first")
    timed([*migrate, str(source), "1", "--target", server.url("first")])
    tables = server.sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'first'")[1].split()
    order = ["SCHEMA_VERSION", "EXPERIMENT", "TRIAL", "TRIAL_RUN", "RESULTS", "EPOCH", "BATCH", "METRIC", "ARTIFACT"]
    order += sorted(set(tables) - set(order))
    files = server.folder / "files"
    files.mkdir()
    rows = 0
    for table in order:
        server.sql(f"SELECT * INTO OUTFILE '{files / table}' FROM {table}", "first")
        rows += int(server.sql(f"SELECT count(*) FROM {table}", "first")[1])
    created = [timed(server.client("-N", "--raw", "-e", f"SHOW CREATE TABLE {table}", "first"))[1] for table in order]
    ddl = ";".join(text.split("\t", 1)[1] for text in created)
    load = "".join(f"LOAD DATA LOCAL INFILE '{files / table}' INTO TABLE {table};" for table in order)
    ours, theirs, out, read, memory = [], [], [], [], []
    for number in range(options.runs):
        server.sql(f"DROP SCHEMA IF EXISTS a; CREATE SCHEMA a; DROP SCHEMA IF EXISTS b; CREATE SCHEMA b")
        server.sql(ddl, "b")
        theirs.append(server.sql(f"START TRANSACTION; {load} COMMIT", "b")[0])
        seconds, mib = peak([*migrate, str(source), "1", "--target", server.url("a")])
        ours.append(seconds)
        memory.append(mib)
        target = options.work / "servers-out.db"
        target.unlink(missing_ok=True)
        seconds, mib = peak([*migrate, server.url("a"), "1", "--target", str(target)])
        out.append(seconds)
        memory.append(mib)
        shutil.rmtree(server.folder / "dump", ignore_errors=True)
        (server.folder / "dump").mkdir()
        dump = "".join(f"SELECT * INTO OUTFILE '{server.folder / 'dump' / table}' FROM {table};" for table in order)
        read.append(server.sql(dump, "a")[0])
        target.unlink()
    print(f"{options.metrics} metrics, {rows} rows copied, {options.runs} runs")
    for name, here, there in (("SQLite -> MariaDB / LOAD DATA of ready files", ours, theirs), ("MariaDB -> SQLite / INTO OUTFILE", out, read)):
        here, there = statistics.median(here), statistics.median(there)
        print(f"{name}: {here:.2f} s / {there:.2f} s = {here / there:.2f}")
    print(f"peak memory {max(memory):.0f} MiB")


main()
