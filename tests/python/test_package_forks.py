"""Forks: what a child may open, and what becomes of the parent's objects in it."""
import os
import subprocess
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import expmig

WORKER = """
    import multiprocessing, sys
    import expmig

    def digest(path, **options):
        with expmig.DatabaseManager(path, **options) as db:
            return expmig.DataMigrationManager(db).digest(1)

    def refused(path, **options):
        try:
            digest(path, **options)
        except expmig.DataMigrationError as error:
            assert error.status == "MISUSE" and "fork" in str(error) and 'isolation="process"' in error.hint, error
            return True
        return False

    if __name__ == "__main__":
        path, other = sys.argv[1:]
        wanted = digest(path)
        # What was closed before the fork is nobody's.
        for method in ("fork", "forkserver", "spawn"):
            with multiprocessing.get_context(method).Pool(1) as pool:
                assert pool.apply(digest, (path,)) == wanted, method
        with expmig.DatabaseManager(path) as db:
            for method in ("forkserver", "spawn"):
                with multiprocessing.get_context(method).Pool(1) as pool:
                    assert pool.apply(digest, (path,)) == wanted, method
            with multiprocessing.get_context("fork").Pool(1) as pool:
                assert pool.apply(refused, (path,))
                assert pool.apply(refused, (path,), {"allow_shared_process": True})
                assert pool.apply(digest, (path,), {"isolation": "process"}) == wanted
                assert pool.apply(digest, (other,)) == wanted
            assert expmig.DataMigrationManager(db).migrate_experiment(1).new_experiment_id == 4
        print("done")
"""

THREAD = """
    import os, sys, threading, time
    import expmig

    path, other = sys.argv[1:]
    db = expmig.DatabaseManager(path)
    manager = expmig.DataMigrationManager(db)
    remote = expmig.DataMigrationManager(expmig.DatabaseManager(other, isolation="process"))
    threads = [threading.Thread(target=lambda one=one: [one.digest(1) for _ in range(60)]) for one in (manager, remote)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        child = os.fork()
        if not child:
            try:
                code = 0
                for call in (lambda: manager.digest(1), lambda: remote.digest(1), lambda: expmig.DatabaseManager(path)):
                    try:
                        call()
                        code = 4
                    except expmig.DataMigrationError as error:
                        if error.status != "MISUSE" or "fork" not in str(error):
                            code = 5
                with expmig.DatabaseManager(other) as opened:
                    expmig.DataMigrationManager(opened).digest(1)
                del manager, remote
                db.close()
            except BaseException:
                code = 6
            os._exit(code)
        deadline = time.monotonic() + 60
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            assert time.monotonic() < deadline, "the child waits"
            time.sleep(0.01)
        assert os.waitstatus_to_exitcode(status) == 0, status
    for thread in threads:
        thread.join()
    assert manager.migrate_experiment(1).new_experiment_id == 4
    print("done")
"""

LOW = """
    import os, sys
    import expmig

    path, said = sys.argv[1:]
    for number in (0, 1, 2):
        os.close(number)
    try:
        with expmig.DatabaseManager(path, isolation="process") as db:
            manager = expmig.DataMigrationManager(db)
            assert manager.migrate_experiment(1).new_experiment_id == 4
        text = "done"
    except BaseException as error:
        text = repr(error)
    with open(said, "w") as file:
        file.write(text)
"""


class Forks(binding.Case):
    def run_program(self, program, *arguments):
        file = self.folder / "program.py"
        file.write_text(textwrap.dedent(program))
        environment = {**os.environ, "PYTHONPATH": binding.PACKAGE}
        done = subprocess.run([sys.executable, str(file), *map(str, arguments)], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_children_of_multiprocessing(self):
        self.assertEqual(self.run_program(WORKER, self.path, self.copy("other.db")), "done\n")

    def test_no_child_waits_for_a_thread_that_only_the_parent_has(self):
        self.assertEqual(self.run_program(THREAD, self.path, self.copy("other.db")), "done\n")

    def test_a_daemon_starts_a_child_process(self):
        said = self.folder / "said"
        self.run_program(LOW, self.path, said)
        self.assertEqual(said.read_text(), "done")
        self.assertEqual(len(self.manager().list_experiments()), 4)

    def test_a_child_of_a_fork_is_told_the_ways_out(self):
        self.open()
        child = os.fork()
        if not child:
            code = 1
            try:
                expmig.DatabaseManager(self.path, allow_shared_process=True)
            except expmig.ConnectionError as error:
                code = 0 if error.status == "MISUSE" and "spawn" in error.hint else 2
            finally:
                os._exit(code)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)


if __name__ == "__main__":
    unittest.main()
