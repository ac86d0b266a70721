//! The ABI: the lists of what it consists of, and programs that were compiled with older headers (docs/abi-stability.md).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::{ROOT, VALGRIND, libraries, link_with_name, printed, succeed, with_databases};

/// What one header declares.
struct Header {
    /// The declaration of each function, in one line.
    functions: BTreeMap<String, String>,
    /// The text of each integer constant.
    constants: BTreeMap<String, String>,
    /// The fields of each struct, in their order, and the declaration of each other type.
    types: BTreeMap<String, Vec<String>>,
}

impl Header {
    fn read(path: &Path) -> Header {
        let text = fs::read_to_string(path).unwrap();
        let mut code = String::new();
        for (at, part) in text.split("/*").enumerate() {
            code.push_str(if at == 0 { part } else { part.split_once("*/").unwrap().1 });
        }
        let defines = code.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' '));
        let constants: BTreeMap<String, String> = defines
            .filter(|(_, value)| value.trim().parse::<i64>().is_ok() || value.trim() == "INT64_MIN")
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let lines: Vec<&str> = code.lines().filter(|line| !line.starts_with('#')).collect();
        let words = lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        let (mut functions, mut types) = (BTreeMap::new(), BTreeMap::new());
        let mut rest = words.as_str();
        while let Some((statement, after)) = next_statement(rest) {
            if let Some(declaration) = statement.strip_prefix("EXPMIG_API ") {
                let name = declaration.split('(').next().unwrap().split([' ', '*']).next_back().unwrap();
                functions.insert(name.to_owned(), declaration.to_owned());
            } else if let Some(declaration) = statement.strip_prefix("typedef ") {
                let (name, fields) = match declaration.split_once('{') {
                    Some((_, body)) => {
                        let (fields, name) = body.rsplit_once('}').unwrap();
                        (
                            name,
                            fields
                                .split(';')
                                .map(|field| field.trim().to_owned())
                                .filter(|field| !field.is_empty())
                                .collect(),
                        )
                    }
                    None => (declaration, vec![declaration.to_owned()]),
                };
                types.insert(name.trim().to_owned(), fields);
            }
            rest = after;
        }
        assert!(functions.len() > 90 && constants.len() > 50 && types.len() > 30, "{}", path.display());
        Header { functions, constants, types }
    }

    fn today() -> Header {
        Header::read(&Path::new(ROOT).join("include/expmig.h"))
    }
}

/// The text up to the next semicolon outside braces, and what follows.
fn next_statement(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' if !text[..at].trim_end().ends_with("\"C\"") => depth += 1,
            '}' => depth -= 1,
            ';' if depth == 0 => {
                let statement = text[..at].trim();
                return Some((
                    statement.rsplit_once("\"C\" {").map_or(statement, |(_, rest)| rest.trim()),
                    &text[at + 1..],
                ));
            }
            _ => {}
        }
    }
    None
}

/// The headers of the releases before.
fn older() -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(Path::new(ROOT).join("tests/abi")).unwrap().map(|entry| entry.unwrap().path());
    let headers: Vec<(String, PathBuf)> = entries
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            Some((name.strip_prefix("expmig-")?.strip_suffix(".h")?.to_owned(), path))
        })
        .collect();
    assert!(!headers.is_empty());
    headers
}

/// The version script of the shared library: what stands before the nodes, and the functions of each node in the order of versions.
struct Nodes {
    head: String,
    nodes: BTreeMap<Release, BTreeSet<String>>,
}

/// MAJOR.MINOR.
type Release = (u32, u32);

const MAP: &str = "packaging/expmig.map";

fn release(version: &str) -> Release {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

impl Nodes {
    fn read() -> Nodes {
        let text = fs::read_to_string(Path::new(ROOT).join(MAP)).unwrap();
        let head = text.lines().take_while(|line| line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
        let (mut nodes, mut node) = (BTreeMap::new(), None);
        for line in text.lines() {
            if let Some((name, _)) = line.strip_prefix("EXPMIG_").and_then(|line| line.split_once(" {")) {
                node = Some(nodes.entry(release(name)).or_insert_with(BTreeSet::new));
            } else if let Some(function) = line.trim().strip_suffix(';').filter(|name| name.starts_with("expmig_")) {
                assert!(node.as_mut().unwrap().insert(function.to_owned()), "{function} stands twice");
            }
        }
        let nodes = Nodes { head, nodes };
        assert_eq!(nodes.text(), text, "{MAP} is written otherwise");
        nodes
    }

    fn text(&self) -> String {
        let mut text = self.head.clone();
        let mut before: Option<String> = None;
        for ((major, minor), functions) in &self.nodes {
            let name = format!("EXPMIG_{major}.{minor}");
            text += &format!("{name} {{\n  global:\n");
            functions.iter().for_each(|function| text += &format!("    {function};\n"));
            text += &match before {
                None => "  local:\n    *;\n};\n".to_owned(),
                Some(before) => format!("}} {before};\n"),
            };
            before = Some(name);
        }
        text
    }

    fn of(&self, function: &str) -> Option<Release> {
        self.nodes.iter().find(|(_, functions)| functions.contains(function)).map(|(release, _)| *release)
    }
}

/// Compares with a list that is kept. Lines are only ever added to it, and that by hand, or with EXPMIG_BLESS=1.
fn is_listed(name: &str, lines: impl Iterator<Item = String>) {
    let path = Path::new(ROOT).join("tests/abi").join(name);
    let text: String = lines.map(|line| line + "\n").collect();
    if std::env::var_os("EXPMIG_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    let (now, before): (BTreeSet<&str>, BTreeSet<&str>) = (text.lines().collect(), kept.lines().collect());
    let gone: Vec<_> = before.difference(&now).collect();
    let new: Vec<_> = now.difference(&before).collect();
    assert!(gone.is_empty(), "{name}: the ABI has no longer {gone:?}: programs break (docs/abi-stability.md)");
    assert!(new.is_empty(), "{name}: EXPMIG_BLESS=1 adds {new:?}");
    assert_eq!(text, kept);
}

/// What the library shows of itself. The functions are compared with the version script, which gives them to the installed library alone.
#[test]
fn the_symbols_are_those_of_the_version_script() {
    let mut command = Command::new("nm");
    let listed = printed(command.args(["-D", "--defined-only"]).arg(libraries().join("libexpmig.so")), "nm");
    let shown = listed.lines().filter_map(|line| line.split(' ').next_back());
    // In debug builds only, and in no header.
    let shown: BTreeSet<String> = shown.filter(|name| *name != "expmig__test_panic").map(str::to_owned).collect();
    let mut nodes = Nodes::read();
    let new: Vec<_> = shown.iter().filter(|name| nodes.of(name).is_none()).cloned().collect();
    if std::env::var_os("EXPMIG_BLESS").is_some() && !new.is_empty() {
        nodes.nodes.entry(release(env!("CARGO_PKG_VERSION"))).or_default().extend(new.clone());
        fs::write(Path::new(ROOT).join(MAP), nodes.text()).unwrap();
        nodes = Nodes::read();
    }
    let new: Vec<_> = new.iter().filter(|name| nodes.of(name).is_none()).collect();
    assert!(new.is_empty(), "{MAP}: EXPMIG_BLESS=1 adds {new:?}");
    let gone: Vec<_> = nodes.nodes.values().flatten().filter(|name| !shown.contains(*name)).collect();
    assert!(gone.is_empty(), "the ABI has no longer {gone:?}: programs break (docs/abi-stability.md)");
}

/// A loader refuses a program that needs a later node than the library has, so each function has to stand where it came.
#[test]
fn functions_stay_in_the_node_of_the_version_that_they_came_with() {
    let nodes = Nodes::read();
    let today = release(env!("CARGO_PKG_VERSION"));
    assert!(nodes.nodes.keys().all(|node| *node <= today), "{MAP} has a node of a later version than {today:?}");
    for (version, path) in older() {
        let (version, header) = (release(&version), Header::read(&path));
        for (node, functions) in &nodes.nodes {
            for function in functions {
                // In the node of a version itself may be what came after its header was kept.
                let there = header.functions.contains_key(function);
                assert!(if there { *node <= version } else { *node >= version }, "{function}: {node:?}, {version:?}");
            }
        }
    }
}

#[test]
fn the_constants_are_those_of_the_list() {
    let of_release = |name: &str| name.starts_with("EXPMIG_VERSION_") || name == "EXPMIG_ABI_VERSION";
    let constants = Header::today().constants.into_iter().filter(|(name, _)| !of_release(name));
    is_listed("constants.txt", constants.map(|(name, value)| format!("{name} {value}")));
}

#[test]
fn older_headers_are_part_of_todays() {
    let today = Header::today();
    for (version, path) in older() {
        let before = Header::read(&path);
        for (name, declaration) in &before.functions {
            assert_eq!(today.functions.get(name), Some(declaration), "{name} of {version}");
        }
        for (name, value) in before.constants.iter().filter(|(name, _)| !name.contains("_VERSION")) {
            // What a header has in all grows with it.
            if name != "EXPMIG_VALIDATE_ALL" {
                assert_eq!(today.constants.get(name), Some(value), "{name} of {version}");
            }
        }
        for (name, fields) in &before.types {
            let now = today.types.get(name).unwrap_or_else(|| panic!("{name} of {version} is gone"));
            assert!(now.starts_with(fields), "{name} of {version} had {fields:?}, and has {now:?}");
        }
    }
}

/// A change that breaks programs is found: the comparison above is not empty.
#[test]
fn what_breaks_programs_is_found() {
    let path = &older()[0].1;
    let text = fs::read_to_string(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let file = folder.path().join("changed.h");
        fs::write(&file, text.replacen(from, to, 1)).unwrap();
        Header::read(&file)
    };
    let before = Header::read(path);
    assert_ne!(changed("int64_t experiment_id,", "int32_t experiment_id,").functions, before.functions);
    assert_ne!(changed("#define EXPMIG_BUSY 7", "#define EXPMIG_BUSY 8").constants, before.constants);
    assert_ne!(changed("int64_t busy_timeout_ms;", "int32_t busy_timeout_ms;").types, before.types);
    assert_ne!(changed("typedef int32_t expmig_status;", "typedef int64_t expmig_status;").types, before.types);
}

#[test]
fn programs_of_older_headers_run_with_this_library() {
    for (version, _) in older() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        let mut command = Command::new("gcc");
        command.args(["-std=c99", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        command.arg(Path::new(ROOT).join(format!("tests/abi/program-{version}.c")));
        command.args(link_with_name(&libraries(), folder.path())).arg("-o").arg(&program);
        succeed(&mut command, &version);
        with_databases(folder.path());
        let mut valgrind = Command::new("valgrind");
        valgrind.args(VALGRIND).arg(program).current_dir(folder.path()).env_remove("LD_LIBRARY_PATH");
        succeed(&mut valgrind, &format!("the program of {version}"));
    }
}
