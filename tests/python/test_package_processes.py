"""Two copies of SQLite in one process: the guard, and the ways out, each of which keeps the host's lock and rows.

The host is this process, with its own sqlite3 connection to the same file. That it still has its lock, another process says, which cannot
get it; that its rows are kept, its commit shows.
"""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest
import unittest.mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
import test_package_callbacks
import test_package_checks
from binding import expmig

TRY_LOCK = """
    import sqlite3, sys
    connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        print("free")
    except sqlite3.OperationalError:
        print("locked")
"""


class Host(binding.Case):
    """A process that uses the database itself."""

    def setUp(self):
        super().setUp()
        self.host = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(self.host.close)

    def begin(self):
        """The host writes, and has not committed."""
        self.host.execute("BEGIN IMMEDIATE")
        self.host.execute("UPDATE EXPERIMENT SET title = 'of the host' WHERE id = 1")

    def has_its_lock(self):
        return binding.run(TRY_LOCK, self.path) == "locked\n"

    def commit(self):
        self.host.execute("COMMIT")
        self.assertEqual(self.host.execute("SELECT title FROM EXPERIMENT WHERE id = 1").fetchone(), ("of the host",))
        self.assertEqual(self.host.execute("PRAGMA integrity_check").fetchone(), ("ok",))


class Guard(Host):
    def test_the_guard_refuses_and_says_what_to_do(self):
        self.begin()
        error = self.fails("SHARED_PROCESS", expmig.DatabaseManager, self.path)
        for way in ("close the sqlite3 connection", 'isolation="process"', "EXPMIG_SYSTEM_SQLITE=1", "allow_shared_process=True"):
            self.assertIn(way, error.hint)
        self.assertTrue(self.has_its_lock(), "refusing has not touched the file")
        self.commit()

    def test_what_the_guard_protects_from(self):
        # If this passes no more, the guard is not needed any more.
        self.begin()
        expmig.DatabaseManager(self.path, allow_shared_process=True).close()
        self.assertFalse(self.has_its_lock())

    def test_the_first_write_looks_again(self):
        self.host.close()
        manager = self.manager()
        self.host = sqlite3.connect(self.path)
        self.addCleanup(self.host.close)
        self.host.execute("SELECT count(*) FROM EXPERIMENT").fetchone()
        self.assertEqual(len(manager.list_experiments()), 3)
        self.fails("SHARED_PROCESS", manager.migrate_experiment, 1)

    def test_way_out_close_first(self):
        self.host.close()
        with self.open() as db:
            self.assertEqual(expmig.DataMigrationManager(db).migrate_experiment(1).new_experiment_id, 4)
        self.host = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(self.host.close)
        self.begin()
        self.assertTrue(self.has_its_lock())
        self.commit()
        self.assertEqual(self.host.execute("SELECT count(*) FROM EXPERIMENT").fetchone(), (4,))

    def test_way_out_a_child_process(self):
        with self.open(isolation="process", timeout=0) as db:
            manager = expmig.DataMigrationManager(db, "snapshots")
            snapshot = manager.snapshot_manager.create_snapshot()
            self.begin()
            self.assertEqual(manager.validator.validate_data_consistency()["summary"]["overall_status"], "PASS")
            self.assertEqual(len(manager.digest(1)), 64)
            self.assertTrue(self.has_its_lock())
            # The two respect each other's locks.
            self.fails("BUSY", manager.migrate_experiment, 1)
            self.fails("BUSY", manager.snapshot_manager.restore_snapshot, snapshot, safety_snapshot=False)
            self.assertTrue(self.has_its_lock())
            self.commit()
            self.assertEqual(manager.migrate_experiment(1).new_experiment_id, 4)
            self.assertEqual(self.host.execute("SELECT title FROM EXPERIMENT WHERE id = 4").fetchone(), ("of the host",))
            manager.snapshot_manager.restore_snapshot(snapshot)
            self.assertEqual(self.host.execute("SELECT count(*) FROM EXPERIMENT WHERE title = 'of the host'").fetchone(), (0,))
            self.begin()
            self.assertTrue(self.has_its_lock())
            self.commit()


class Auto(Host):
    """isolation="auto": here, and in a child process from the moment in which the host has the file open, too."""

    def in_child(self, db):
        return db._database.apart

    def test_a_file_that_the_host_has_open_is_opened_in_a_child(self):
        self.begin()
        with self.open(isolation="auto", timeout=0) as db:
            self.assertTrue(self.in_child(db))
            manager = expmig.DataMigrationManager(db)
            self.assertEqual(len(manager.digest(1)), 64)
            self.fails("BUSY", manager.migrate_experiment, 1)
            self.assertTrue(self.has_its_lock())
            self.commit()
            self.assertEqual(manager.migrate_experiment(1).new_experiment_id, 4)
        self.assertEqual(self.host.execute("SELECT title FROM EXPERIMENT WHERE id = 4").fetchone(), ("of the host",))

    def test_a_connection_that_comes_later_keeps_its_lock_and_its_rows(self):
        self.host.close()
        db = self.open(isolation="auto", timeout=0)
        manager = expmig.DataMigrationManager(db)
        seen = []
        manager.validator.register_check("own", lambda check: seen.append(check.experiment_id))
        manager.validator.register_check("sql", "SELECT 'EXPERIMENT' AS table_name, id AS row_id, 'found' AS message FROM EXPERIMENT WHERE id = 2")
        manager.validator.validate_data_consistency()
        self.assertFalse(self.in_child(db))
        self.host = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(self.host.close)
        self.begin()
        self.fails("BUSY", manager.migrate_experiment, 1)
        self.assertTrue(self.in_child(db))
        self.assertTrue(self.has_its_lock())
        self.commit()
        self.assertEqual(manager.migrate_experiment(1).new_experiment_id, 4)
        before = len(seen)
        report = manager.validator.validate_data_consistency()
        self.assertEqual(len(seen), before + 1)
        self.assertIn("found", json.dumps(report))
        self.begin()
        db.close()
        self.assertTrue(self.has_its_lock())
        self.commit()
        self.fails("MISUSE", manager.digest, 1)

    def test_closing_leaves_the_host_its_lock(self):
        self.host.close()
        db = self.open(isolation="auto")
        self.assertEqual(len(expmig.DataMigrationManager(db).digest(1)), 64)
        self.host = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(self.host.close)
        self.begin()
        db.close()
        self.assertTrue(self.has_its_lock())
        self.commit()

    def test_without_a_host_it_stays_here_and_closes(self):
        self.host.close()
        with self.open(isolation="auto") as db:
            self.assertEqual(expmig.DataMigrationManager(db).migrate_experiment(1).new_experiment_id, 4)
            self.assertFalse(self.in_child(db))
        self.assertEqual(binding.descriptors(self.path), 0)

    def test_the_target_moves_too(self):
        self.host.close()
        other = self.copy("other.db")
        source, target = self.open(isolation="auto"), self.open(other, isolation="auto")
        host = sqlite3.connect(other, isolation_level=None)
        self.addCleanup(host.close)
        host.execute("SELECT count(*) FROM EXPERIMENT").fetchone()
        migrator, receiver = expmig.DataMigrationManager(source), expmig.DataMigrationManager(target)
        self.assertEqual(migrator.migrate_experiment(1, target=receiver).new_experiment_id, 4)
        self.assertTrue(migrator.compare(1, 4, receiver)["equal"])
        self.assertEqual(host.execute("SELECT count(*) FROM EXPERIMENT").fetchone(), (4,))


class SystemSqlite(binding.Case):
    """Way out: a build with the system's SQLite, which Python's sqlite3 uses too. Where that is too old, a newer one stands in for it, the one
    that is bundled otherwise, as a shared library of the same name."""

    NEEDED = (3, 45, 3)

    PROGRAM = """
        import os, sqlite3, subprocess, sys
        path, other = sys.argv[1:]
        import expmig
        assert expmig.build_info()["sqlite"] == {"version": sqlite3.sqlite_version, "linked": "system"}, expmig.build_info()
        assert expmig.shares_sqlite()
        host = sqlite3.connect(path, isolation_level=None)
        host.execute("BEGIN IMMEDIATE")
        host.execute("UPDATE EXPERIMENT SET title = 'of the host' WHERE id = 1")

        def locked():
            return subprocess.run([sys.executable, "-c", other, path], stdout=subprocess.PIPE, check=True, text=True).stdout == "locked\\n"

        db = expmig.DatabaseManager(path, timeout=0)
        manager = expmig.DataMigrationManager(db)
        assert len(manager.digest(1)) == 64 and locked()
        try:
            manager.migrate_experiment(1)
        except expmig.DataMigrationError as error:
            assert error.status == "BUSY", error
        db.close()
        assert locked()
        host.execute("COMMIT")
        with expmig.DatabaseManager(path) as db:
            assert expmig.DataMigrationManager(db).migrate_experiment(1).new_experiment_id == 4
            host.execute("BEGIN IMMEDIATE")
        assert locked()
        host.execute("COMMIT")
        assert host.execute("SELECT title FROM EXPERIMENT WHERE id = 4").fetchone() == ("of the host",)
        assert host.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        host.close()
    """

    @classmethod
    def setUpClass(cls):
        cls.folder_of_sqlite = tempfile.mkdtemp(prefix="expmig-sqlite-")
        cls.addClassCleanup(shutil.rmtree, cls.folder_of_sqlite)
        cls.environment = {**os.environ, "EXPMIG_SYSTEM_SQLITE": "1", "EXPMIG_CARGO_PROFILE": "dev", "CARGO_PROFILE_DEV_DEBUG": "0",
                           "CARGO_TARGET_DIR": str(binding.TARGET / "system-sqlite")}
        cls.old = dict(cls.environment)
        if sqlite3.sqlite_version_info < cls.NEEDED:
            cls.build_sqlite()
            cls.environment["LD_LIBRARY_PATH"] = cls.folder_of_sqlite
        cls.package = os.path.join(cls.folder_of_sqlite, "package")
        subprocess.run([sys.executable, str(binding.BINDING / "assemble.py"), cls.package], env=cls.environment, check=True)
        cls.environment["PYTHONPATH"] = cls.package

    @classmethod
    def build_sqlite(cls):
        described = subprocess.run(["cargo", "metadata", "--format-version=1", "--manifest-path", str(binding.ROOT / "Cargo.toml")],
                                   stdout=subprocess.PIPE, check=True)
        manifest, = (one["manifest_path"] for one in json.loads(described.stdout)["packages"] if one["name"] == "libsqlite3-sys")
        source = os.path.join(os.path.dirname(manifest), "sqlite3", "sqlite3.c")
        library = os.path.join(cls.folder_of_sqlite, "libsqlite3.so.0")
        subprocess.run(["cc", "-O0", "-shared", "-fPIC", "-DSQLITE_ENABLE_COLUMN_METADATA", "-Wl,-soname,libsqlite3.so.0", source, "-o", library,
                        "-lpthread", "-ldl", "-lm"], check=True)

    def run_here(self, program, *arguments):
        command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_system_sqlite_that_is_too_old_is_named_when_it_is_built(self):
        if sqlite3.sqlite_version_info >= self.NEEDED:
            self.skipTest("the system's SQLite is new enough")
        done = subprocess.run([sys.executable, str(binding.BINDING / "assemble.py"), str(self.folder / "package")], env=self.old,
                              stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs SQLite 3.45.3 or newer", done.stderr)

    def test_host_and_library_share_one_sqlite(self):
        self.run_here(self.PROGRAM, self.path, textwrap.dedent(TRY_LOCK))

    def test_another_sqlite_in_the_module_is_noticed(self):
        self.run_here("""
            import sqlite3, sys
            import expmig.database
            expmig.database.shares_sqlite = lambda: False
            try:
                expmig.DatabaseManager(sys.argv[1])
            except expmig.DataMigrationError as error:
                assert error.status == "SHARED_PROCESS" and "another copy" in error.message, error
            else:
                raise AssertionError("opened")
            expmig.DatabaseManager(sys.argv[1], allow_shared_process=True).close()
        """, self.path)


class InAChild(test_package_callbacks.Callbacks):
    """Progress, cancelling, signals and log records with a child process."""

    OPTIONS = {"isolation": "process"}

    def test_the_child_is_told_and_ends(self):
        child = self.migrator.db_manager._database._child._process
        self.assertIsNone(child.poll())
        self.migrator.db_manager.close()
        self.assertEqual(child.poll(), 0)
        self.fails("MISUSE", self.migrator.digest, 1)

    def test_closing_from_a_callback_takes_effect_when_the_call_has_ended(self):
        child = self.migrator.db_manager._database._child._process
        self.assertEqual(self.migrator.migrate_experiment(1, progress_callback=lambda _report: self.migrator.db_manager.close()).new_experiment_id, 4)
        self.assertEqual(child.poll(), 0)

    def test_a_child_that_dies_is_named_and_the_database_is_as_before(self):
        child = self.migrator.db_manager._database._child._process
        error = self.fails("CONNECTION", self.migrator.migrate_experiment, 1, progress_callback=lambda _report: child.kill())
        self.assertIn("killed by signal 9", str(error))
        self.unchanged()
        self.fails("MISUSE", self.migrator.digest, 1)
        self.assertEqual(self.manager(isolation="process").migrate_experiment(1).new_experiment_id, 4)

    def test_a_parent_that_dies_takes_the_child_with_it(self):
        program = """
            import os, sys, expmig
            db = expmig.DatabaseManager(sys.argv[1], isolation="process")
            print(db._database._child._process.pid, flush=True)
            expmig.DataMigrationManager(db).migrate_experiment(1, progress_callback=lambda report: os._exit(0))
        """
        number = int(binding.run(program, self.path))
        end = threading.Event()
        for _ in range(600):
            try:
                os.kill(number, 0)
            except ProcessLookupError:
                break
            end.wait(0.05)
        else:
            self.fail("the child lives")
        self.unchanged()

    def test_what_is_dropped_is_closed_in_the_child(self):
        db = self.open(isolation="process")
        child = db._database._child._process.pid
        for _ in range(3):
            with expmig.DataMigrationManager(db) as manager:
                manager.migrate_experiment(2)
        opened = os.listdir(f"/proc/{child}/fd")
        for _ in range(3):
            with expmig.DataMigrationManager(db) as manager:
                manager.migrate_experiment(2)
        self.assertEqual(os.listdir(f"/proc/{child}/fd"), opened)

    def test_two_databases_of_two_children(self):
        other = self.manager(self.copy("other.db"), isolation="process")
        self.assertEqual(self.migrator.migrate_experiment(1, target=other).new_experiment_id, 4)
        comparison = self.migrator.compare(1, 4, other)
        self.assertTrue(comparison["equal"])
        self.assertTrue(self.migrator.plan(1, target=other)["duplicates"])
        here = self.manager(self.copy("here.db"))
        self.assertEqual(self.migrator.migrate_experiment(1, target=here).new_experiment_id, 4)
        self.fails("INVALID_ARGUMENT", here.migrate_experiment, 1, target=other)
        self.unchanged()

    def test_errors_come_back_whole(self):
        error = self.fails("NOT_FOUND", self.migrator.migrate_experiment, 99)
        self.assertEqual((error.detail("experiment_id"), error.domain), ("99", "MIGRATION"))
        snapshot = self.migrator.snapshot_manager.create_snapshot()
        file = self.folder / "snapshots" / f"{snapshot}.db"
        file.write_bytes(file.read_bytes()[:-4096])
        error = self.fails("CORRUPT", self.migrator.verify, snapshot, kind=expmig.SnapshotError)
        self.assertIsInstance(error.detail("path") or error.message, str)
        with self.assertRaises(ValueError):
            self.migrator.digest(2 ** 63)
        self.fails("NOT_FOUND", expmig.DatabaseManager, "missing.db", isolation="process")

    def test_isolation_has_to_be_one_that_there_is(self):
        with self.assertRaises(ValueError):
            expmig.DatabaseManager(self.path, isolation="thread")


class OddExecutables(binding.Case):
    """isolation="process" where sys.executable, by which the child is started, is none that could do it."""

    def refused(self, executable, **options):
        with unittest.mock.patch.object(sys, "executable", executable):
            error = self.fails("UNSUPPORTED", expmig.DatabaseManager, self.path, isolation="process", kind=expmig.errors.ConnectionError, **options)
        self.assertIn(f"sys.executable, which is {executable!r}: ", error.message)
        self.assertIn("set sys.executable to the path of a Python", error.hint)
        self.assertEqual(error.detail("executable"), str(executable))
        return error.message.partition(f"{executable!r}: ")[2]

    def script(self, text, mode=0o755):
        file = self.folder / "program"
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        return str(file)

    def compiled(self, body):
        (self.folder / "host.c").write_text(f"#include <stdio.h>\n#include <unistd.h>\nint main(void) {{ {body} }}\n", encoding="utf-8")
        subprocess.run(["cc", str(self.folder / "host.c"), "-o", str(self.folder / "host")], check=True)
        return str(self.folder / "host")

    def test_what_cannot_be_started_is_named(self):
        for executable in (None, ""):
            self.assertEqual(self.refused(executable), "it is empty")
        self.assertIn("No such file", self.refused(str(self.folder / "missing")))
        self.assertIn("ermission denied", self.refused(str(self.folder)))
        self.assertIn("ermission denied", self.refused(self.script("#!/bin/sh\n", 0o644)))
        self.assertIn("Exec format error", self.refused(self.script("no program")))
        self.refused("python\0")
        self.refused(3.14)

    def test_a_program_that_ends_without_being_a_python_is_named(self):
        self.assertIn("it ended with 0, and is no Python", self.refused("/bin/echo"))
        self.assertIn("it ended with 3", self.refused(self.script("#!/bin/sh\necho started\nexit 3\n")))
        self.assertIn("it was killed by signal 9", self.refused(self.script("#!/bin/sh\nkill -9 $$\n")))
        self.assertIn("it ended with 7", self.refused(self.compiled("return 7;")))
        # What it has started has the socket still.
        message = self.refused(self.script(f"#!/bin/sh\nsleep 60 & echo $! >{self.folder}/sleeping\nexit 4\n"))
        os.kill(int((self.folder / "sleeping").read_text()), signal.SIGKILL)
        self.assertIn("it ended with 4", message)

    def test_a_program_that_says_something_else_is_named(self):
        # Whatever it finds open, it closes, or writes to.
        says = "for (int number = 3; number < 64; number++) {}; pause(); return 0;"
        self.assertIn("it has closed the connection", self.refused(self.compiled(says.format("close(number)"))))
        self.assertIn("it says what no Python would", self.refused(self.compiled(says.format('write(number, "\\0\\0\\0\\6server", 10)'))))

    def test_a_program_that_goes_on_without_a_word_is_ended(self):
        program = self.script(f"#!/bin/sh\necho $$ >{self.folder}/running\necho started\nsleep 60\n")
        with unittest.mock.patch.object(expmig._remote, "START_SECONDS", 0.5):
            self.assertIn("it runs and is no Python: it has not said what a Python would for 0.5 seconds", self.refused(program))
        with self.assertRaises(ProcessLookupError):
            os.kill(int((self.folder / "running").read_text()), 0)

    def test_a_program_that_stops_within_a_word_is_ended(self):
        says = 'for (int number = 3; number < 64; number++) write(number, "\\0\\0\\0\\6exp", 7); pause(); return 0;'
        program = self.compiled(says)
        with unittest.mock.patch.object(expmig._remote, "START_SECONDS", 0.5):
            self.assertIn("it runs and is no Python", self.refused(program))

    def test_ctrl_c_ends_the_wait_for_such_a_program(self):
        running = self.folder / "running"
        program = self.script(f"#!/bin/sh\necho $$ >{running}.new\nmv {running}.new {running}\nsleep 60\n")
        thread = binding.interrupt_when(running.exists)
        with unittest.mock.patch.object(sys, "executable", program):
            with self.assertRaises(KeyboardInterrupt):
                expmig.DatabaseManager(self.path, isolation="process")
        thread.join()
        with self.assertRaises(ProcessLookupError):
            os.kill(int(running.read_text()), 0)

    def test_a_python_that_cannot_load_the_package_is_named(self):
        broken = self.script(f'#!/bin/sh\nexec {sys.executable} "$1" "$2" "$3" "import sys; sys.modules[\'ctypes\'] = None; $4" 2>{self.folder}/said\n')
        self.assertIn("it ended with 1, and is no Python that can load expmig", self.refused(broken))
        self.assertIn("ctypes", (self.folder / "said").read_text())

    def test_a_script_that_leads_to_a_python_works(self):
        for how in ("exec ", ""):
            script = self.script(f'#!/bin/sh\necho starting Python\n{how}{sys.executable} "$@"\n')
            with unittest.mock.patch.object(sys, "executable", script), self.open(isolation="process") as db:
                self.assertEqual(len(db.experiments()), 3)

    def test_where_the_guard_objects_it_is_named_too(self):
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        connection.execute("SELECT count(*) FROM EXPERIMENT").fetchone()
        with unittest.mock.patch.object(sys, "executable", None):
            self.fails("UNSUPPORTED", expmig.DatabaseManager, self.path, isolation="auto")


class PrivateCopies(binding.Case):
    """Reading a file in rollback-journal mode keeps nobody waiting for longer than allowed."""

    def test_they_go_where_they_shall_or_are_not_made(self):
        for isolation in (None, "process"):
            with expmig.DatabaseManager(self.path, temp_dir="no such folder", isolation=isolation) as database:
                with self.assertRaisesRegex(expmig.DataMigrationError, "no such folder"):
                    expmig.DataMigrationManager(database).export_experiment(1)
            with expmig.DatabaseManager(self.path, temp_dir="no such folder", max_read_lock=None, isolation=isolation) as database:
                self.assertIn("experiment", expmig.DataMigrationManager(database).export_experiment(1))
        for nonsense in (0, -1, float("nan")):
            with self.assertRaisesRegex(ValueError, "max_read_lock"):
                expmig.DatabaseManager(self.path, max_read_lock=nonsense)

    def test_a_training_commits_while_a_progress_callback_sleeps(self):
        writes = textwrap.dedent("""
            import sqlite3, sys
            sqlite3.connect(sys.argv[1], timeout=0).execute("UPDATE EXPERIMENT SET title = title").connection.commit()
            print("committed")
        """)
        said = []
        with expmig.DatabaseManager(self.path) as database:
            migrator = expmig.DataMigrationManager(database)
            migrator.plan(1, progress_callback=lambda progress: said.append(binding.run(writes, self.path)))
        self.assertEqual(set(said), {"committed\n"})


class ChecksInAChild(test_package_checks.Checks):
    """Checks and transformations that run here, for a validation in a child process."""

    OPTIONS = {"isolation": "process"}

    def test_ctrl_c_in_a_check_ends_the_validation(self):
        waiting = []

        def check(running):
            running.query("SELECT 1")
            waiting.append(True)
            while True:
                threading.Event().wait(60)

        self.validator.register_check("waits", check)
        thread = binding.interrupt_when(lambda: waiting, signal.SIGINT)
        with self.assertRaises(KeyboardInterrupt):
            self.found()
        thread.join()
        self.validator.unregister_check("waits")
        self.assertEqual(self.found(), [])


if __name__ == "__main__":
    unittest.main()
