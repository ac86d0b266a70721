"""Progress, cancelling, exceptions and signals in calls, log records, and other threads."""
import contextlib
import gc
import io
import logging
import os
import signal
import sys
import threading
import traceback
import unittest
import weakref

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import expmig


class Own(Exception):
    """An exception that the library does not know."""


class Callbacks(binding.Case):
    """In this process; the same tests run with a child process in test_package_processes.py."""

    OPTIONS = {}

    def setUp(self):
        super().setUp()
        self.migrator = self.manager(timeout=60, **self.OPTIONS)

    def unchanged(self):
        self.assertEqual(self.count(), self.count(binding.DIGITS))

    def long_calls(self):
        """Every method that reports progress."""
        migrator, snapshots = self.migrator, self.migrator.snapshot_manager
        snapshot = snapshots.create_snapshot()
        result = migrator.transform_metrics([3], [{"metric_type": "recall", "transformation": "scale", "params": {"factor": 2}}])
        document = migrator.export_experiment(1)
        migrator.export_experiment_to_file(1, "two.json")
        rules = [{"metric_type": "accuracy", "transformation": "scale", "params": {"factor": 2}}]
        return {
            "migrate": lambda **job: migrator.migrate_experiment(1, **job),
            "plan": lambda **job: migrator.plan(1, **job),
            "digest": lambda **job: migrator.digest(1, **job),
            "compare": lambda **job: migrator.compare(1, 2, **job),
            "validate": lambda **job: migrator.validator.validate_data_consistency(**job),
            "create_snapshot": lambda **job: snapshots.create_snapshot(**job),
            "verify": lambda **job: migrator.verify(snapshot, **job),
            "transform": lambda **job: migrator.transform_metrics([1], rules, **job),
            "transform by ids": lambda **job: migrator.metric_transformer.transform_metrics([1], "scale", {"factor": 2}, **job),
            "transform experiment": lambda **job: migrator.metric_transformer.batch_transform_experiment(1, rules, **job),
            "undo": lambda **job: migrator.undo(result, **job),
            "export": lambda **job: migrator.export_experiment(1, **job),
            "export to a file": lambda **job: migrator.export_experiment_to_file(1, "one.json", replace=True, **job),
            "page": lambda **job: migrator.report_to_file("one.html", [1, 2], replace=True, **job),
            "import": lambda **job: migrator.import_experiment_data(document, **job),
            "import a file": lambda **job: migrator.import_experiment_from_file("two.json", **job),
            "forget": lambda **job: migrator.forget_transformations(0, **job),
            "restore": lambda **job: snapshots.restore_snapshot(snapshot, safety_snapshot=False, **job),
        }

    def test_every_long_call_reports_from_0_to_100_on_the_calling_thread(self):
        for name, call in self.long_calls().items():
            reports, threads = [], set()

            def progress(report):
                reports.append((report.completion_percentage, report.processed_items, report.total_items, report.finished))
                threads.add(threading.current_thread())

            call(progress_callback=progress)
            self.assertEqual(reports[0][:2], (0.0, 0), name)
            self.assertEqual(reports[-1][0], 100.0, name)
            self.assertEqual([report[3] for report in reports], [False] * (len(reports) - 1) + [True], name)
            self.assertEqual(threads, {threading.current_thread()}, name)

    def test_an_exception_cancels_every_long_call_and_is_raised_as_it_is(self):
        calls = self.long_calls()
        before = self.count()
        for name, call in calls.items():
            own = Own(name)

            def progress(_report):
                raise own

            try:
                call(progress_callback=progress)
            except Own as caught:
                self.assertIs(caught, own)
                self.assertEqual(traceback.extract_tb(caught.__traceback__)[-1].name, "progress")
            else:
                self.fail(name)
            self.assertEqual(self.count(), before, name)
        self.assertEqual(len(self.migrator.snapshot_manager.list_snapshots()), 1)
        self.assertFalse(os.path.exists("one.json"))

    def test_exceptions_are_not_kept(self):
        for finished in (False, True):
            own = Own("short")
            gone = weakref.ref(own)

            def progress(report, finished=finished, own=own):
                if report.finished is finished:
                    raise own

            before, sys.unraisablehook = sys.unraisablehook, lambda _unraised: None
            try:
                with contextlib.suppress(Own):
                    self.migrator.digest(1, progress_callback=progress)
            finally:
                sys.unraisablehook = before
            del own, progress
            gc.collect()
            self.assertIsNone(gone(), finished)

    def test_a_report_is_a_picture_and_keeps_added_errors(self):
        reports = []

        def progress(report):
            if not reports:
                report.add_error("mine")
            reports.append(report)

        self.migrator.migrate_experiment(1, progress_callback=progress)
        self.assertEqual(reports[0].completion_percentage, 0.0)
        self.assertEqual([report.errors for report in reports], [["mine"]] * len(reports))
        self.assertIsNotNone(reports[0].start_time.tzinfo)
        self.assertEqual({report.start_time for report in reports}, {reports[0].start_time})

    def test_what_the_callback_answers_does_not_matter(self):
        for answer in (0, 1, False, True, "text"):
            self.migrator.digest(1, progress_callback=lambda _report, answer=answer: answer)

    def test_a_callback_that_is_none_is_refused(self):
        with self.assertRaises(TypeError):
            self.migrator.digest(1, progress_callback="not callable")

    def test_an_exception_in_the_last_report_cannot_undo_what_is_done(self):
        own, shown = Own("too late"), []

        def progress(report):
            if report.finished:
                raise own

        before, sys.unraisablehook = sys.unraisablehook, shown.append
        try:
            result = self.migrator.migrate_experiment(1, progress_callback=progress)
        finally:
            sys.unraisablehook = before
        self.assertEqual(result.new_experiment_id, 4)
        self.assertIs(shown[0].exc_value, own)
        # Without a hook of somebody's own it is printed.
        with contextlib.redirect_stderr(io.StringIO()) as printed:
            self.migrator.migrate_experiment(1, progress_callback=progress)
        self.assertIn("last_callback_of_a_call_that_has_succeeded", printed.getvalue())
        self.assertIn("Own: too late", printed.getvalue())

    def test_an_interrupt_in_the_last_report_is_raised_though_the_work_is_done(self):
        def progress(report):
            if report.finished:
                raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            self.migrator.migrate_experiment(1, progress_callback=progress)
        self.assertEqual(len(self.migrator.list_experiments()), 4)

    def test_a_call_of_the_same_database_from_a_callback_is_refused(self):
        error = self.fails("MISUSE", self.migrator.migrate_experiment, 1, progress_callback=lambda _report: self.migrator.digest(1))
        self.assertIn("callback", str(error))
        self.unchanged()

    def test_a_call_of_another_database_from_a_callback_works(self):
        other = self.manager(self.copy("other.db"), **self.OPTIONS)
        digests = []
        self.migrator.migrate_experiment(1, progress_callback=lambda _report: digests.append(other.digest(1)))
        self.assertEqual(set(digests), {self.migrator.digest(1)})

    # Signals

    def test_ctrl_c_ends_a_call_that_has_no_callback(self):
        handler = signal.getsignal(signal.SIGINT)
        with binding.Lock(self.path):
            thread = binding.interrupt_when(binding.in_library)
            with self.assertRaises(KeyboardInterrupt):
                self.migrator.migrate_experiment(1)
            thread.join()
        self.assertIs(signal.getsignal(signal.SIGINT), handler)
        self.unchanged()
        self.assertEqual(self.migrator.migrate_experiment(1).new_experiment_id, 4)

    def test_ctrl_c_ends_a_call_again_and_again(self):
        # It arrives now at the entry of a callback, now inside, now between.
        with binding.Lock(self.path):
            for _ in range(3):
                reports = []
                thread = binding.interrupt_when(lambda: reports and binding.in_library())
                with self.assertRaises(KeyboardInterrupt):
                    self.migrator.migrate_experiment(1, progress_callback=reports.append)
                thread.join()
        self.unchanged()

    def test_ctrl_c_interrupts_a_callback_at_once(self):
        slept = []

        def progress(_report):
            slept.append(True)
            while True:
                threading.Event().wait(60)

        thread = binding.interrupt_when(lambda: slept)
        with self.assertRaises(KeyboardInterrupt):
            self.migrator.migrate_experiment(1, progress_callback=progress)
        thread.join()
        self.unchanged()

    def test_the_exception_of_any_signal_handler_ends_the_call(self):
        def handler(_number, _frame):
            raise Own("from a handler")

        before = signal.signal(signal.SIGUSR1, handler)
        try:
            with binding.Lock(self.path):
                thread = binding.interrupt_when(binding.in_library, signal.SIGUSR1)
                with self.assertRaises(Own):
                    self.migrator.migrate_experiment(1)
                thread.join()
            self.assertIs(signal.getsignal(signal.SIGUSR1), handler)
        finally:
            signal.signal(signal.SIGUSR1, before)
        self.unchanged()

    def test_a_handler_that_does_not_raise_runs_meanwhile_and_changes_nothing(self):
        ran = []
        before = signal.signal(signal.SIGUSR1, lambda *_arguments: (ran.append(True), lock.release()))
        try:
            with binding.Lock(self.path) as lock:
                thread = binding.interrupt_when(binding.in_library, signal.SIGUSR1)
                self.assertEqual(self.migrator.migrate_experiment(1).new_experiment_id, 4)
                thread.join()
        finally:
            signal.signal(signal.SIGUSR1, before)
        self.assertEqual(ran, [True])

    def test_a_handler_that_a_callback_sets_stays(self):
        before = signal.getsignal(signal.SIGUSR1)
        set_there = lambda *_arguments: None  # noqa: E731
        try:
            self.migrator.digest(1, progress_callback=lambda _report: signal.signal(signal.SIGUSR1, set_there))
            self.assertIs(signal.getsignal(signal.SIGUSR1), set_there)
        finally:
            signal.signal(signal.SIGUSR1, before)

    # Threads

    def test_other_threads_run_while_a_call_does(self):
        with binding.Lock(self.path) as lock:
            main = threading.current_thread()

            def release():
                # Only if this thread runs does the call end.
                while not binding.in_library(main):
                    pass
                lock.release()

            thread = threading.Thread(target=release)
            thread.start()
            self.assertEqual(self.migrator.migrate_experiment(1).new_experiment_id, 4)
            thread.join()

    def test_a_token_cancels_from_another_thread(self):
        token = expmig.CancelToken()
        with binding.Lock(self.path):
            def cancel(main=threading.current_thread()):
                while not binding.in_library(main):
                    pass
                token.cancel()

            thread = threading.Thread(target=cancel)
            thread.start()
            self.fails("CANCELLED", self.migrator.migrate_experiment, 1, cancel=token)
            thread.join()
        self.assertTrue(token.cancelled)
        self.unchanged()
        # A token cannot be used again.
        self.fails("CANCELLED", self.migrator.migrate_experiment, 1, cancel=token)

    def test_calls_from_many_threads_wait_for_each_other(self):
        done, failures = [], []

        def work():
            try:
                for _ in range(3):
                    done.append(self.migrator.migrate_experiment(2, progress_callback=lambda _report: None).new_experiment_id)
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(sorted(done), list(range(4, 16)))

    # Logging

    def test_log_records_go_to_the_logger_and_nowhere_else(self):
        with self.assertLogs("expmig", "DEBUG") as logged:
            self.migrator.migrate_experiment(1)
        self.assertIn("INFO:expmig:migrating experiment 1", logged.output)
        with self.assertLogs("expmig", "DEBUG") as logged:
            self.fails("NOT_FOUND", self.migrator.migrate_experiment, 99)
        self.assertTrue(logged.output[-1].startswith("ERROR:expmig:"), logged.output)
        quiet = expmig.DataMigrationManager(self.migrator.db_manager, enable_logging=False)
        with self.assertLogs("expmig", "DEBUG") as logged:
            quiet.migrate_experiment(1)
            logging.getLogger("expmig").info("the only one")
        self.assertEqual(logged.output, ["INFO:expmig:the only one"])

    def test_an_exception_in_a_log_handler_ends_the_call(self):
        class Handler(logging.Handler):
            def emit(self, record):
                raise Own(record.getMessage())

        handler = Handler(logging.INFO)
        logger = logging.getLogger("expmig")
        logger.addHandler(handler)
        before = logger.level
        logger.setLevel(logging.INFO)
        try:
            with self.assertRaises(Own):
                self.migrator.migrate_experiment(1)
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before)
        self.unchanged()


if __name__ == "__main__":
    unittest.main()
