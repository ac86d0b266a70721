//! The header: compiles everywhere, says what the engine says, and is neither more nor less than what the library exports.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expmig::{Domain, Status};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

fn header() -> String {
    fs::read_to_string(Path::new(ROOT).join("include/expmig.h")).unwrap()
}

/// Runs a command that has to succeed.
fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{}: {error}; run make test, which installs it", command.get_program().display());
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    output
}

/// Compiles each source by itself and links them.
fn compile(compiler: &str, standard: &str, sources: &[PathBuf], program: &Path) {
    let objects: Vec<PathBuf> = sources.iter().map(|source| source.with_extension("o")).collect();
    for (source, object) in sources.iter().zip(&objects) {
        let mut command = Command::new(compiler);
        command.arg(format!("-std={standard}")).args(WARNINGS).arg("-I").arg(Path::new(ROOT).join("include"));
        succeed(command.arg("-c").arg(source).arg("-o").arg(object));
    }
    succeed(Command::new(compiler).args(&objects).arg("-o").arg(program));
}

/// One unit includes the header alone and twice, the other once more.
fn compiles(compilers: [&str; 2], standards: &[&str], extension: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) =
        (folder.path().join("one").with_extension(extension), folder.path().join("two").with_extension(extension));
    let include = "#include <expmig.h>\n";
    fs::write(&one, format!("{include}{include}int other(void);\nint main(void) {{ return other() + EXPMIG_OK; }}\n"))
        .unwrap();
    fs::write(
        &two,
        format!(
            "{include}int other(void);\nint other(void) {{\n  expmig_progress progress;\n  progress.estimated_completion_us = \
             EXPMIG_TIME_UNKNOWN;\n  return progress.estimated_completion_us == EXPMIG_TIME_UNKNOWN ? 0 : 1;\n}}\n"
        ),
    )
    .unwrap();
    for compiler in compilers {
        for standard in standards {
            let program = folder.path().join(format!("{compiler}-{standard}"));
            compile(compiler, standard, &[one.clone(), two.clone()], &program);
            succeed(&mut Command::new(program));
        }
    }
}

#[test]
fn it_compiles_as_c() {
    compiles(["gcc", "clang"], &["c89", "c99", "c11"], "c");
}

#[test]
fn it_compiles_as_cpp() {
    compiles(["g++", "clang++"], &["c++11", "c++17"], "cpp");
}

#[test]
fn ignoring_a_status_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("ignore.c");
    fs::write(&source, "#include <expmig.h>\nvoid f(void) { expmig_database_open(0, 0, 0, 0); }\n").unwrap();
    for compiler in ["gcc", "clang"] {
        let mut command = Command::new(compiler);
        command.args(["-Wall", "-c", "-I"]).arg(Path::new(ROOT).join("include")).arg(&source);
        let output = succeed(command.arg("-o").arg(folder.path().join("ignore.o")));
        assert!(String::from_utf8_lossy(&output.stderr).contains("unused-result"), "{compiler}");
    }
}

/// A function that the header declares, and the comment above it.
struct Function {
    name: String,
    comment: String,
}

fn functions() -> Vec<Function> {
    let text = header();
    let mut found = Vec::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find("/**") {
        let (comment, after) = rest[start..].split_once("*/").unwrap();
        rest = after;
        if let Some(declaration) = after.trim_start().strip_prefix("EXPMIG_API") {
            let name = declaration.split('(').next().unwrap().split([' ', '\n', '*']).next_back().unwrap();
            found.push(Function { name: name.to_owned(), comment: comment.to_owned() });
        }
    }
    let declared = text.lines().filter(|line| line.starts_with("EXPMIG_API")).count();
    assert_eq!(found.len(), declared, "a function without a comment");
    found
}

#[test]
fn every_function_says_what_it_does_and_since_when() {
    for function in functions() {
        assert!(function.comment.contains("Since 0."), "{}", function.name);
    }
}

/// The folder of the shared library that this build made; `c_api.rs` checks that it did.
fn shared_library() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let beside = program.parent().unwrap();
    let candidates = [beside, beside.parent().unwrap()].map(|folder| folder.join("libexpmig.so"));
    candidates.into_iter().find(|path| path.exists()).expect("no libexpmig.so")
}

#[test]
fn the_library_exports_what_the_header_declares() {
    let output = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(shared_library()));
    let listed = String::from_utf8(output.stdout).unwrap();
    let exported: BTreeSet<&str> = listed.lines().filter_map(|line| line.split(' ').next_back()).collect();
    let functions = functions();
    let mut declared: BTreeSet<&str> = functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(declared.len(), functions.len());
    if cfg!(debug_assertions) {
        declared.insert("expmig__test_panic");
    }
    assert_eq!(exported, declared);
    assert!(!header().contains("__test"));
}

/// The constants that are integers: name and value.
fn constants() -> Vec<(String, i64)> {
    let define = |line: &str| {
        let (name, value) = line.strip_prefix("#define EXPMIG_")?.split_once(' ')?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    };
    header().lines().filter_map(define).collect()
}

#[test]
fn statuses_and_domains_are_those_of_the_engine() {
    let constants = constants();
    let statuses = Status::ALL.iter().map(|status| (status.name().to_owned(), i64::from(status.code())));
    let domains = Domain::ALL.iter().map(|domain| (format!("DOMAIN_{}", domain.name()), i64::from(domain.code())));
    for expected in statuses.clone().chain(domains.clone()).chain([("OK".to_owned(), 0)]) {
        assert!(constants.contains(&expected), "{expected:?}");
    }
    // Nor does the header know more of them: statuses stand together, from OK to the first domain.
    let at = |name: &str| constants.iter().position(|(known, _)| known == name).unwrap();
    let (ok, first_domain) = (at("OK"), at("DOMAIN_DATABASE"));
    assert!(constants[ok + 1..first_domain].iter().cloned().eq(statuses));
    assert!(constants.iter().filter(|(name, _)| name.starts_with("DOMAIN_")).cloned().eq(domains));
}

#[test]
fn the_version_is_that_of_the_crate() {
    let constants = constants();
    let part = |name: &str| constants.iter().find(|(known, _)| known == name).unwrap().1.to_string();
    assert_eq!(part("VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MAJOR"));
    assert_eq!(part("VERSION_MINOR"), env!("CARGO_PKG_VERSION_MINOR"));
    assert_eq!(part("VERSION_PATCH"), env!("CARGO_PKG_VERSION_PATCH"));
}

/// The structs whose fields the header shows: name and fields.
fn structs() -> Vec<(String, Vec<String>)> {
    let mut text = String::new();
    for (at, part) in header().split("/*").enumerate() {
        text.push_str(if at == 0 { part } else { part.split_once("*/").unwrap().1 });
    }
    let mut found = Vec::new();
    for part in text.split("typedef struct").skip(1) {
        let Some((_, after)) = part.split_once('{').filter(|(tag, _)| !tag.contains(';')) else { continue };
        let (fields, name) = after.split_once('}').unwrap();
        let name = name.split(';').next().unwrap().trim().to_owned();
        let last_word = |field: &str| field.trim().split([' ', '*']).next_back().unwrap().to_owned();
        let fields = fields.split(';').filter(|field| !field.trim().is_empty()).map(last_word).collect();
        found.push((name, fields));
    }
    found
}

/// Sizes and offsets must never change but at the end: programs that were built before pass structs of the old size.
#[test]
fn structs_are_laid_out_as_ever() {
    let mut source = String::from("#include <expmig.h>\n#include <stdio.h>\nint main(void)\n{\n");
    for (name, fields) in structs() {
        writeln!(source, "printf(\"{name} %lu\\n\", (unsigned long)sizeof({name}));").unwrap();
        for field in fields {
            writeln!(
                source,
                "printf(\"  {field} %lu %lu\\n\", (unsigned long)offsetof({name}, {field}), \
                 (unsigned long)sizeof((({name} *)0)->{field}));"
            )
            .unwrap();
        }
    }
    source.push_str("return 0;\n}\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layout.c");
    fs::write(&file, source).unwrap();
    let golden = fs::read_to_string(Path::new(ROOT).join("tests/c/layout.txt")).unwrap();
    for compiler in ["gcc", "clang"] {
        let program = folder.path().join(compiler);
        compile(compiler, "c99", std::slice::from_ref(&file), &program);
        let printed = String::from_utf8(succeed(&mut Command::new(program)).stdout).unwrap();
        assert_eq!(printed, golden, "{compiler}: size of each struct, offset and size of each field");
    }
}
