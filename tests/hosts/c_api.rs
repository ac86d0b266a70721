//! The C ABI from C: builds the programs in tests/c and examples/c with gcc and with clang, one against the shared and one against the static
//! library that this `cargo test` built, and with the sanitizers of both, runs all of them, and one of each under valgrind.
//!
//! All programs of one way are in one executable (programs/combined.rs). That a program links alone, the one of the page and
//! install.rs show.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::programs::combined::{Combined, Source, USUAL, WAYS, Way};
use crate::programs::{ROOT, VALGRIND, printed, succeed, with_databases};

macro_rules! programs {
    ($($(#[$meta:meta])* $name:ident)+) => {
        /// The programs of tests/c that are run.
        const PROGRAMS: &[&str] = &[$($(#[$meta])* stringify!($name)),+];

        $(
            $(#[$meta])*
            #[test]
            fn $name() {
                check_program(stringify!($name), &[], |_| {});
            }
        )+
    };
}

programs! {
    library error cancel options database manager experiment snapshot migrate callbacks reentrancy threads free_order shared_process
    fork forks descriptors
    query validate checks transform export import report objects arrow bring_in jobs mlflow
    // Needs a function that release builds do not have.
    #[cfg(debug_assertions)] panic
}

const EXAMPLES: &[&str] = &["migrate", "validate", "snapshot", "export_import", "report", "interactive"];

#[test]
fn every_program_in_the_folders_is_run() {
    let with_servers = fs::read_to_string(Path::new(ROOT).join("tests/hosts/servers.rs")).unwrap();
    for (folder, run) in [("tests/c", PROGRAMS), ("examples/c", EXAMPLES)] {
        for entry in fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "c") {
                let name = path.file_stem().unwrap().to_str().unwrap();
                let elsewhere = name == "fault"
                    || with_servers.contains(&format!("built(\"{name}\")"))
                    || (name == "panic" && !cfg!(debug_assertions));
                assert!(run.contains(&name) || elsewhere, "{} is in no test", path.display());
            }
        }
    }
}

#[test]
#[ignore = "takes minutes"]
fn two_hundred_forks_beside_writers_lose_nothing() {
    let program = combined().executable(WAYS[0]);
    run(Command::new(program).env("EXPMIG_TEST_FORKS", "200"), &["forks"], "200 forks");
}

#[test]
fn the_example_copies_and_shows_equal_digests() {
    is_short("migrate");
    for arguments in [&["digits.db", "1"][..], &["digits.db", "2", "new.db"]] {
        check_example("migrate", arguments, |output| {
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
    is_short("validate");
    check_example("validate", &["digits.db"], |output| {
        assert!(output.contains("warning  unfinished runs        run 6 of trial 2 is failed"), "{output}");
        assert!(output.contains("PASS: 0 errors, "), "{output}");
    });
    check_example("validate", &["digits.db", "2"], |output| {
        assert!(output.contains("run 21 of trial ") && !output.contains("run 6 of trial "), "{output}");
    });
}

#[test]
fn the_example_takes_a_snapshot_and_verifies_it() {
    check_example("snapshot", &["digits.db", "snapshots"], |output| {
        assert!(output.starts_with("snapshot 2") && output.ends_with("of digits.db is verified\n"), "{output}");
    });
}

#[test]
fn the_example_exports_and_imports_the_same_experiment() {
    is_short("export_import");
    check_example("export_import", &["digits.db", "2", "document.json", "new.db"], |output| {
        assert!(output.contains("exported experiment 2 to document.json"), "{output}");
        assert!(output.ends_with("it is experiment 1 of new.db: the digests are equal\n"), "{output}");
    });
}

#[test]
fn the_example_writes_a_page_of_two_experiments() {
    is_short("report");
    check_example("report", &["digits.db", "page.html", "1", "2"], |output| {
        assert_eq!(output, "page.html: open it in a browser\n");
    });
}

#[test]
fn the_example_shows_a_plan_and_copies_only_what_it_is_told_to() {
    for (answer, end) in
        [("y\n", "it is experiment 1\n"), ("n\n", "nothing was changed\n"), ("", "nothing was changed\n")]
    {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("answer");
        fs::write(&input, answer).unwrap();
        for way in USUAL {
            let mut command = Command::new(combined().executable(way));
            command.stdin(fs::File::open(&input).unwrap());
            let arguments = ["example_interactive", "digits.db", "snapshots", "2", "new.db"];
            let output = run(&mut command, &arguments, &way.to_string());
            assert!(output.starts_with("experiment 1  "), "{output}");
            assert!(output.contains("copying experiment 2: "), "{output}");
            assert!(output.contains("  METRIC ") && output.ends_with(end), "{output}");
        }
    }
}

#[test]
fn the_program_in_the_page_about_checks_finds_the_run_that_did_not_learn() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/registered-checks.md")).unwrap();
    let (_, after) = page.split_once("```c\n").unwrap();
    let (text, _) = after.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("page.c");
    fs::write(&source, text).unwrap();
    let build = |way: Way| way.build(&source, folder.path());
    check(&WAYS, build, &["digits.db"], |output| {
        assert_eq!(output, "TRIAL_RUN id=15: the run never learnt anything (0.287)\n");
    });
}

#[test]
fn the_program_of_the_readme_copies_an_experiment() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let (_, after) = readme.split_once("```c\n").unwrap();
    let (text, _) = after.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("program.c"), text).unwrap();
    let program = WAYS[0].build(&folder.path().join("program.c"), folder.path());
    with_databases(folder.path());
    fs::rename(folder.path().join("digits.db"), folder.path().join("experiments.db")).unwrap();
    let mut command = Command::new(program);
    assert_eq!(
        printed(command.env_remove("LD_LIBRARY_PATH").current_dir(folder.path()), "README.md"),
        "copied as experiment 4\n"
    );
}

fn is_short(example: &str) {
    let source = Path::new(ROOT).join(format!("examples/c/{example}.c"));
    assert!(fs::read_to_string(source).unwrap().lines().count() < 120);
}

fn check_program(name: &str, arguments: &[&str], judge: impl Fn(&str)) {
    let arguments = [&[name], arguments].concat();
    check(&USUAL, |way| combined().executable(way).to_owned(), &arguments, judge);
}

fn check_example(name: &str, arguments: &[&str], judge: impl Fn(&str)) {
    check_program(&format!("example_{name}"), arguments, judge);
}

/// All of them.
fn combined() -> &'static Combined {
    static COMBINED: OnceLock<Combined> = OnceLock::new();
    COMBINED.get_or_init(|| {
        let source = |folder: &str, prefix: &str, name: &str| Source {
            name: format!("{prefix}{name}"),
            path: Path::new(ROOT).join(folder).join(format!("{name}.c")),
            takes_arguments: !prefix.is_empty(),
        };
        let tests = PROGRAMS.iter().map(|name| source("tests/c", "", name));
        Combined::new(tests.chain(EXAMPLES.iter().map(|name| source("examples/c", "example_", name))).collect())
    })
}

/// Builds a program in these ways, and runs it in these and under valgrind; each run has to succeed, and to print what `judge` accepts.
fn check(ways: &[Way], build: impl Fn(Way) -> PathBuf, arguments: &[&str], judge: impl Fn(&str)) {
    for &way in ways {
        let program = build(way);
        judge(&run(&mut Command::new(&program), arguments, &way.to_string()));
        if way == WAYS[0] {
            let mut valgrind = Command::new("valgrind");
            valgrind.args(VALGRIND).arg(&program).env("CHECK_SLOW_TOOL", "1");
            judge(&run(&mut valgrind, arguments, "valgrind"));
        }
    }
}

/// Runs a program in a new folder with its two databases; returns what it printed.
fn run(command: &mut Command, arguments: &[&str], way: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    with_databases(folder.path());
    // Cargo's would go before the path in the program, and lead to what an earlier `cargo build` made.
    command.env_remove("LD_LIBRARY_PATH").env("UBSAN_OPTIONS", "print_stacktrace=1");
    let output = succeed(command.args(arguments).current_dir(folder.path()), way);
    String::from_utf8(output.stdout).unwrap()
}
