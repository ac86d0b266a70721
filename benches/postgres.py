#!/usr/bin/env python3
"""Migrations to and from a private PostgreSQL server, beside what other tools need for the same rows.

  postgres.py --job BENCH_JOB --work FOLDER [--metrics N] [--rounds N] [--pgloader COMMAND]

SQLite -> PostgreSQL is beside psql's \\copy of ready-made files into the same empty tables, with keys and constraints, in one transaction, and
beside pgloader if its command is given. PostgreSQL -> SQLite is beside our own migration from SQLite to SQLite, which reads, writes and proves
the same. All of one experiment, alone in its database, with half of the N metrics. Rounds are interleaved; the medians of wall times and of the
ratios within a round, the same of processor time (of the client and of all the server's processes together: on a busy machine that tells more),
and of the client's and the server's part of it; the peak memory of our process.
"""
import argparse
import os
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from servers import HERE, ORDER, peak, timed

TARGETS = {"copy": 1.3, "files": 1.1, "pgloader": 1.0, "memory": 64}


def programs():
    """The folder of the newest server's programs, or the one that EXPMIG_TEST_POSTGRES names."""
    if named := os.environ.get("EXPMIG_TEST_POSTGRES"):
        return pathlib.Path(named)
    return max(pathlib.Path("/usr/lib/postgresql").iterdir(), key=lambda folder: int(folder.name)) / "bin"


class Server:
    """A PostgreSQL server in a temporary folder; the server refuses to run as root."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="expmig-bench-"))
        root = os.geteuid() == 0
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if root else []
        if root:
            shutil.chown(self.folder, "postgres", "postgres")
        data = self.folder / "data"
        timed([*as_user, programs() / "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres", "-D", data], cwd="/")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = ["shared_buffers=256MB", "max_wal_size=4GB", "log_min_messages=fatal", "listen_addresses="]
        options = [part for setting in settings for part in ("-c", setting)]
        command = [*as_user, programs() / "postgres", "-D", data, "-k", self.folder, "-p", self.port, *options]
        self.process = subprocess.Popen([str(part) for part in command], cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            if subprocess.run(self.client("-c", "SELECT 1"), capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        sys.exit("the server does not start")

    def client(self, *more):
        return ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", str(self.folder), "-p", str(self.port), *more]

    def sql(self, statement):
        return timed(self.client("-c", statement))

    def script(self, text):
        file = self.folder / "script.sql"
        file.write_text(text)
        return timed(self.client("-f", file))[0]

    def processor(self):
        """The seconds of processor time that the server's processes have used, those that have ended too."""
        ticks = os.sysconf("SC_CLK_TCK")
        spent = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(stat.parent.name) == self.process.pid:
                spent += sum(map(int, fields[11:15]))
            elif int(fields[1]) == self.process.pid:
                spent += sum(map(int, fields[11:13]))
        return spent / ticks

    def url(self, schema):
        return f"postgresql://postgres@/postgres?host={self.folder}&port={self.port}&schema={schema}"

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder)


class Bench:
    """One experiment alone in a SQLite file and in a schema, and what the others need to copy it."""

    def __init__(self, options, everything, server):
        self.server, self.pgloader, self.job, self.memory = server, options.pgloader, [*options.job.split(), "migrate"], 0
        self.source, self.target = options.work / "postgres-one.db", options.work / "postgres-out.db"
        self.clear(self.source)
        timed([*self.job, everything, "1", "--target", self.source])
        timed([*self.job, self.source, "1", "--target", server.url("first")])
        self.tables = self.names("first")
        self.rows = self.count("first")
        self.files = server.folder / "files"
        self.files.mkdir()
        server.script("".join(f"\\copy first.\"{table}\" TO '{self.files / table}'\n" for table in self.tables))
        dump = ["pg_dump", "-U", "postgres", "-h", server.folder, "-p", server.port, "--schema-only", "--schema=first", "postgres"]
        self.ddl = timed(dump)[1].replace("first.", "loaded.").replace("SCHEMA first", "SCHEMA loaded")

    def clear(self, path):
        for suffix in ("", "-journal", "-wal", "-shm"):
            pathlib.Path(f"{path}{suffix}").unlink(missing_ok=True)

    def names(self, schema):
        found = self.server.sql(f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'")[1].split()
        return [table for table in ORDER if table in found] + sorted(set(found) - set(ORDER))

    def count(self, schema):
        counts = " + ".join(f'(SELECT count(*) FROM {schema}."{table}")' for table in self.names(schema))
        return int(self.server.sql(f"SELECT {counts}")[1])

    def empty(self, schema):
        self.server.sql(f"SET client_min_messages = error; DROP SCHEMA IF EXISTS {schema} CASCADE")
        self.server.sql("CHECKPOINT")

    def complete(self, schema, spent):
        if (found := self.count(schema)) != self.rows:
            sys.exit(f"{schema} has {found} rows, not {self.rows}")
        return spent

    def spent(self, act):
        """Wall seconds, and the seconds of processor time of the client and of the server."""
        def client():
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            return usage.ru_utime + usage.ru_stime
        before = client(), self.server.processor()
        wall = act()
        # The server learns of the client's end a moment later.
        time.sleep(0.3)
        return wall, client() - before[0], self.server.processor() - before[1]

    def ours(self, source, target):
        def act():
            seconds, mib = peak([*self.job, str(source), "1", "--target", str(target)])
            self.memory = max(self.memory, mib)
            return seconds
        return self.spent(act)

    def copy(self):
        self.empty("loaded")
        self.server.script(self.ddl)
        load = "".join(f"\\copy loaded.\"{table}\" FROM '{self.files / table}'\n" for table in self.tables)
        return self.complete("loaded", self.spent(lambda: self.server.script(f"BEGIN;\n{load}COMMIT;\n")))

    def to_server(self):
        self.empty("ours")
        return self.complete("ours", self.ours(self.source, self.server.url("ours")))

    def from_server(self):
        self.clear(self.target)
        return self.ours(self.server.url("first"), self.target)

    def between_files(self):
        self.clear(self.target)
        return self.ours(self.source, self.target)

    def by_pgloader(self):
        self.server.sql("DROP SCHEMA public CASCADE")
        self.server.sql("CREATE SCHEMA public")
        target = f"postgresql://postgres@unix:{self.server.folder}:{self.server.port}/postgres"
        return self.complete("public", self.spent(lambda: timed([self.pgloader, "--quiet", f"sqlite://{self.source}", target])[0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--metrics", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pgloader", help="the command pgloader")
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
    times = {name: [] for name in ("copy", "to server", "from server", "between files", "pgloader")}
    for _ in range(options.rounds):
        times["copy"].append(bench.copy())
        times["to server"].append(bench.to_server())
        times["from server"].append(bench.from_server())
        times["between files"].append(bench.between_files())
        if options.pgloader:
            times["pgloader"].append(bench.by_pgloader())
        # Whoever cuts a long run short has the rounds so far: wall seconds, and those of the client's and the server's processors.
        last = {name: spent[-1] for name, spent in times.items() if spent}
        print("; ".join(f"{name} {wall:.1f} {client:.1f}+{server:.1f}" for name, (wall, client, server) in last.items()), file=sys.stderr, flush=True)
    for path in (bench.source, bench.target):
        bench.clear(path)
    print(f"one experiment of a database of {options.metrics} metrics, {bench.rows} rows, {options.rounds} rounds; seconds, and the ratio\n")
    lines = [
        ("SQLite -> PostgreSQL / \\copy of ready files", "to server", "copy", TARGETS["copy"]),
        ("SQLite -> PostgreSQL / pgloader", "to server", "pgloader", TARGETS["pgloader"]),
        ("PostgreSQL -> SQLite / SQLite -> SQLite", "from server", "between files", TARGETS["files"]),
    ]
    for name, ours, other, target in lines:
        if not times[other]:
            continue
        def line(name, of, verdict=""):
            ratios = [of(here) / max(of(there), 0.01) for here, there in zip(times[ours], times[other])]
            ratio = statistics.median(ratios)
            here, there = statistics.median(map(of, times[ours])), statistics.median(map(of, times[other]))
            said = verdict and f"   target {target:.2f}  {'met' if ratio <= target else verdict}"
            print(f"{name:<46} {here:7.2f} {there:8.2f} {ratio:6.2f}  ({min(ratios):.2f}..{max(ratios):.2f}){said}")
        line(name, lambda spent: spent[0], "NOT MET")
        line("  processor time", lambda spent: spent[1] + spent[2])
        line("    the client's", lambda spent: spent[1])
        line("    the server's", lambda spent: spent[2])
    verdict = "met" if bench.memory <= TARGETS["memory"] else "NOT MET"
    print(f"{'peak memory, MiB':<46} {bench.memory:7.0f}   target {TARGETS['memory']}  {verdict}")


if __name__ == "__main__":
    main()
