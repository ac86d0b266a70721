//! bindings/cpp: builds each program in tests/cpp with g++ and with clang++, as C++17 and as C++20, runs it with the sanitizers and
//! under valgrind; and checks that the headers cover expmig.h and leave nothing behind.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::{ROOT, SANITIZERS, VALGRIND, libraries, link_with_name, printed, succeed, with_databases};

const WARNINGS: &[&str] = &["-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

macro_rules! programs {
    ($($name:ident)+) => { $(
        #[test]
        fn $name() {
            Program::new(&format!("tests/cpp/{}.cpp", stringify!($name))).check();
        }
    )+

        #[test]
        fn every_program_in_the_folder_is_run() {
            let run = [$(stringify!($name)),+];
            for path in with_extension("tests/cpp", "cpp") {
                let name = path.file_stem().unwrap().to_str().unwrap();
                assert!(run.contains(&name), "{name}.cpp is in no test");
            }
        }
    };
}

programs! { handles errors callbacks documents mlflow results }

#[test]
fn the_example_copies_and_shows_equal_digests() {
    let program = Program::new("examples/cpp/migrate.cpp");
    assert!(fs::read_to_string(&program.source).unwrap().lines().count() < 80);
    let output = program.printed(&["digits.db", "1", "new.db"]);
    let digest = |name: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(&format!("{name} digest ")));
        line.unwrap_or_else(|| panic!("no {name} digest in {output}")).to_owned()
    };
    assert_eq!(digest("source"), digest("target"));
    assert_eq!(digest("source").len(), 64);
}

#[test]
fn the_example_validates_with_a_rule_of_its_own() {
    let output = Program::new("examples/cpp/validate.cpp").printed(&["digits.db"]);
    assert!(output.contains("warning  TRIAL_RUN id=6: failed"), "{output}");
    assert!(output.contains("PASS: 0 errors, "), "{output}");
}

#[test]
fn the_programs_in_the_page_and_the_readme_compile() {
    let folder = tempfile::tempdir().unwrap();
    // The README says C++17; the page shows both.
    for (page, at_least, standard) in [("docs/cpp.md", 8, "c++20"), ("README.md", 1, "c++17")] {
        let text = fs::read_to_string(Path::new(ROOT).join(page)).unwrap();
        let blocks: Vec<&str> =
            text.split("```cpp\n").skip(1).map(|after| after.split("```").next().unwrap()).collect();
        assert!(blocks.len() >= at_least, "{page}");
        // A block is a whole program, or statements of one that has a manager.
        let mut unit = String::from("#include <expmig.hpp>\n#include <iostream>\n");
        for (at, block) in blocks.iter().enumerate() {
            let body = block.replace("#include <expmig.hpp>\n", "").replace("#include <iostream>\n", "");
            if body.contains("int main") {
                unit.push_str(&body);
            } else {
                let head = format!("void run_{at}([[maybe_unused]] const expmig::manager &manager)");
                write!(unit, "{head};\n{head} {{\n{{\n{body}\n}}\n}}\n").unwrap();
            }
        }
        let source = folder.path().join("page.cpp");
        fs::write(&source, unit).unwrap();
        succeed(compile("g++", standard).args(["-fsyntax-only", "-Wno-unused"]).arg(&source), page);
    }
}

/// Each function of expmig.h is in one of the headers.
#[test]
fn the_headers_use_every_function_of_the_c_api() {
    let declared = |text: &str| -> BTreeSet<String> {
        let names = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '('));
        names.filter_map(|word| word.split_once('(')).map(|(name, _)| name.to_owned()).collect()
    };
    let header = fs::read_to_string(Path::new(ROOT).join("include/expmig.h")).unwrap();
    let mut code = String::new();
    for (at, part) in header.split("/*").enumerate() {
        code.push_str(if at == 0 { part } else { part.split_once("*/").unwrap().1 });
    }
    let functions: BTreeSet<String> = declared(&code).into_iter().filter(|name| name.starts_with("expmig_")).collect();
    assert!(functions.len() > 100, "{functions:?}");
    let mut headers = String::new();
    for path in with_extension("bindings/cpp/expmig", "hpp") {
        headers.push_str(&fs::read_to_string(path).unwrap());
    }
    let used: BTreeSet<&str> = headers.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    // These answer a document of which the headers use the object.
    let documents = [
        "expmig_experiment_list",
        "expmig_experiment_compare",
        "expmig_snapshot_list",
        "expmig_snapshot_details",
        "expmig_migrate_plan",
        "expmig_transform_undo",
        "expmig_transform_list",
        "expmig_import_experiment",
        "expmig_import_experiment_from_file",
        "expmig_import_experiment_from_string",
    ];
    let missing: Vec<&String> =
        functions.iter().filter(|name| !used.contains(name.as_str()) && !documents.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "no header in bindings/cpp uses {missing:?}");
    // Nor do they use what is not there any more; the compiler says so of functions, this of flags and statuses.
    let constants = |text: &str| -> BTreeSet<String> {
        let defines = text.lines().filter_map(|line| line.strip_prefix("#define EXPMIG_")?.split(' ').next());
        defines.map(|name| format!("EXPMIG_{name}")).collect()
    };
    // These are said in another way: as bits that are cleared, or by a method of their own.
    let otherwise = ["EXPMIG_H", "EXPMIG_API", "EXPMIG_MUST_USE", "EXPMIG_VALIDATE_ALL"];
    for name in constants(&header) {
        let known =
            used.contains(name.as_str()) || name.starts_with("EXPMIG_VERSION_") || otherwise.contains(&name.as_str());
        assert!(known, "no header in bindings/cpp uses {name}");
    }
}

#[test]
fn the_headers_leave_no_macro_and_no_using_behind() {
    let folder = tempfile::tempdir().unwrap();
    let macros = |name: &str, text: &str| -> BTreeSet<String> {
        let source = folder.path().join(name);
        fs::write(&source, text).unwrap();
        let listed = printed(compile("g++", "c++17").args(["-dM", "-E"]).arg(source), name);
        listed
            .lines()
            .filter_map(|line| line.split(' ').nth(1))
            .map(|name| name.split('(').next().unwrap().to_owned())
            .collect()
    };
    let headers = with_extension("bindings/cpp/expmig", "hpp");
    let mut standard = BTreeSet::new();
    for path in &headers {
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains("using namespace expmig") && !text.contains("using namespace std;"), "{path:?}");
        // Which C++17 does not have, and a header asks for first.
        let of_later = ["#include <format>"];
        let included = text.lines().filter(|line| line.starts_with("#include <") && !of_later.contains(line));
        standard.extend(included.map(|line| format!("{line}\n")));
    }
    let before = macros("before.cpp", &standard.into_iter().collect::<String>());
    let after = macros("after.cpp", "#include <expmig.hpp>\n");
    let guards: BTreeSet<String> = after.difference(&before).cloned().collect();
    assert_eq!(guards.len(), headers.len() + 1, "{guards:?}");
    assert!(guards.iter().all(|name| name.starts_with("EXPMIG_") && name.ends_with("HPP")), "{guards:?}");
}

/// Two units of one program include all of it: everything in it is inline.
#[test]
fn two_units_of_one_program_can_include_them() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.cpp"), folder.path().join("two.cpp"));
    let open = "#include <expmig.hpp>\n#include <expmig.hpp>\nstd::size_t count(const char *path);\n";
    fs::write(&one, format!("{open}int main() {{ return count(\"digits.db\") == 3 ? 0 : 1; }}\n")).unwrap();
    let body = "return expmig::manager(expmig::database::open(path)).experiments().size();";
    fs::write(&two, format!("{open}std::size_t count(const char *path) {{ {body} }}\n")).unwrap();
    let program = folder.path().join("program");
    let mut command = compile("g++", "c++17");
    command.args([one, two]).args(link_with_name(&libraries(), folder.path())).arg("-o").arg(&program);
    succeed(&mut command, "two units");
    with_databases(folder.path());
    succeed(Command::new(program).current_dir(folder.path()).env_remove("LD_LIBRARY_PATH"), "two units");
}

#[test]
fn issues_of_a_temporary_report_do_not_compile() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("dangling.cpp");
    let text = "#include <expmig.hpp>\nvoid f(const expmig::manager &m);\nvoid f(const expmig::manager &m) { for (auto i : m.validate().issues()) (void)i; }\n";
    fs::write(&source, text).unwrap();
    let output = compile("g++", "c++17").arg("-fsyntax-only").arg(&source).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("deleted"));
}

fn with_extension(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|of| of == extension)).collect()
}

fn compile(compiler: &str, standard: &str) -> Command {
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(WARNINGS);
    for folder in ["include", "bindings/cpp"] {
        command.arg("-I").arg(Path::new(ROOT).join(folder));
    }
    command
}

/// A C++ program and the folder in which it is built and run.
struct Program {
    source: PathBuf,
    folder: tempfile::TempDir,
}

impl Program {
    fn new(source: &str) -> Program {
        Program { source: Path::new(ROOT).join(source), folder: tempfile::tempdir().unwrap() }
    }

    /// Runs it with the sanitizers of both compilers, and under valgrind.
    fn check(&self) {
        for (compiler, standard) in [("g++", "c++17"), ("clang++", "c++20")] {
            let program = self.build(compiler, standard, SANITIZERS);
            self.run(Command::new(program), &[], &format!("{compiler}, {standard}, sanitizers"));
        }
        let mut command = compile("clang++", "c++17");
        succeed(command.arg("-fsyntax-only").arg(&self.source), "clang++, c++17");
        let mut valgrind = Command::new("valgrind");
        valgrind.args(VALGRIND).arg(self.build("g++", "c++20", &[]));
        self.run(valgrind, &[], "valgrind");
    }

    /// What it prints, built with one compiler for C++17 and with the other for C++20.
    fn printed(&self, arguments: &[&str]) -> String {
        let outputs = [("g++", "c++17"), ("clang++", "c++20")].map(|(compiler, standard)| {
            let program = self.build(compiler, standard, &[]);
            self.run(Command::new(program), arguments, &format!("{compiler}, {standard}"))
        });
        assert_eq!(outputs[0].lines().last(), outputs[1].lines().last());
        outputs.into_iter().next().unwrap()
    }

    fn build(&self, compiler: &str, standard: &str, flags: &[&str]) -> PathBuf {
        let program = self.folder.path().join("program");
        let mut command = compile(compiler, standard);
        command.args(flags).arg(&self.source).args(link_with_name(&libraries(), self.folder.path()));
        succeed(command.arg("-pthread").arg("-o").arg(&program), &format!("{compiler}, {standard}"));
        program
    }

    /// Runs the program in a new folder: with digits.db; small.db and fresh.db, which are equal; and broken.db, which has two links
    /// to metrics that do not exist.
    fn run(&self, mut command: Command, arguments: &[&str], way: &str) -> String {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        with_databases(folder.path());
        for copy in ["fresh.db", "broken.db"] {
            fs::copy(folder.path().join("small.db"), folder.path().join(copy)).unwrap();
        }
        let mut shell = Command::new("sqlite3");
        shell.arg(folder.path().join("broken.db")).arg("INSERT INTO RESULTS_METRIC VALUES (1, 777), (1, 778)");
        succeed(&mut shell, "broken.db");
        command.env_remove("LD_LIBRARY_PATH").env("UBSAN_OPTIONS", "print_stacktrace=1");
        printed(command.args(arguments).current_dir(folder.path()), way)
    }
}
