//! The structure of `src/`: which room may use which, and that no two files import each other.
//!
//! Read from the text alone, by `use` lines and paths that begin with `crate::` or `super::`. A name that a folder's mod.rs hands on
//! (`pub use`) counts as an import of the file that defines it; a mod.rs that only declares and hands on is nobody's neighbour. Tests
//! inside a file do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The rooms, from the bottom up: each may use those of the lines above its own. What stands in one line is apart from each other.
const LAYERS: &[&[&str]] = &[
    &["error"],
    &["process", "values", "schema", "registry", "threads", "sockets", "progress"],
    &["files"],
    &["spill"],
    &["database"],
    &["hierarchy"],
    &["digest"],
    &["validation", "snapshot", "arrow"],
    &["transformation"],
    &["migration", "exchange"],
    &["report", "readers"],
    &["manager"],
    &["capi"],
];

/// A module, by its names from the root of the crate.
type Module = Vec<String>;

/// The files under `src`: their paths there, and their texts.
type Files = Vec<(String, String)>;

fn read(folder: &Path, below: &str, files: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{below}{name}");
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), &format!("{path}/"), files);
        } else if let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "tests") {
            assert!(!module.is_empty());
            files.push((path, std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

/// Without comments and without the tests of the file itself.
fn code(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or("")).collect();
    let is_test = |pair: &[&str]| pair[0].trim() == "#[cfg(test)]" && pair[1].trim().starts_with("mod ");
    let end = lines.windows(2).position(is_test).unwrap_or(lines.len());
    lines[..end].join("\n")
}

fn module(path: &str) -> Module {
    let mut names: Module = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if names.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        names.pop();
    }
    names
}

/// `a::{b, c::{d, e}}` as its paths.
fn opened(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap_or("").trim().to_owned()];
    };
    let body = &rest[..rest.rfind('}').unwrap_or(rest.len())];
    let (mut parts, mut depth, mut part) = (Vec::new(), 0, String::new());
    for letter in body.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(letter);
    }
    parts.push(part);
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| opened(part)).map(|path| format!("{}{path}", head.trim())).collect()
}

/// Every path that a file names: whether it hands it on, and its names.
fn paths(code: &str) -> Vec<(bool, Vec<String>)> {
    let mut found = Vec::new();
    let mut add = |public: bool, path: &str| {
        let names = path.split("::").map(str::trim).filter(|name| !name.is_empty() && *name != "*");
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        if names.last().is_some_and(|last| last == "self") && names.len() > 1 {
            names.pop();
        }
        if !names.is_empty() {
            found.push((public, names));
        }
    };
    let mut rest = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        let visible = trimmed.strip_prefix("pub").map(|after| after.split_once(") ").map_or(after, |(_, after)| after));
        let Some(tree) = visible.unwrap_or(trimmed).trim_start().strip_prefix("use ") else {
            rest.push_str(line);
            rest.push('\n');
            continue;
        };
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            let Some(next) = lines.next() else { break };
            tree.push(' ');
            tree.push_str(next);
        }
        for path in opened(tree.split(';').next().unwrap_or("")) {
            add(visible.is_some(), &path);
        }
    }
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    for word in rest.split(|letter| !is_name(letter)) {
        if word.starts_with("crate::") || word.starts_with("super::") {
            add(false, word);
        }
    }
    found
}

/// What imports what.
struct Structure {
    /// Each module's file.
    files: BTreeMap<Module, String>,
    /// What a module hands on: by the module and the name.
    handed: BTreeMap<(Module, String), Module>,
    ties: BTreeMap<Module, BTreeSet<Module>>,
}

impl Structure {
    fn new(files: &Files) -> Structure {
        let texts: BTreeMap<Module, String> = files.iter().map(|(path, text)| (module(path), code(text))).collect();
        let names = files.iter().map(|(path, _)| (module(path), path.clone())).collect();
        let mut structure = Structure { files: names, handed: BTreeMap::new(), ties: BTreeMap::new() };
        let named: BTreeMap<&Module, Vec<(bool, Module, String)>> =
            texts.iter().map(|(module, text)| (module, structure.named(module, text))).collect();
        for (module, named) in &named {
            for (_, target, name) in named.iter().filter(|(public, ..)| *public) {
                structure.handed.insert(((*module).clone(), name.clone()), target.clone());
            }
        }
        let items = ["fn ", "impl ", "impl<", "struct ", "enum ", "trait ", "static ", "macro_rules!"];
        let only_hands_on = |module: &Module| !items.iter().any(|item| texts[module].contains(item));
        for (module, named) in named {
            if only_hands_on(module) {
                continue;
            }
            for (public, target, _) in named {
                let Some(owner) = structure.owner(&target, 0) else { continue };
                let below = public && owner.starts_with(module);
                if owner != *module && !below && !only_hands_on(&owner) {
                    structure.ties.entry(module.clone()).or_default().insert(owner);
                }
            }
        }
        structure
    }

    /// Each path in a module as one from the root, and its last name; without those of other crates.
    fn named(&self, here: &Module, text: &str) -> Vec<(bool, Module, String)> {
        let absolute = |names: Vec<String>| -> Option<Module> {
            let mut base = here.clone();
            let mut names = names.as_slice();
            if names[0] == "crate" {
                base.clear();
                names = &names[1..];
            } else if names[0] == "self" || names[0] == "super" {
                while let Some(first) = names.first().filter(|first| *first == "self" || *first == "super") {
                    if first == "super" {
                        base.pop();
                    }
                    names = &names[1..];
                }
            } else {
                base.push(names[0].clone());
                if !self.files.contains_key(&base) {
                    return None;
                }
                names = &names[1..];
            }
            base.extend_from_slice(names);
            Some(base)
        };
        let all = paths(text).into_iter();
        all.filter_map(|(public, names)| {
            let last = names.last().cloned()?;
            Some((public, absolute(names)?, last))
        })
        .collect()
    }

    /// The module to whose file a path leads.
    fn owner(&self, path: &[String], depth: usize) -> Option<Module> {
        let length = (0..=path.len()).rev().find(|length| self.files.contains_key(&path[..*length]))?;
        let (file, rest) = path.split_at(length);
        if let Some((name, rest)) = rest.split_first()
            && let Some(target) = self.handed.get(&(file.to_vec(), name.clone())).filter(|_| depth < 20)
        {
            return self.owner(&[target.as_slice(), rest].concat(), depth + 1);
        }
        Some(file.to_vec())
    }

    /// What can be reached from a module.
    fn reach<'s>(&'s self, from: &'s Module) -> BTreeSet<&'s Module> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            next.extend(self.ties.get(module).into_iter().flatten().filter(|tied| seen.insert(*tied)));
        }
        seen
    }

    /// Imports that are part of a circle.
    fn circles(&self) -> Vec<String> {
        let reach: BTreeMap<&Module, BTreeSet<&Module>> =
            self.ties.keys().map(|module| (module, self.reach(module))).collect();
        let mut found = Vec::new();
        for (from, ties) in &self.ties {
            for to in ties.iter().filter(|to| reach.get(to).is_some_and(|reach| reach.contains(from))) {
                found.push(format!("{} imports {}, which leads back to it", self.files[from], self.files[to]));
            }
        }
        found
    }

    /// Imports from a room that does not stand below.
    fn upwards(&self) -> Vec<String> {
        let layer = |module: &Module| {
            let room = module.first()?;
            LAYERS.iter().position(|rooms| rooms.contains(&room.as_str()))
        };
        let mut found = Vec::new();
        for (from, ties) in self.ties.iter().filter(|(from, _)| !from.is_empty()) {
            if layer(from).is_none() {
                found.push(format!("{} is in no layer: add its room to the table", self.files[from]));
            }
            for to in ties.iter().filter(|to| !to.is_empty() && to[0] != from[0]) {
                if layer(to) >= layer(from) {
                    found.push(format!(
                        "{} imports {}, which does not stand below it",
                        self.files[from], self.files[to]
                    ));
                }
            }
        }
        found
    }

    fn problems(&self) -> Vec<String> {
        [self.circles(), self.upwards()].concat()
    }
}

#[test]
fn files_import_what_stands_below_them_and_never_each_other() {
    let mut files = Files::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    // The command is a crate of its own, which is not looked at.
    files.retain(|(path, _)| !path.starts_with("bin/"));
    let structure = Structure::new(&files);
    assert!(structure.ties.len() > 200, "the imports were not found");
    let problems = structure.problems();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The problems of files that are given as path and text.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Structure::new(&files).problems()
}

#[test]
fn a_circle_is_found_through_what_a_folder_hands_on() {
    let folder = ("digest/mod.rs", "mod a;\nmod b;\npub use a::One;\npub use b::{Two, other::Three};\n");
    let one = ("digest/a.rs", "use super::Two;\npub struct One;\n");
    let found = problems(&[folder, one, ("digest/b.rs", "pub struct Two(crate::digest::One);\n")]);
    let wanted = [
        "digest/a.rs imports digest/b.rs, which leads back to it",
        "digest/b.rs imports digest/a.rs, which leads back to it",
    ];
    assert_eq!(found, wanted);
    let through = (
        "digest/b.rs",
        "use std::{fmt, collections::{BTreeMap, BTreeSet}};\nuse super::c::{\n    Four,\n};\npub struct Two;\n",
    );
    assert_eq!(
        problems(&[folder, one, through, ("digest/c.rs", "pub(super) use super::a::One as Four;\nfn f() {}\n")]).len(),
        3
    );
    let tests = (
        "digest/b.rs",
        "pub struct Two;\n// use super::One;\n#[cfg(test)]\nmod tests {\n    use super::super::One;\n}\n",
    );
    assert_eq!(problems(&[folder, one, tests]), [""; 0]);
}

#[test]
fn an_upward_import_is_found_and_one_to_the_side_and_a_room_without_a_place() {
    let digest = ("digest/mod.rs", "pub struct Digest;\n");
    let found = problems(&[digest, ("schema/ddl.rs", "fn f() -> crate::digest::Digest {}\n")]);
    assert_eq!(found, ["schema/ddl.rs imports digest/mod.rs, which does not stand below it"]);
    let found = problems(&[
        ("snapshot/mod.rs", "pub struct S;\n"),
        ("validation/run.rs", "use crate::snapshot::S;\nfn f() {}\n"),
    ]);
    assert_eq!(found, ["validation/run.rs imports snapshot/mod.rs, which does not stand below it"]);
    let found = problems(&[digest, ("attic/mod.rs", "use crate::digest::Digest;\nfn f() {}\n")]);
    assert_eq!(found[0], "attic/mod.rs is in no layer: add its room to the table");
    assert_eq!(problems(&[digest, ("manager.rs", "use crate::digest::Digest;\nfn f() {}\n")]), [""; 0]);
}
