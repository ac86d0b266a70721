#!/usr/bin/env python3
"""Migrations to and from a private MariaDB server, beside what other tools need for the same rows.

  servers.py --job BENCH_JOB --work FOLDER [--metrics N] [--rounds N] [--tool SQLITE3MYSQL] [--tool-rounds N]

SQLite -> MariaDB is beside LOAD DATA LOCAL INFILE of ready-made files into the same empty tables, foreign keys checked in both, and
beside the tool sqlite3-to-mysql (PyPI) if its command is given. MariaDB -> SQLite is beside SELECT ... INTO OUTFILE of every table,
and beside our own migration from SQLite to SQLite, which reads, writes and proves the same. All of one experiment, alone in its
database. Rounds are interleaved; the medians of wall times and of the ratios within a round; the peak memory of our process.
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
    command = [str(part) for part in command]
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


ORDER = ["SCHEMA_VERSION", "EXPERIMENT", "TRIAL", "TRIAL_RUN", "RESULTS", "EPOCH", "BATCH", "METRIC", "ARTIFACT"]
TARGETS = {"load": 1.5, "tool": 0.2, "outfile": 1.5, "memory": 96}


class Bench:
    """One experiment alone in a SQLite file and in a schema, and what the others need to copy it."""

    def __init__(self, options, everything, server):
        self.server, self.work, self.tool = server, options.work, options.tool
        self.job = [options.job, "migrate"]
        self.source, self.target = options.work / "servers-one.db", options.work / "servers-out.db"
        self.clear(self.source)
        timed([*self.job, everything, "1", "--target", self.source])
        server.sql("CREATE SCHEMA first")
        timed([*self.job, self.source, "1", "--target", server.url("first")])
        tables = server.sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'first'")[1].split()
        self.tables = ORDER + sorted(set(tables) - set(ORDER))
        self.rows = self.count("first")
        self.files = self.dump("first")
        created = [timed(server.client("-N", "--raw", "-e", f"SHOW CREATE TABLE {table}", "first"))[1] for table in self.tables]
        self.ddl = ";".join(text.split("\t", 1)[1] for text in created)
        self.memory = 0

    def clear(self, path):
        for suffix in ("", "-journal", "-wal", "-shm"):
            pathlib.Path(f"{path}{suffix}").unlink(missing_ok=True)

    def count(self, schema):
        counts = " + ".join(f"(SELECT count(*) FROM {table})" for table in self.tables)
        return int(self.server.sql(f"SELECT {counts}", schema)[1])

    def empty(self, schema):
        self.server.sql(f"DROP SCHEMA IF EXISTS {schema}; CREATE SCHEMA {schema}")

    def complete(self, schema, seconds):
        if (found := self.count(schema)) != self.rows:
            sys.exit(f"{schema} has {found} rows, not {self.rows}")
        return seconds

    def ours(self, source, target):
        seconds, mib = peak([*self.job, str(source), "1", "--target", str(target)])
        self.memory = max(self.memory, mib)
        return seconds

    def dump(self, schema, seconds=None):
        """Has the server write every table of a schema into files; their folder, or how long it took."""
        folder = self.server.folder / "dump"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        statements = "".join(f"SELECT * INTO OUTFILE '{folder / table}' FROM {table};" for table in self.tables)
        taken = self.server.sql(statements, schema)[0]
        if seconds:
            return taken
        return folder.rename(self.server.folder / "files")

    def load(self):
        self.empty("loaded")
        self.server.sql(self.ddl, "loaded")
        load = "".join(f"LOAD DATA LOCAL INFILE '{self.files / table}' INTO TABLE {table};" for table in self.tables)
        return self.complete("loaded", self.server.sql(f"START TRANSACTION; {load} COMMIT", "loaded")[0])

    def to_server(self):
        self.empty("ours")
        return self.complete("ours", self.ours(self.source, self.server.url("ours")))

    def from_server(self):
        self.clear(self.target)
        return self.ours(self.server.url("first"), self.target)

    def between_files(self):
        self.clear(self.target)
        return self.ours(self.source, self.target)

    def by_tool(self):
        self.empty("tool")
        command = [self.tool, "-q", "-f", self.source, "-d", "tool", "-u", "root", "-k", self.server.socket]
        return self.complete("tool", timed(command)[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--metrics", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tool", help="the command sqlite3mysql")
    parser.add_argument("--tool-rounds", type=int, default=1)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    everything = options.work / f"servers-{options.metrics}.db"
    if not everything.exists():
        timed([sys.executable, HERE / "generate.py", "--metrics", str(options.metrics), everything])
    server = Server()
    try:
        run(options, Bench(options, everything, server))
    finally:
        server.stop()


def run(options, bench):
    times = {name: [] for name in ("load", "to server", "from server", "outfile", "between files", "tool", "to server for tool")}
    for number in range(options.rounds):
        times["load"].append(bench.load())
        times["to server"].append(bench.to_server())
        times["outfile"].append(bench.dump("first", seconds=True))
        times["from server"].append(bench.from_server())
        times["between files"].append(bench.between_files())
        if options.tool and number < options.tool_rounds:
            times["tool"].append(bench.by_tool())
            times["to server for tool"].append(times["to server"][-1])
    for path in (bench.source, bench.target):
        bench.clear(path)
    print(f"one experiment of a database of {options.metrics} metrics, {bench.rows} rows, {options.rounds} rounds; seconds, and the ratio\n")
    lines = [
        ("SQLite -> MariaDB / LOAD DATA of ready files", "to server", "load", TARGETS["load"]),
        ("SQLite -> MariaDB / sqlite3-to-mysql", "to server for tool", "tool", TARGETS["tool"]),
        ("MariaDB -> SQLite / INTO OUTFILE", "from server", "outfile", TARGETS["outfile"]),
        ("MariaDB -> SQLite / SQLite -> SQLite", "from server", "between files", None),
    ]
    for name, ours, other, target in lines:
        if not times[other]:
            continue
        ratios = [here / there for here, there in zip(times[ours], times[other])]
        ratio = statistics.median(ratios)
        verdict = "" if target is None else f"   target {target:.2f}  {'met' if ratio <= target else 'NOT MET'}"
        here, there = statistics.median(times[ours]), statistics.median(times[other])
        print(f"{name:<46} {here:7.2f} {there:8.2f} {ratio:6.2f}  ({min(ratios):.2f}..{max(ratios):.2f}){verdict}")
    verdict = "met" if bench.memory <= TARGETS["memory"] else "NOT MET"
    print(f"{'peak memory, MiB':<46} {bench.memory:7.0f}   target {TARGETS['memory']}  {verdict}")


if __name__ == "__main__":
    main()
