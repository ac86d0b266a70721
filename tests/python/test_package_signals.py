"""Signal handlers of the program are after every call, and during it, what they were: Python's functions, and how the system delivers."""
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import expmig

# What a program is given that calls the library in one way after another. SIGUSR1 has SA_RESTART, as asyncio's add_signal_handler sets it, SIGINT
# too, SIGUSR2 has not, and SIGHUP has a handler of C in front of Python's.
HOST = """
    import ctypes, faulthandler, os, signal, sys, tempfile, threading, time
    import expmig

    class Own(Exception):
        pass

    libc = ctypes.CDLL(None, use_errno=True)
    main = threading.main_thread()
    ran = []

    def handler(number, _frame):
        ran.append(number)

    def raises(number, _frame):
        raise Own(number)

    def delivery(number):
        # Handler, mask and flags of a struct sigaction; of the mask only what there are signals for is filled.
        kept = ctypes.create_string_buffer(512)
        assert libc.sigaction(number, None, kept) == 0
        return kept.raw[:16], kept.raw[136:140]

    def state():
        return {number: (signal.getsignal(number), delivery(number)) for number in signal.valid_signals()}

    def read_beside(function, number):
        # How a read that waits in a thread ends, whose thread gets a signal when the function asks for it.
        pipe, woken, wake = os.pipe(), *os.pipe()
        os.set_blocking(wake, False)
        before = signal.set_wakeup_fd(wake)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(libc.read(pipe[0], ctypes.create_string_buffer(1), 1)))
        thread.start()
        while not reads(thread, pipe[0]):
            time.sleep(0.001)

        def interrupt():
            signal.pthread_kill(thread.ident, number)
            # The handler of C has run.
            os.read(woken, 1)

        function(interrupt)
        os.write(pipe[1], b"x")
        thread.join()
        signal.set_wakeup_fd(before)
        for descriptor in (*pipe, woken, wake):
            os.close(descriptor)
        return answers[0]

    def reads(thread, descriptor):
        # Whether it is in a system call on the descriptor. Waiting for the GIL is one, too, on an address.
        try:
            with open(f"/proc/self/task/{thread.native_id}/syscall") as call:
                return call.read().split()[1:2] == [hex(descriptor)]
        except FileNotFoundError:
            return False

    def restarts(number):
        return read_beside(lambda interrupt: interrupt(), number) == 1

    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
        signal.signal(number, handler)
    for number in (signal.SIGUSR1, signal.SIGINT):
        signal.siginterrupt(number, False)
    dumped = tempfile.TemporaryFile()
    faulthandler.register(signal.SIGHUP, dumped, chain=True)
    at_first = state()

    def same(where):
        now = state()
        assert now == at_first, (where, [number for number in now if now[number] != at_first[number]])

    def same_in(function):
        # In a callback: how signals are delivered; the Python functions stand back.
        def callback(*arguments):
            changed = [number for number, (_, kept) in at_first.items() if delivery(number) != kept]
            assert not changed, changed
            return function(*arguments)
        return callback

    path, isolation = sys.argv[1], sys.argv[2] or None
    db = expmig.DatabaseManager(path, isolation=isolation, timeout=60)
    migrator = expmig.DataMigrationManager(db, snapshot_dir="snapshots")
    other = expmig.DataMigrationManager(expmig.DatabaseManager(sys.argv[3], isolation=isolation))

    def expect(kind, function, *arguments, **named):
        try:
            function(*arguments, **named)
        except kind as error:
            return error
        raise AssertionError(kind)

    def cancels(token):
        return same_in(lambda _report: token.cancel())

    def kills(number):
        return same_in(lambda _report: os.kill(os.getpid(), number))

    def failing_callback(_report):
        raise Own

    def interrupted_in_the_library():
        print("ready", flush=True)          # the parent locks the file meanwhile
        assert sys.stdin.readline() == "locked\\n"
        reported = threading.Event()

        def interrupt():
            reported.wait()
            time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        expect(KeyboardInterrupt, migrator.migrate_experiment, 1, progress_callback=same_in(lambda _report: reported.set()))
        thread.join()
        print("done", flush=True)
        assert sys.stdin.readline() == "free\\n"

    def nested(_report):
        other.digest(1)
        expect(expmig.DataMigrationError, other.digest, 99)
        expect(Own, other.digest, 1, progress_callback=failing_callback)
        expect(KeyboardInterrupt, other.digest, 1, progress_callback=kills(signal.SIGINT))

    def in_threads():
        failures = []

        def work():
            try:
                for _ in range(3):
                    migrator.digest(1, progress_callback=same_in(lambda _report: None))
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        other.digest(1)
        for thread in threads:
            thread.join()
        assert not failures, failures

    def beside_a_read():
        asked = []

        def job(interrupt):
            migrator.digest(1, progress_callback=lambda _report: asked or asked.append(interrupt()))

        assert read_beside(job, signal.SIGUSR1) == 1
        assert ran.pop() == signal.SIGUSR1

    token = expmig.CancelToken()
    PATHS = {
        "finished": lambda: migrator.migrate_experiment(1, progress_callback=same_in(lambda _report: None)),
        "without a callback": lambda: migrator.digest(1),
        "short": lambda: (db.query("SELECT 1"), migrator.list_experiments()),
        "opened": lambda: expmig.DatabaseManager(path, isolation=isolation).close(),
        "not opened": lambda: expect(expmig.DataMigrationError, expmig.DatabaseManager, "missing.db", isolation=isolation),
        "failed": lambda: expect(expmig.DataMigrationError, migrator.migrate_experiment, 99),
        "cancelled": lambda: expect(expmig.DataMigrationError, migrator.migrate_experiment, 1, cancel=token, progress_callback=cancels(token)),
        "a callback raised": lambda: expect(Own, migrator.migrate_experiment, 1, progress_callback=failing_callback),
        "Ctrl-C in a callback": lambda: expect(KeyboardInterrupt, migrator.migrate_experiment, 1, progress_callback=kills(signal.SIGINT)),
        "Ctrl-C in the library": interrupted_in_the_library,
        "a handler that raises nothing": lambda: migrator.digest(1, progress_callback=kills(signal.SIGUSR2)),
        "a handler of C": lambda: migrator.digest(1, progress_callback=kills(signal.SIGHUP)),
        "nested": lambda: migrator.digest(1, progress_callback=nested),
        "in threads": in_threads,
        "beside a read": beside_a_read,
    }
    for name, path_taken in PATHS.items():
        path_taken()
        same(name)
        assert restarts(signal.SIGUSR1), name
        assert not restarts(signal.SIGUSR2), name
    assert {signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP} <= set(ran)
    assert os.fstat(dumped.fileno()).st_size > 0

    # What a callback decides stays.
    def decide(_report):
        signal.signal(signal.SIGHUP, raises)
        signal.siginterrupt(signal.SIGUSR1, True)
        signal.siginterrupt(signal.SIGUSR2, False)

    migrator.digest(1, progress_callback=decide)
    assert signal.getsignal(signal.SIGHUP) is raises and signal.getsignal(signal.SIGUSR1) is handler
    assert not restarts(signal.SIGUSR1) and restarts(signal.SIGUSR2)
    print("end")
"""


class Signals(binding.Case):
    def test_handlers_and_their_delivery_are_as_before_after_every_way_through_a_call(self):
        for isolation in ("", "process"):
            with binding.program(HOST, self.copy("one.db"), isolation, self.copy("other.db")) as host:
                self.assertEqual(host.stdout.readline(), "ready\n")
                with binding.Lock(self.folder / "one.db"):
                    print("locked", file=host.stdin, flush=True)
                    self.assertEqual(host.stdout.readline(), "done\n")
                print("free", file=host.stdin, flush=True)
                self.assertEqual(host.stdout.read(), "end\n")

    def test_a_handler_that_raises_as_soon_as_it_is_back_leaves_no_other_behind(self):
        binding.run("""
            import os, signal, sys
            import expmig
            from expmig import _call

            class Own(Exception):
                pass

            def raises(number, _frame):
                raise Own(number)

            numbers = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM)
            for number in numbers:
                signal.signal(number, raises)
            original = _call.exchange

            def exchange(number, handler):
                original(number, handler)
                if handler is raises:
                    os.kill(os.getpid(), number)

            _call.exchange = exchange
            try:
                expmig.DatabaseManager(sys.argv[1])
            except Own:
                pass
            else:
                raise AssertionError("nothing was raised")
            assert [signal.getsignal(number) for number in numbers] == [raises] * 3
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        """, self.path)


if __name__ == "__main__":
    unittest.main()
