"""The packages for Go and Node: their example programs do what the C one does, on copies of real data, and their own tests pass.

They are built as a user builds them: by a pkg-config file and a library in a folder, here those of this build. Where go, or koffi for
node, is missing they are skipped, unless EXPMIG_TEST_GUESTS=1 says that they must not be: `make test-guests` installs both.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
import check_copy

EXAMPLES = binding.ROOT / "examples"
BINDINGS = binding.ROOT / "bindings"
# Where `make test-guests` puts koffi, too.
FOLDER = binding.TARGET / "guests"
REQUIRED = os.environ.get("EXPMIG_TEST_GUESTS") == "1"
# Compiling, too, on a busy machine.
WITHIN = 600


def ready():
    """The library, as the loader and pkg-config find it, and the environment in which they do."""
    library, header = FOLDER / "lib", (binding.ROOT / "include" / "expmig.h").read_text(encoding="utf-8")
    library.mkdir(parents=True, exist_ok=True)
    major, minor = (re.search(rf"EXPMIG_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR"))
    for name in ("libexpmig.so", f"libexpmig.so.{'0.' + minor if major == '0' else major}"):
        (library / name).unlink(missing_ok=True)
        (library / name).symlink_to(binding.LIBRARY)
    (library / "libexpmig.a").unlink(missing_ok=True)
    (library / "libexpmig.a").symlink_to(binding.LIBRARY.with_suffix(".a"))
    (library / "expmig.pc").write_text(
        f"Name: expmig\nDescription: of this build\nVersion: 0\nLibs: -L{library} -lexpmig\nLibs.private: -lutil -lrt -lpthread -lm -ldl\n"
        f"Cflags: -I{binding.ROOT / 'include'}\n",
        encoding="utf-8",
    )
    return {
        **os.environ, "LD_LIBRARY_PATH": str(library), "PKG_CONFIG_PATH": str(library), "EXPMIG_DIGITS_DB": str(binding.DIGITS),
        # The module is no repository of its own, and nothing has to be fetched for it.
        "GOFLAGS": "-mod=mod -buildvcs=false", "GOPROXY": "off", "GOCACHE": str(FOLDER / "gocache"),
    }


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WITHIN, **options)
    # Not as text, where a carriage return would become a new line.
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


class Guest:
    """What the program of each language is asked to do."""

    command = []

    @classmethod
    def setUpClass(cls):
        why = cls.missing()
        if why and REQUIRED:
            raise AssertionError(why)
        if why:
            raise unittest.SkipTest(why)
        cls.environment = ready()
        cls.build()

    def migrate(self, *arguments):
        return run([*self.command, *map(str, arguments)], env=self.environment)

    def succeeds(self, *arguments):
        done = self.migrate(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        source, target = re.findall(r"^(?:source|target) digest ([0-9a-f]{64})$", done.stdout, re.MULTILINE)
        self.assertEqual(source, target)
        return done.stdout

    def fails(self, status, *arguments):
        done = self.migrate(*arguments)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"\n{status}: ", done.stderr)
        self.assertIn("\n  hint: ", done.stderr)
        return done.stderr

    def readme(self, language, name):
        """A folder with a copy of real data and the program that the README shows."""
        block, = re.findall(rf"^```{language}\n(.*?)^```$", (BINDINGS / self.package / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        folder = self.folder / "mine"
        folder.mkdir()
        shutil.copy(binding.DIGITS, folder / "experiments.db")
        (folder / name).write_text(block, encoding="utf-8")
        return folder

    def assert_it_is_the_readme(self, folder, done):
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn("copied as experiment 4", done.stdout)
        self.assertEqual(self.sql("SELECT count(*) FROM EXPERIMENT", path=folder / "experiments.db"), [[4]])
        self.assertIn("Digits classification", (folder / "experiment.json").read_text(encoding="utf-8"))

    def assert_copied(self, target, experiment, **options):
        """Row by row, by another SQLite."""
        self.assertEqual(check_copy.check(str(self.path), 2, str(target), experiment, **options), [])

    def test_within_one_database(self):
        said = self.succeeds(self.path, 2)
        self.assertRegex(said, r"\ncopied experiment 2 as experiment 4: \d+ rows, 0 left out, \d+\.\d{3} s\n")
        self.assert_copied(self.path, 4, same_file=True, pristine=str(binding.DIGITS))

    def test_into_a_new_database_and_not_twice(self):
        target = self.folder / "new.db"
        self.assertIn("\ncopied experiment 2 as experiment 1: ", self.succeeds(self.path, 2, target))
        self.assert_copied(target, 1, pristine=str(binding.DIGITS))
        again = self.succeeds(self.path, 2, target)
        self.assertIn("\nthe target has experiment 2 as experiment 1: 0 rows, ", again)
        self.assertIn("\nwarning: ", again)
        self.assertEqual(self.sql("SELECT count(*) FROM EXPERIMENT", path=target), [[1]])

    def test_progress_is_shown_from_the_beginning_to_the_end(self):
        said = self.succeeds(self.path, 1)
        self.assertTrue(said.startswith("\r  0.0 %  0/"), said)
        self.assertRegex(said, r"\r100\.0 %  (\d+)/\1 rows  finished +\n")

    def test_failures(self):
        missing = self.folder / "missing.db"
        self.assertIn(f"\n  path: {missing}\n", self.fails("NOT_FOUND", missing, 1))
        self.assertFalse(missing.exists())
        self.assertIn("\n  experiment_id: 9223372036854775807\n", self.fails("NOT_FOUND", self.path, 2 ** 63 - 1))
        before = self.path.read_bytes()
        for wrong in ([], [self.path], [self.path, "one"], [self.path, "1", "new.db", "more"], [self.path, 2 ** 63]):
            done = self.migrate(*wrong)
            self.assertEqual(done.returncode, 1, wrong)
            self.assertNotEqual(done.stderr, "")
        self.assertEqual(self.path.read_bytes(), before)

    def test_ctrl_c_ends_it_and_nothing_was_changed(self):
        target = self.copy("target.db")
        with binding.Lock(target):
            command = [*self.command, str(self.path), "1", str(target)]
            with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
                # It waits for the lock, and has said that it began.
                self.assertEqual(running.stdout.read(1), b"\r")
                running.send_signal(signal.SIGINT)
                said = running.communicate(timeout=WITHIN)[1].decode()
            # That it was the interrupt which ended it, and not its waiting, the word says.
        self.assertEqual(running.returncode, 1)
        self.assertIn("\nCANCELLED: ", said)
        self.assertEqual(target.read_bytes(), binding.DIGITS.read_bytes())

    def test_it_prints_what_the_c_program_prints(self):
        program = self.folder / "migrate"
        flags = ["-I", str(binding.ROOT / "include"), f"-L{FOLDER / 'lib'}", "-lexpmig", "-o", str(program)]
        subprocess.run(["cc", str(EXAMPLES / "c" / "migrate.c"), *flags], check=True)
        for number, command in enumerate(([str(program)], self.command)):
            shutil.copy(binding.DIGITS, self.folder / f"{number}.db")
        for arguments in (["1"], ["2", "new.db"], ["2", "new.db"], ["77"]):
            results = []
            for number, command in enumerate(([str(program)], self.command)):
                there = [str(self.folder / f"{number}.db"), arguments[0], *(str(self.folder / f"{number}{name}") for name in arguments[1:])]
                done = run([*command, *there], env=self.environment)
                # Neither how long it took nor how often progress was reported is the same twice.
                output = re.sub(r"\d+\.\d{3} s\n", "TIME\n", done.stdout.rpartition("\r")[2])
                results.append((done.returncode, output if done.returncode == 0 else "", done.stderr))
            self.assertEqual(results[0], results[1])


class Go(Guest, binding.Case):
    package = "go"
    command = [str(FOLDER / "migrate-go")]

    @staticmethod
    def missing():
        return "" if shutil.which("go") else "go is not installed"

    @classmethod
    def build(cls):
        done = run(["go", "build", "-o", cls.command[0], "./examples/migrate"], cwd=BINDINGS / "go", env=cls.environment)
        if done.returncode or done.stderr:
            raise AssertionError(done.stderr)

    def test_the_package_does_what_its_own_tests_say(self):
        for extra in ({}, {"GODEBUG": "cgocheck=2"}):
            done = run(["go", "test", "-count=1", "./..."], cwd=BINDINGS / "go", env={**self.environment, **extra})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertRegex(done.stdout, r"ok\s+expmig\.example/expmig\s")

    @unittest.skipUnless(REQUIRED, "linking takes ten seconds")
    def test_all_of_it_fits_in_one_file(self):
        libraries = run(["pkg-config", "--static", "--libs", "expmig"], env=self.environment).stdout.strip()
        program = self.folder / "migrate"
        command = ["go", "build", "-ldflags", "-linkmode external -extldflags -static", "-o", str(program), "./examples/migrate"]
        done = run(command, cwd=BINDINGS / "go", env={**self.environment, "CGO_LDFLAGS": libraries})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"libexpmig.so", program.read_bytes())
        done = run([str(program), str(self.path), "1"], env={})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("\ncopied experiment 1 as experiment 4: ", done.stdout)

    def test_the_other_example_looks_at_a_database(self):
        done = run(["go", "run", "./examples/look", str(self.path)], cwd=BINDINGS / "go", env=self.environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("1\tDigits classification\t5 trials\t15 runs\n", done.stdout)
        self.assertTrue(done.stdout.endswith("PASS: 0 errors, 0 warnings\n"), done.stdout)

    def test_the_program_of_the_readme(self):
        folder = self.readme("go", "main.go")
        (folder / "go.mod").write_text("module example.com/mine\n\ngo 1.19\n", encoding="utf-8")
        module = "expmig.example/expmig"
        edited = run(["go", "mod", "edit", "-require", f"{module}@v0.0.0", "-replace", f"{module}={BINDINGS / 'go'}"], cwd=folder, env=self.environment)
        self.assertEqual((edited.returncode, edited.stderr), (0, ""))
        self.assert_it_is_the_readme(folder, run(["go", "run", "."], cwd=folder, env=self.environment))
        self.assertEqual(run(["gofmt", "-l", "."], cwd=folder).stdout, "")

    def test_it_is_formatted_and_vetted(self):
        for command in (["gofmt", "-l", "."], ["go", "vet", "./..."]):
            done = run(command, cwd=BINDINGS / "go", env=self.environment)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


class Node(Guest, binding.Case):
    package = "node"
    command = ["node", str(FOLDER / "node" / "examples" / "migrate.js")]

    @staticmethod
    def missing():
        if not shutil.which("node"):
            return "node is not installed"
        return "" if (FOLDER / "node" / "node_modules" / "koffi").is_dir() else "koffi is not installed: make test-guests"

    @classmethod
    def build(cls):
        # Beside koffi, and not in the repository, which may be read-only.
        shutil.copytree(BINDINGS / "node", FOLDER / "node", dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))

    def test_the_module_does_what_its_own_tests_say(self):
        done = run(["node", "--test", "index.test.js"], cwd=FOLDER / "node", env=self.environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"pass (?!0)\d+")

    def test_the_other_example_looks_at_a_database(self):
        done = run(["node", str(FOLDER / "node" / "examples" / "look.js"), str(self.path)], env=self.environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("1\tDigits classification\t5 trials\t15 runs\n", done.stdout)
        self.assertTrue(done.stdout.endswith("PASS: 0 errors, 0 warnings\n"), done.stdout)

    def test_the_program_of_the_readme(self):
        folder = self.readme("js", "first.mjs")
        (folder / "node_modules").mkdir()
        (folder / "node_modules" / "expmig").symlink_to(FOLDER / "node")
        self.assert_it_is_the_readme(folder, run(["node", "first.mjs"], cwd=folder, env=self.environment))

    def test_the_types_name_every_method(self):
        types, source = ((BINDINGS / "node" / name).read_text(encoding="utf-8") for name in ("index.d.ts", "index.js"))
        methods = set(re.findall(r"^    (?:static )?(?:async )?(\w+)\(.*\) \{$", source, re.MULTILINE)) - {"constructor"}
        self.assertGreater(len(methods), 15)
        declared = set(re.findall(r"^    (?:static )?(\w+)\(", types, re.MULTILINE))
        self.assertEqual(methods - declared, set())
        exported, = re.findall(r"^module\.exports = \{ (.*) \};$", source, re.MULTILINE)
        for name in re.sub(r"\(\) => [^,]*|: [^,]*", "", exported).split(", "):
            self.assertRegex(types, rf"export (class|const|function|\{{) ?{name.strip()}\b")

    def test_types_are_laid_out_as_the_compiler_does(self):
        """Sizes and places of every field, as koffi has them and as the compiler has them."""
        header = (binding.ROOT / "include" / "expmig.h").read_text(encoding="utf-8")
        structs = re.findall(r"^typedef struct (\w+) \{(.*?)^\} \w+;", re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL), re.MULTILINE | re.DOTALL)
        self.assertGreater(len(structs), 10)
        lines, program = [], []
        for name, body in structs:
            lines.append(f'printf("{name} %u\\n", (unsigned)sizeof({name}));')
            program.append(f"console.log('{name}', koffi.sizeof('{name}'));")
            for field in re.findall(r"(\w+);", body):
                lines.append(f'printf("{field} %u\\n", (unsigned)offsetof({name}, {field}));')
                program.append(f"console.log('{field}', koffi.offsetof('{name}', '{field}'));")
        source, made = self.folder / "layout.c", self.folder / "layout"
        source.write_text("#include <expmig.h>\n#include <stdio.h>\nint main(void) {\n" + "\n".join(lines) + "\nreturn 0;\n}\n", encoding="utf-8")
        subprocess.run(["cc", "-I", str(binding.ROOT / "include"), str(source), "-o", str(made)], check=True)
        begin = "require('./index.js'); const koffi = require('koffi');"
        done = run(["node", "-e", "\n".join([begin, *program])], cwd=FOLDER / "node", env=self.environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, run([str(made)]).stdout)


if __name__ == "__main__":
    unittest.main()
