"""What the tests of the Python package share: the package with the library of this build, databases, and programs in processes of their own.

The package is put together in a folder of its own, with a link to the library: EXPMIG_LIBRARY, or that of target/debug.
"""
import atexit
import compileall
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINDING = ROOT / "bindings" / "python"
DIGITS = ROOT / "tests" / "data" / "digits.db"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
LIBRARY = Path(os.environ.get("EXPMIG_LIBRARY", TARGET / "debug" / "libexpmig.so")).resolve()

# A shell ignores SIGINT in what it starts in the background, and a process inherits that. These tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def refuse_stale_library():
    """Tests of another library than that of these sources prove nothing."""
    if not LIBRARY.exists():
        raise SystemExit(f"{LIBRARY} is not there; run cargo build first")
    newest = max((file.stat().st_mtime, file) for file in (ROOT / "src").rglob("*.rs"))
    if newest[0] > LIBRARY.stat().st_mtime:
        raise SystemExit(f"{LIBRARY} is older than {newest[1]}; run cargo build first")


def assemble(library=LIBRARY):
    """Puts the package together in a folder that is removed at the end, and answers the folder."""
    folder = tempfile.mkdtemp(prefix="expmig-package-")
    owner = os.getpid()
    atexit.register(lambda: os.getpid() == owner and shutil.rmtree(folder, ignore_errors=True))
    command = [sys.executable, str(BINDING / "assemble.py"), folder, "--library", str(library), "--link"]
    subprocess.run(command, check=True)
    # As pip does, and whatever the environment says of programs that are run.
    if not compileall.compile_dir(folder, quiet=1):
        raise SystemExit("the package cannot be compiled")
    return folder


refuse_stale_library()
PACKAGE = assemble()
sys.path.insert(0, PACKAGE)

import expmig  # noqa: E402


class Case(unittest.TestCase):
    """A test with a folder of its own, which is the working directory, and a copy of the real data in it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="expmig-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.path = self.copy("experiments.db")

    def copy(self, name):
        return Path(shutil.copy(DIGITS, self.folder / name))

    def open(self, path=None, **options):
        """A DatabaseManager that is closed at the end."""
        db = expmig.DatabaseManager(path or self.path, use_sqlite=True, **options)
        self.addCleanup(db.close)
        return db

    def manager(self, path=None, **options):
        return expmig.DataMigrationManager(self.open(path, **options), snapshot_dir=self.folder / "snapshots")

    def sql(self, statement, *parameters, path=None):
        """Rows through the sqlite3 module, in a process of its own: two copies of SQLite do not belong into one."""
        return sql(path or self.path, statement, *parameters)

    def fails(self, status, function, *arguments, kind=None, **named):
        """A call fails with this status, and of this class."""
        with self.assertRaises(expmig.DataMigrationError) as caught:
            function(*arguments, **named)
        self.assertEqual(caught.exception.status, status, caught.exception)
        if kind is not None:
            self.assertIs(type(caught.exception), kind)
        return caught.exception

    def count(self, path=None):
        """How many experiments, trials and metrics there are."""
        return self.sql("SELECT (SELECT count(*) FROM EXPERIMENT), (SELECT count(*) FROM TRIAL), (SELECT count(*) FROM METRIC)", path=path)


def sql(path, statement, *parameters):
    program = """
        import json, sqlite3, sys
        connection = sqlite3.connect(sys.argv[1])
        rows = connection.execute(sys.argv[2], json.loads(sys.argv[3])).fetchall()
        connection.commit()
        connection.close()
        print(json.dumps(rows))
    """
    return json.loads(run(program, str(path), statement, json.dumps(parameters)))


def environment():
    return {**os.environ, "PYTHONPATH": PACKAGE}


def run(program, *arguments):
    """Runs a Python program that has to succeed, and answers what it printed."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *map(str, arguments)]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    if done.returncode:
        raise AssertionError(f"{done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def popen(source, *arguments):
    """Starts a Python program with which one can talk."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(source), *map(str, arguments)]
    return subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextlib.contextmanager
def program(source, *arguments):
    """Runs a Python program beside this one, which has to succeed."""
    with popen(source, *arguments) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise AssertionError(process.stderr.read()) from None
        code = process.wait(timeout=300)
        if code:
            raise AssertionError(f"{code}\n{process.stderr.read()}")


def descriptors(path):
    """How many descriptors of a file this process has."""
    wanted, found = os.stat(path), 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.path.samestat(os.stat(f"/proc/self/fd/{name}"), wanted)
        except OSError:
            pass
    return found


class Lock:
    """Another process that holds a database's write lock: what waits for it cannot end before it is released."""

    PROGRAM = """
        import sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        print("locked", flush=True)
        sys.stdin.read()
        connection.execute("ROLLBACK")
        connection.close()
    """

    def __init__(self, path):
        command = [sys.executable, "-c", textwrap.dedent(self.PROGRAM), str(path)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout.readline() == b"locked\n"

    def release(self):
        if self._process.poll() is None:
            self._process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        self.release()


def in_library(thread=None):
    """Whether a thread (the main one) is inside of a call of the library, and not of a callback."""
    frame = sys._current_frames().get((thread or threading.main_thread()).ident)
    return frame is not None and frame.f_code.co_name in ("protected", "recv", "_recv", "_recv_bytes")


def interrupt_when(condition, number=signal.SIGINT):
    """Sends this process a signal, from a thread, as soon as a condition holds. Answers the thread."""
    def wait():
        end = time.monotonic() + 60
        while not condition() and time.monotonic() < end:
            time.sleep(0.005)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread
