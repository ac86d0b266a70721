"""DatabaseManager on a server: how it is reached, the password, and schemas that are too narrow. Against a private MariaDB."""
import contextlib
import inspect
import io
import itertools
import os
import pickle
import re
import socket
import sys
import threading
import time
import traceback
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
import mariadb
import test_package_docs
from binding import expmig
from expmig._server import Secret, mysql_url

USER = "tester"
PASSWORD = "p@ss/w:rd%#?'"
SERVER = None
NUMBERS = itertools.count(1)


def setUpModule():
    global SERVER
    running = mariadb.server(with_certificates=True)
    SERVER = running.__enter__()
    unittest.addModuleCleanup(running.__exit__, None, None, None)
    quoted = PASSWORD.replace("'", "''")
    SERVER.sql(f"CREATE USER {USER}@'%' IDENTIFIED BY '{quoted}'; GRANT ALL ON *.* TO {USER}@'%';"
               f"CREATE USER {USER}@localhost IDENTIFIED BY '{quoted}'; GRANT ALL ON *.* TO {USER}@localhost;")


class Case(binding.Case):
    def setUp(self):
        super().setUp()
        self.schema = f"experiments_{next(NUMBERS)}"

    def connect(self, schema=None, **named):
        """A DatabaseManager of the private server that is closed at the end."""
        where = {} if "unix_socket" in named else {"host": "127.0.0.1", "port": SERVER.port}
        db = expmig.DatabaseManager(schema or self.schema, **{**where, "user": USER, "password": PASSWORD, **named})
        self.addCleanup(db.close)
        return db

    def create(self, **named):
        return self.connect(create=True, **named)

    def status(self, db, name):
        """A status variable of the connection."""
        return db.query(f"SHOW SESSION STATUS LIKE '{name}'")[0][1]


class Reaching(Case):
    def test_the_parts_of_an_address_cannot_leak_into_each_other(self):
        self.assertEqual(mysql_url("production", "db.example", "me", 3307), "mysql://me@db.example:3307/production")
        self.assertEqual(mysql_url("a/b"), "mysql://root@localhost/a%2Fb")
        self.assertEqual(mysql_url("x", "::1"), "mysql://root@[::1]/x")
        self.assertEqual(mysql_url("x", "h/y?ssl-mode=disabled", "a:b@c"), "mysql://a%3Ab%40c@h%2Fy%3Fssl-mode%3Ddisabled/x")
        self.assertEqual(
            mysql_url("x", ssl_mode="verify-ca&socket=/a", ssl_ca="/b&c.pem", connect_timeout=1.5, read_timeout=0.0001),
            "mysql://root@localhost/x?ssl-mode=verify-ca%26socket%3D%2Fa&ssl-ca=%2Fb%26c.pem&connect-timeout-ms=1500&read-timeout-ms=1",
        )
        self.assertEqual(mysql_url("x", fragment_bytes=65536), "mysql://root@localhost/x?fragment-bytes=65536")

    def test_paths_are_those_of_the_working_directory(self):
        folder = str(self.folder).replace("/", "%2F")
        self.assertEqual(mysql_url("x", unix_socket="s", ssl_ca="ca.pem"), f"mysql://root@localhost/x?socket={folder}%2Fs&ssl-ca={folder}%2Fca.pem")

    def test_every_argument_for_servers_says_that_this_is_one(self):
        for given in ({"port": 1}, {"unix_socket": "s"}, {"ssl_mode": "required"}, {"ssl_ca": "c"}, {"connect_timeout": 1}, {"read_timeout": 1}, {"fragment_bytes": 65536}):
            (name,) = given
            with self.assertRaisesRegex(ValueError, f"^{name} is for MySQL servers"):
                expmig.DatabaseManager(self.path, use_sqlite=True, **given)
        self.fails("CONNECTION", expmig.DatabaseManager, "x", unix_socket=self.folder / "nobody.sock")

    def test_nothing_of_a_url_that_is_refused_is_repeated(self):
        for url in (f"mysql://me:{PASSWORD}@host/schema", f"mysql+pymysql://me:{PASSWORD}@host", f"mysql+pymysql:/me:{PASSWORD}@host/x",
                    f"postgresql://me:{PASSWORD}@host/x", f"mssql+pyodbc://me:{PASSWORD}@host/x", f"sqlite://{PASSWORD}"):
            for named in ({}, {"create": True}, {"use_sqlite": False}, {"isolation": "process"}, {"use_sqlite": True}, {"host": "127.0.0.1"}):
                # A path with one slash after sqlite: is one.
                for written in (url, Path(url))[:1 if url.startswith("sqlite") else 2]:
                    with self.subTest(url=url, **named), self.assertRaises((ValueError, expmig.ConnectionError)) as caught:
                        expmig.DatabaseManager(written, **named)
                    said = "".join(traceback.format_exception(caught.exception)) + repr(getattr(caught.exception, "details", ""))
                    self.assertNotIn("p@ss", said.replace(url, ""))
            self.assertEqual(list(self.folder.iterdir()), [self.path], "no file has its name")

    def test_a_url_opens_what_the_arguments_would(self):
        self.create().close()
        password = urllib.parse.quote(PASSWORD, safe="")
        plain = f"mysql://{USER}@127.0.0.1:{SERVER.port}/{self.schema}"
        for url in (f"mysql+pymysql://{USER}:{password}@127.0.0.1:{SERVER.port}/{self.schema}?charset=utf8mb4", plain.replace("mysql", "mariadb", 1)):
            for isolation in (None, "process"):
                db = expmig.DatabaseManager(url, password=None if password in url else PASSWORD, isolation=isolation)
                self.addCleanup(db.close)
                self.assertEqual((db.use_sqlite, db.database_path, db.experiments()), (False, plain, []))
                self.assertNotIn(password, repr(db) + repr(vars(db)))
        with self.assertRaisesRegex(ValueError, "host is given too"):
            expmig.DatabaseManager(url, host="127.0.0.1")

    def test_arguments_that_cannot_be_are_named(self):
        for named, kind, message in (
            ({"port": 0}, ValueError, "port must be from 1 to 65535"), ({"port": 65536}, ValueError, "port must"), ({"port": "1"}, TypeError, "port must"),
            ({"connect_timeout": 0}, ValueError, "connect_timeout must be a number of seconds above 0"),
            ({"read_timeout": -1}, ValueError, "read_timeout must"), ({"read_timeout": float("nan")}, ValueError, "read_timeout must"),
            ({"read_timeout": 1e9}, ValueError, "read_timeout must"),
        ):
            with self.assertRaisesRegex(kind, message):
                self.connect(**named)
        self.assertIn("verify-identity", str(self.fails("INVALID_ARGUMENT", self.connect, ssl_mode="careful")))

    def test_a_socket_is_used_instead_of_host_and_port(self):
        db = self.create(unix_socket=SERVER.socket)
        self.assertIn(f"socket={SERVER.socket}", db.info()["url"])
        # By TCP, the user would come from an address.
        self.assertEqual(db.query("SELECT user() AS me")[0]["me"], f"{USER}@localhost")
        again = self.connect(unix_socket=SERVER.socket, host="nowhere.invalid", port=1)
        self.assertEqual(again.experiments(), [])

    def test_connections_are_encrypted_as_they_are_asked_to_be(self):
        self.create().close()
        ca = SERVER.folder / "ca.pem"
        for encrypted, named in (
            (False, {"ssl_mode": "disabled"}), (True, {}), (True, {"ssl_mode": "required"}), (True, {"ssl_mode": "VERIFY_CA", "ssl_ca": ca}),
            (True, {"ssl_ca": ca, "host": "localhost"}),
        ):
            for isolation in (None, "process"):
                with self.subTest(named, isolation=isolation):
                    self.assertEqual(self.status(self.connect(isolation=isolation, **named), "Ssl_cipher") != "", encrypted)
        # The certificate is for another name.
        self.fails("CONNECTION", self.connect, ssl_ca=ca)
        error = self.fails("IO", self.connect, ssl_ca=self.folder / "missing.pem")
        self.assertIn(("path", str(self.folder / "missing.pem")), error.details)

    def test_a_server_that_says_nothing_is_given_up_after_the_read_timeout(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            began = time.monotonic()
            self.fails("TIMEOUT", self.connect, port=silent.getsockname()[1], read_timeout=0.3)
            self.assertGreaterEqual(time.monotonic() - began, 0.3)

    def test_opening_is_given_up_when_the_server_says_nothing_and_is_cancelled_and_interrupted(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            port = silent.getsockname()[1]
            self.assertIn("connect-timeout", str(self.fails("TIMEOUT", self.connect, port=port, connect_timeout=0.3)))
            for isolation in (None, "process"):
                thread = binding.interrupt_when(binding.in_library)
                with self.assertRaises(KeyboardInterrupt):
                    self.connect(port=port, connect_timeout=60, isolation=isolation)
                thread.join()
                token, reports = expmig.CancelToken(), []
                thread = threading.Timer(0.3, token.cancel)
                thread.start()
                self.fails("CANCELLED", self.connect, port=port, connect_timeout=60, isolation=isolation, cancel=token, progress_callback=reports.append)
                thread.join()
                self.assertEqual(reports[0].current_operation, "opening the database")

    def test_a_host_that_does_not_answer_is_given_up_after_the_connect_timeout(self):
        with contextlib.ExitStack() as stack:
            full = stack.enter_context(socket.socket())
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            # Who comes now is not answered.
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            self.fails("TIMEOUT", self.connect, port=full.getsockname()[1], connect_timeout=0.3)


class Passwords(Case):
    def shown(self, failure):
        """All that is seen of an exception."""
        printed = io.StringIO()
        traceback.print_exception(type(failure), failure, failure.__traceback__, file=printed)
        return printed.getvalue() + repr(failure) + str(vars(failure)) + repr(failure.__context__) + repr(failure.__cause__)

    def test_a_function_is_asked_for_it_once(self):
        asked = []

        def password():
            asked.append(threading.current_thread())
            return PASSWORD

        for isolation in (None, "process"):
            with self.subTest(isolation):
                db = self.create(password=password, isolation=isolation)
                manager = expmig.DataMigrationManager(db, self.folder / "snapshots")
                manager.snapshot_manager.create_snapshot()
                self.assertEqual(asked, [threading.current_thread()])
                asked.clear()

    def test_what_the_function_raises_is_raised_and_nothing_is_opened(self):
        class NoWallet(Exception):
            pass

        def password():
            raise NoWallet("locked")

        for isolation in (None, "process"):
            with self.assertRaisesRegex(NoWallet, "^locked$"):
                self.create(password=password, isolation=isolation)
        self.assertNotIn(self.schema, SERVER.sql("SHOW DATABASES"))

    def test_it_is_in_no_repr_and_no_error(self):
        secret = "hush-" + PASSWORD
        db = self.create()
        for visible in (repr(db), repr(vars(db)), str(db.info()), repr(Secret(secret))):
            self.assertNotIn("p@ss", visible)
            self.assertNotIn("hush", visible)
        for isolation in (None, "process"):
            for given in (secret, lambda: secret):
                error = self.fails("AUTH", self.connect, password=given, isolation=isolation)
                self.assertNotIn("hush", self.shown(error))
                self.assertNotIn("hush", self.shown(pickle.loads(pickle.dumps(error))))
            error = self.fails("CONNECTION", self.connect, password=secret, port=1, isolation=isolation)
            self.assertNotIn("hush", self.shown(error))

    def test_what_cannot_be_a_password_is_refused_without_repeating_it(self):
        for wrong, kind, message in (
            (b"hush", TypeError, "must be text.*not bytes"), (lambda: None, TypeError, "must be text.*not NoneType"),
            ("hush\0", ValueError, "NUL"), ("hush\ud800", ValueError, "UTF-8"), (lambda: "hush\0", ValueError, "NUL"),
        ):
            for isolation in (None, "process"):
                with self.assertRaisesRegex(kind, message) as caught:
                    self.connect(password=wrong, isolation=isolation)
                self.assertNotIn("hush", repr(caught.exception) + repr(caught.exception.__context__))

    def test_an_empty_one_is_one(self):
        SERVER.sql("CREATE OR REPLACE USER nobody@'%'; GRANT ALL ON *.* TO nobody@'%'")
        for password in (None, "", lambda: ""):
            for isolation in (None, "process"):
                db = self.create(user="nobody", password=password, isolation=isolation)
                self.assertEqual(db.query("SELECT current_user() AS me")[0]["me"], "nobody@%")


class Work(Case):
    def test_an_experiment_goes_to_a_server_and_back(self):
        for isolation in (None, "process"):
            with self.subTest(isolation):
                there = self.create(schema=f"{self.schema}_{isolation}", password=lambda: PASSWORD, isolation=isolation)
                here = self.manager(isolation=isolation)
                sent = here.migrate_experiment(2, target=there)
                back = expmig.DataMigrationManager(there, self.folder / "snapshots").migrate_experiment(sent.new_experiment_id, target=here)
                self.assertEqual(sent.source_digest, back.target_digest)
                self.assertTrue(here.compare(2, back.new_experiment_id)["equal"])

    def test_a_process_finds_a_target_that_another_process_has(self):
        there, here = self.create(isolation="process", password=lambda: PASSWORD), self.manager(isolation="process")
        self.assertEqual(here.migrate_experiment(2, target=there).new_experiment_id, there.experiments()[0]["id"])

    def test_metrics_are_transformed_and_get_back_what_they_had(self):
        rules = [{"metric_type": "accuracy", "transformation": "scale", "params": {"factor": 2}}]
        for isolation in (None, "process"):
            with self.subTest(isolation):
                there = self.create(schema=f"{self.schema}_{isolation}", isolation=isolation)
                self.manager(isolation=isolation).migrate_experiment(2, target=there)
                migrator = expmig.DataMigrationManager(there, self.folder / "snapshots")
                before = migrator.digest(1)
                done = migrator.transform_metrics([1], rules)
                self.assertGreater(done.metrics_updated, 0)
                self.assertNotEqual(migrator.digest(1), before)
                self.assertEqual([one["id"] for one in migrator.list_transformations()], [done.transform_id])
                self.assertEqual(migrator.undo(done)["metrics_restored"], done.metrics_updated)
                self.assertEqual(migrator.digest(1), before)
                kept_nothing = migrator.transform_metrics([1], {"metric_transformations": rules, "global_settings": {"backup_original": False}})
                self.assertGreater(kept_nothing.metrics_updated, 0)
                self.assertEqual(migrator.list_transformations(), [])
                with self.assertRaises(ValueError):
                    migrator.undo(kept_nothing)

    def test_a_handle_that_only_reads_writes_nothing(self):
        self.create().close()
        reading = self.connect(readonly=True)
        self.fails("MISUSE", self.manager().migrate_experiment, 2, target=reading)
        self.assertEqual(reading.experiments(), [])


class Guide(Case):
    def test_the_section_about_servers(self):
        section = test_package_docs.section_about_servers()
        (block,) = test_package_docs.blocks_of(section)
        for written, here in (
            ('"production"', repr(self.schema)), ('"db.example.com"', f'"localhost", port={SERVER.port}'), ('"migrator"', repr(USER)),
            ('"ca.pem"', repr(str(SERVER.folder / "ca.pem"))),
        ):
            self.assertEqual(block.count(written), 1, written)
            block = block.replace(written, here)
        os.environ["DB_PASSWORD"] = PASSWORD
        self.addCleanup(os.environ.pop, "DB_PASSWORD")
        names = {"DatabaseManager": expmig.DatabaseManager, "migrator": self.manager()}
        exec(block, names)
        self.addCleanup(names["server"].close)
        self.assertEqual(len(names["server"].experiments()), 1)
        rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        named = set(re.findall(r"`(\w+)`", " ".join(rows)))
        parameters = set(inspect.signature(expmig.DatabaseManager).parameters)
        self.assertEqual(parameters - named, {"recreate", "readonly", "create", "create_beside", "isolation", "allow_shared_process", "max_read_lock", "temp_dir", "cancel", "progress_callback", "progress"})
        self.assertEqual(named - parameters, set())


class Widening(Case):
    def narrow(self, **named):
        db = self.create(**named)
        SERVER.sql(f"ALTER TABLE {self.schema}.METRIC MODIFY total_val FLOAT NOT NULL; ALTER TABLE {self.schema}.EPOCH MODIFY time DATETIME NOT NULL")
        return db

    def column(self, table, name):
        return SERVER.sql(f"SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{self.schema}' AND TABLE_NAME = '{table}' "
                          f"AND COLUMN_NAME = '{name}'").strip()

    def test_narrow_columns_are_named_first_and_widened_when_asked_to(self):
        for isolation in (None, "process"):
            with self.subTest(isolation):
                self.schema = f"{self.schema}_{isolation}"
                db = self.narrow(isolation=isolation)
                lossy = self.fails("LOSSY", self.manager(isolation=isolation).migrate_experiment, 2, target=db)
                self.assertIn("EPOCH", [found["table"] for found in lossy.validation_errors])
                SERVER.sql(f"ALTER TABLE {self.schema}.TRIAL_RUN MODIFY update_time TIMESTAMP NOT NULL DEFAULT '2020-01-01'")
                plan = db.schema_widen()
                self.assertIs(plan["applied"], False)
                self.assertEqual([(one["table"], one["column"]) for one in plan["changes"]], [("EPOCH", "time"), ("METRIC", "total_val")])
                self.assertEqual([(one["table"], one["column"]) for one in plan["left"]], [("TRIAL_RUN", "update_time")])
                # The first is for a client of the user's own: days such as 0000-00-00 stop an ALTER in a default session.
                self.assertEqual([statement.split()[0] for statement in plan["statements"]], ["SET", "ALTER", "ALTER"])
                self.assertEqual(self.column("METRIC", "total_val"), "float")
                done = db.schema_widen(apply=True)
                self.assertIs(done["applied"], True)
                self.assertEqual(done["statements"], plan["statements"])
                self.assertEqual((self.column("METRIC", "total_val"), self.column("EPOCH", "time")), ("double", "datetime(6)"))
                self.assertEqual(db.schema_widen(apply=True)["statements"], [])

    def test_a_handle_that_only_reads_names_them_and_widens_nothing(self):
        self.narrow().close()
        reading = self.connect(readonly=True)
        self.assertEqual(len(reading.schema_widen()["statements"]), 3)
        self.fails("MISUSE", reading.schema_widen, apply=True)
        self.assertEqual(self.column("METRIC", "total_val"), "float")

    def test_a_file_has_nothing_to_widen(self):
        found = self.open().schema_widen(apply=True)
        self.assertEqual((found["changes"], found["left"], found["statements"]), ([], [], []))


class Stages(Case):
    """Migrations in several transactions (docs/clusters.md)."""

    def stopped(self, manager, target):
        """A job that stopped before it was published: its id."""
        reports = itertools.count()

        def stop(progress):
            # Longer than the time between two reports: every time that the call could report, it does.
            time.sleep(0.11)
            if progress.current_operation == "copying" and next(reports) == 4:
                raise KeyError("enough")

        with self.assertRaises(KeyError):
            manager.migrate_experiment(1, target=target, staged=True, stage_rows=200, progress_callback=stop)
        jobs = [job for job in expmig.DataMigrationManager(target).jobs() if job["state"] != "published"]
        self.assertEqual([(job["state"], job["source_experiment_id"]) for job in jobs], [("copying", 1)])
        return jobs[0]["job_id"]

    def test_what_stopped_is_resumed_or_abandoned(self):
        for isolation in (None, "process"):
            with self.subTest(isolation=isolation):
                self.schema = f"experiments_{next(NUMBERS)}"
                source, target = self.manager(isolation=isolation), self.create(isolation=isolation)
                there = expmig.DataMigrationManager(target)
                job = self.stopped(source, target)
                self.assertTrue(target.experiments()[0]["title"].startswith(f"[being copied by job {job}] "))
                with self.assertRaises(expmig.DataMigrationError) as second:
                    source.migrate_experiment(1, target=target, staged=True)
                self.assertEqual(second.exception.status, "ALREADY_EXISTS")
                there.abandon_job(job)
                self.assertEqual((there.jobs(), target.experiments()), ([], []))
                job = self.stopped(source, target)
                done = source.resume_job(job, target)
                self.assertEqual(there.digest(done.new_experiment_id), source.digest(1))
                self.assertEqual(source.resume_job(job, target).skipped, True)
                self.assertEqual([found["state"] for found in there.jobs()], ["published"])
                with self.assertRaises(expmig.DataMigrationError) as published:
                    there.abandon_job(job)
                self.assertEqual(published.exception.status, "MISUSE")


if __name__ == "__main__":
    unittest.main()
