"""Handles: closed by close, by with, by the garbage collector in any order, never under a running call, and not in a fork."""
import gc
import os
import sys
import threading
import unittest
import weakref

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import expmig


class Lifetimes(binding.Case):
    def test_close_releases_the_file_and_everything_made_of_it(self):
        db = self.open()
        manager = expmig.DataMigrationManager(db)
        manager.migrate_experiment(1)
        expmig.SnapshotManager(db, "elsewhere").list_snapshots()
        self.assertGreater(binding.descriptors(self.path), 0)
        db.close()
        self.assertEqual(binding.descriptors(self.path), 0)
        db.close()
        manager.close()
        for call in (db.info, lambda: manager.digest(1), manager.validator.validate_json_metrics, manager.snapshot_manager.list_snapshots,
                     lambda: expmig.DataMigrationManager(db)):
            error = self.fails("MISUSE", call)
            self.assertIn("is closed", str(error))

    def test_closing_a_manager_leaves_its_database_open(self):
        with self.open() as db:
            with expmig.DataMigrationManager(db) as manager:
                digest = manager.digest(1)
            self.fails("MISUSE", manager.digest, 1)
            self.assertEqual(expmig.DataMigrationManager(db).digest(1), digest)
        self.assertEqual(binding.descriptors(self.path), 0)

    def test_a_database_whose_file_was_replaced_is_refused_until_it_is_opened_again(self):
        for isolation in (None, "process"):
            with self.subTest(isolation=isolation):
                path = self.copy("first.db")
                db = self.open(path, isolation=isolation) if isolation else self.open(path)
                manager = expmig.DataMigrationManager(db, snapshot_dir=self.folder / "snapshots")
                manager.migrate_experiment(1)
                snapshot = manager.snapshot_manager.create_snapshot("before")
                replacement = self.copy("replacement.db")
                os.replace(replacement, path)
                before = path.read_bytes()
                for call in (db.info, lambda: manager.digest(1), lambda: manager.migrate_experiment(1),
                             lambda: manager.snapshot_manager.create_snapshot("after"),
                             lambda: manager.snapshot_manager.restore_snapshot(snapshot)):
                    error = self.fails("MISMATCH", call)
                    self.assertIn("open it again", str(error))
                self.assertEqual(path.read_bytes(), before)
                db.close()
                self.assertEqual(len(self.manager(path).list_experiments()), len(self.manager(self.path).list_experiments()))

    def test_garbage_is_closed_whatever_goes_first(self):
        for order in ("database first", "manager first"):
            db = expmig.DatabaseManager(self.path)
            manager = expmig.DataMigrationManager(db)
            manager.migrate_experiment(1)
            first, second = (db, manager) if order == "database first" else (manager, db)
            del db, manager
            gc.collect()
            self.assertGreater(binding.descriptors(self.path), 0)
            del first
            gc.collect()
            if isinstance(second, expmig.DataMigrationManager):
                self.assertEqual(len(second.digest(1)), 64)
            else:
                self.assertEqual(len(second.experiments()), 5)
            del second
            gc.collect()
            self.assertEqual(binding.descriptors(self.path), 0, order)

    def test_callbacks_that_refer_to_their_manager_are_garbage_with_it(self):
        class Own(expmig.DataValidator):
            def validate_it(self):
                return None

        db = expmig.DatabaseManager(self.path)
        manager = expmig.DataMigrationManager(db)
        manager.validator = Own(db)
        manager.validator.register_check("refers", lambda _check: manager and None)
        manager.register_transformation("refers", lambda _metric: manager and None)
        manager.validator.validate_data_consistency()
        gone = [weakref.ref(manager), weakref.ref(manager.validator), weakref.ref(db)]
        del db, manager
        gc.collect()
        self.assertEqual([one() for one in gone], [None] * 3)
        self.assertEqual(binding.descriptors(self.path), 0)

    def test_what_was_unregistered_is_let_go(self):
        for isolation in (None, "process"):
            self.let_go(self.manager(isolation=isolation))

    def let_go(self, manager):
        class Function:
            def __call__(self, _argument):
                return None

        for register, unregister in (
            (manager.validator.register_check, manager.validator.unregister_check),
            (manager.register_transformation, manager.metric_transformer.unregister_transformation),
        ):
            function = Function()
            gone = weakref.ref(function)
            register("own", function)
            self.fails("ALREADY_EXISTS", register, "own", function)
            del function
            gc.collect()
            self.assertIsNotNone(gone())
            unregister("own")
            gc.collect()
            self.assertIsNone(gone())

    def test_closing_under_a_running_call_waits_for_it(self):
        db = self.open(timeout=60)
        manager = expmig.DataMigrationManager(db)
        results, thread = [], threading.Thread(target=lambda: results.append(manager.migrate_experiment(1)))
        with binding.Lock(self.path):
            thread.start()
            while not binding.in_library(thread):
                pass
            manager.close()
            self.fails("MISUSE", manager.digest, 1)
            db.close()
        thread.join()
        self.assertEqual(results[0].new_experiment_id, 4)
        self.assertEqual(binding.descriptors(self.path), 0)

    def test_closing_from_a_callback_is_allowed(self):
        manager = self.manager()
        manager.migrate_experiment(1, progress_callback=lambda _report: manager.db_manager.close())
        self.assertEqual(binding.descriptors(self.path), 0)
        self.assertEqual(self.count()[0][0], 4)

    def test_a_database_that_cannot_be_opened_leaves_nothing_behind(self):
        self.fails("NOT_FOUND", expmig.DatabaseManager, "missing.db")
        self.fails("CORRUPT", expmig.DatabaseManager, self.write("text.db", b"no database at all" * 100))
        self.assertFalse(os.path.exists("missing.db"))
        self.assertEqual(binding.descriptors("text.db"), 0)

    def write(self, name, content):
        (self.folder / name).write_bytes(content)
        return name

    def test_create_has_to_be_asked_for(self):
        with self.open("new.db", create=True) as db:
            self.assertEqual((db.experiments(), db.info()["generation"]), ([], 2))
        with self.assertRaises(ValueError):
            expmig.DatabaseManager("new.db", recreate=True)

    def test_readonly_refuses_to_write(self):
        with self.open(readonly=True) as db:
            self.fails("MISUSE", expmig.DataMigrationManager(db).migrate_experiment, 1)

    def test_a_fork_leaves_the_handles_alone(self):
        program = """
            import os, sys, warnings
            import expmig
            db = expmig.DatabaseManager(sys.argv[1])
            manager = expmig.DataMigrationManager(db)
            digest = manager.digest(1)
            child = os.fork()
            if not child:
                try:
                    manager.digest(1)
                except expmig.DataMigrationError as error:
                    code = 3 if error.status == "MISUSE" and "parent" in str(error) else 4
                del manager, db
                import gc
                gc.collect()
                os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
            assert manager.digest(1) == digest
            manager.migrate_experiment(1)
        """
        binding.run(program, self.path)
        self.assertEqual(self.count()[0][0], 4)

    def test_a_program_may_end_with_open_handles(self):
        for isolation in (None, "process"):
            program = """
                import sys, expmig
                isolation = sys.argv[2] or None
                kept = expmig.DataMigrationManager(expmig.DatabaseManager(sys.argv[1], isolation=isolation))
                kept.validator.register_check("own", lambda check: kept and None)
                kept.kept = kept
                kept.validator.validate_data_consistency()
            """
            self.assertEqual(binding.run(program, self.path, isolation or ""), "")


if __name__ == "__main__":
    unittest.main()
