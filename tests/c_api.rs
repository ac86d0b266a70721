//! The C ABI from C: builds each program in tests/c with gcc and with clang, against the shared and the static library that this
//! `cargo test` built, runs all of them, and one of each under valgrind.

mod programs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use programs::{ROOT, SYSTEM_LIBRARIES, VALGRIND, libraries, link_with_name, succeed, with_databases};

const WARNINGS: &[&str] = &["-std=c99", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

macro_rules! programs {
    ($($(#[$meta:meta])* $name:ident)+) => { $(
        $(#[$meta])*
        #[test]
        fn $name() {
            Program::new(&format!("tests/c/{}.c", stringify!($name))).check(&[], |_| {});
        }
    )+

        #[test]
        fn every_program_in_the_folder_is_run() {
            let run = [$(stringify!($name)),+];
            for entry in fs::read_dir(Path::new(ROOT).join("tests/c")).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "c") {
                    let name = path.file_stem().unwrap().to_str().unwrap();
                    assert!(run.contains(&name) || name == "fault", "{name}.c is in no test");
                }
            }
        }
    };
}

programs! {
    library error cancel options database manager experiment snapshot migrate callbacks reentrancy threads free_order shared_process
    query validate checks transform export import
    // Needs a function that release builds do not have.
    #[cfg(debug_assertions)] panic
}

#[test]
fn the_example_copies_and_shows_equal_digests() {
    let program = Program::new("examples/c/migrate.c");
    assert!(fs::read_to_string(&program.source).unwrap().lines().count() < 120);
    for arguments in [&["digits.db", "1"][..], &["digits.db", "2", "new.db"]] {
        program.check(arguments, |output| {
            let digest = |name: &str| {
                let line = output.lines().find_map(|line| line.strip_prefix(&format!("{name} digest ")));
                line.unwrap_or_else(|| panic!("no {name} digest in {output}")).to_owned()
            };
            assert_eq!(digest("source"), digest("target"));
            assert_eq!(digest("source").len(), 64);
            assert!(output.contains("copied experiment"), "{output}");
        });
    }
}

#[test]
fn the_example_validates_and_runs_its_own_check() {
    let program = Program::new("examples/c/validate.c");
    assert!(fs::read_to_string(&program.source).unwrap().lines().count() < 120);
    program.check(&["digits.db"], |output| {
        assert!(output.contains("warning  unfinished runs        run 6 of trial 2 is failed"), "{output}");
        assert!(output.contains("PASS: 0 errors, "), "{output}");
    });
    program.check(&["digits.db", "2"], |output| {
        assert!(output.contains("run 21 of trial ") && !output.contains("run 6 of trial "), "{output}");
    });
}

#[test]
fn the_example_takes_a_snapshot_and_verifies_it() {
    let program = Program::new("examples/c/snapshot.c");
    program.check(&["digits.db", "snapshots"], |output| {
        assert!(output.starts_with("snapshot 2") && output.ends_with("of digits.db is verified\n"), "{output}");
    });
}

#[test]
fn the_example_exports_and_imports_the_same_experiment() {
    let program = Program::new("examples/c/export_import.c");
    assert!(fs::read_to_string(&program.source).unwrap().lines().count() < 120);
    program.check(&["digits.db", "2", "document.json", "new.db"], |output| {
        assert!(output.contains("exported experiment 2 to document.json"), "{output}");
        assert!(output.ends_with("it is experiment 1 of new.db: the digests are equal\n"), "{output}");
    });
}

#[test]
fn the_program_in_the_page_about_checks_finds_the_run_that_did_not_learn() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/registered-checks.md")).unwrap();
    let (_, after) = page.split_once("```c\n").unwrap();
    let (text, _) = after.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("page.c");
    fs::write(&source, text).unwrap();
    Program::new(source.to_str().unwrap()).check(&["digits.db"], |output| {
        assert_eq!(output, "TRIAL_RUN id=15: the run never learnt anything (0.287)\n");
    });
}

/// A C program and the folder in which it is built and run.
struct Program {
    source: PathBuf,
    folder: tempfile::TempDir,
}

impl Program {
    fn new(source: &str) -> Program {
        let folder = tempfile::tempdir().unwrap();
        Program { source: Path::new(ROOT).join(source), folder }
    }

    /// Builds the program in all four ways and runs it in five; each has to succeed, and to print what `judge` accepts.
    fn check(&self, arguments: &[&str], judge: impl Fn(&str)) {
        let libraries = libraries();
        for compiler in ["gcc", "clang"] {
            for linking in ["shared", "static"] {
                let program = self.build(compiler, linking, &libraries);
                let way = format!("{compiler}, {linking}");
                judge(&self.run(&mut Command::new(&program), arguments, &way));
                if way == "gcc, shared" {
                    let mut valgrind = Command::new("valgrind");
                    valgrind.args(VALGRIND).arg(&program).env("CHECK_SLOW_TOOL", "1");
                    judge(&self.run(&mut valgrind, arguments, "valgrind"));
                }
                fs::remove_file(program).unwrap();
            }
        }
    }

    fn build(&self, compiler: &str, linking: &str, libraries: &Path) -> PathBuf {
        let program = self.folder.path().join(format!("{compiler}-{linking}"));
        let mut command = Command::new(compiler);
        command.args(WARNINGS).arg("-I").arg(Path::new(ROOT).join("include")).arg(&self.source).arg("-o").arg(&program);
        if linking == "shared" {
            command.args(link_with_name(libraries, self.folder.path()));
        } else {
            command.arg(libraries.join("libexpmig.a"));
        }
        succeed(command.args(SYSTEM_LIBRARIES), &format!("{compiler}, {linking}"));
        program
    }

    /// Runs the program in a new folder with its two databases; returns what it printed.
    fn run(&self, command: &mut Command, arguments: &[&str], way: &str) -> String {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        with_databases(folder.path());
        // Cargo's would go before the path in the program, and lead to what an earlier `cargo build` made.
        command.env_remove("LD_LIBRARY_PATH");
        let output = succeed(command.args(arguments).current_dir(folder.path()), way);
        String::from_utf8(output.stdout).unwrap()
    }
}
