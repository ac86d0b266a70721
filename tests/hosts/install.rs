//! What `make install` installs: programs find it as they find other libraries, also after it was moved, and it keeps to itself what is
//! not its interface. The libraries are made of this build's; `make check-dist` looks at those of the profile that users get.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::programs::{ROOT, SYSTEM_LIBRARIES, libraries, link_with_name, printed, succeed, with_databases};

/// A prefix that was installed elsewhere and then moved here. One for all tests; the next run replaces it.
fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("install");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        install(&folder.join("stage"), &["PREFIX=/opt/expmig"]);
        let moved = folder.join("moved to");
        fs::rename(folder.join("stage/opt/expmig"), &moved).unwrap();
        moved
    })
}

/// A script of packaging/.
fn script(name: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg(Path::new(ROOT).join("packaging").join(name));
    command
}

/// The target folder with what packaging/build.sh leaves, of what this build built. One for all tests.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("install-from");
        let dist = target.join("dist");
        fs::create_dir_all(&dist).unwrap();
        let archive = libraries().join("libexpmig.a");
        let mut link = script("link-shared.sh");
        // Compilers are told by several words, too.
        link.env("CC", "env cc");
        link.arg(&archive).arg(dist.join("libexpmig.so")).arg(env!("EXPMIG_SONAME")).args(SYSTEM_LIBRARIES);
        succeed(&mut link, "link-shared.sh");
        succeed(script("hide-symbols.sh").arg(&archive).arg(dist.join("libexpmig.a")), "hide-symbols.sh");
        fs::write(dist.join("native-static-libs"), SYSTEM_LIBRARIES.join(" ")).unwrap();
        fs::write(dist.join("expmig.cdx.json"), parts(&[])).unwrap();
        target
    })
}

/// The text of the list of what the library consists of, built with those options.
fn parts(options: &[&str]) -> String {
    printed(script("sbom.sh").arg(libraries().join("libexpmig.a")).args(options), "sbom.sh")
}

/// `make VERB` of what this build built, into a folder that stands for /.
fn make(verb: &str, root: &Path, variables: &[&str]) {
    let mut command = Command::new("make");
    command.current_dir(ROOT).env_remove("MAKEFLAGS").arg("--no-print-directory").arg(verb).args(variables);
    succeed(
        command.arg(format!("DESTDIR={}", root.display())).arg(format!("TARGET={}", built().display())),
        &format!("make {verb}"),
    );
}

fn install(root: &Path, variables: &[&str]) {
    make("install-built", root, variables);
}

fn pkg_config(prefix: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).args(arguments).arg("expmig");
    let text = printed(&mut command, "pkg-config");
    // The folder has a blank in it, which pkg-config escapes.
    text.trim().replace("\\ ", "\u{0}").split(' ').map(|word| word.replace('\u{0}', " ")).collect()
}

fn build(compiler: &str, source: &str, arguments: &[String], program: &Path) {
    let mut command = Command::new(compiler);
    if compiler == "gcc" {
        command.args(["-std=gnu99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    }
    command.arg(Path::new(ROOT).join(source)).args(arguments).arg("-o").arg(program);
    succeed(&mut command, source);
}

/// Runs a program beside its databases.
fn run(program: &Path, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    with_databases(folder.path());
    let mut command = Command::new(program);
    // The path in the program leads to the library; cargo's variable would lead past it.
    command.env_remove("LD_LIBRARY_PATH").args(arguments).current_dir(folder.path());
    printed(&mut command, &program.display().to_string())
}

fn copies(program: &Path) {
    let output = run(program, &["digits.db", "1", "new.db"]);
    assert!(output.contains("copied experiment 1 as experiment 1"), "{output}");
}

/// What a program needs, by the names that the loader looks for.
fn needs(program: &Path) -> Vec<String> {
    let listed = printed(Command::new("readelf").arg("-d").arg(program), "readelf");
    let needed = listed.lines().filter(|line| line.contains("(NEEDED)"));
    needed.map(|line| line.split(['[', ']']).nth(1).unwrap().to_owned()).collect()
}

fn rpath(prefix: &Path) -> String {
    format!("-Wl,-rpath,{}", prefix.join("lib").display())
}

#[test]
fn c_programs_find_the_shared_library_by_pkg_config() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    let mut arguments = pkg_config(prefix(), &["--cflags", "--libs"]);
    arguments.push(rpath(prefix()));
    build("gcc", "examples/c/migrate.c", &arguments, &program);
    assert!(needs(&program).contains(&env!("EXPMIG_SONAME").to_owned()));
    // Each function by the version that it came with.
    let listed = printed(Command::new("nm").arg("-D").arg(&program), "nm");
    let used: Vec<_> = listed.lines().filter(|line| line.contains("expmig_")).collect();
    assert!(used.len() > 5 && used.iter().all(|line| line.contains("@EXPMIG_")), "{listed}");
    copies(&program);
}

#[test]
fn programs_that_were_linked_before_functions_had_versions_run() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    // cargo's own library has none.
    let mut arguments = vec![format!("-I{ROOT}/include")];
    arguments.extend(link_with_name(&libraries(), folder.path()));
    build("gcc", "examples/c/migrate.c", &arguments, &program);
    assert!(!printed(Command::new("nm").arg("-D").arg(&program), "nm").contains("@EXPMIG_"));
    let name = folder.path().join(env!("EXPMIG_SONAME"));
    fs::remove_file(&name).unwrap();
    symlink(prefix().join("lib/libexpmig.so"), &name).unwrap();
    copies(&program);
}

#[test]
fn c_programs_find_the_static_library_by_pkg_config() {
    let folder = tempfile::tempdir().unwrap();
    // A linker takes the archive if the whole program is static, or if there is nothing else.
    for fully in [false, true] {
        let program = folder.path().join(format!("program-{fully}"));
        let mut arguments = pkg_config(prefix(), &["--static", "--cflags", "--libs"]);
        if fully {
            arguments.push("-static".to_owned());
        } else {
            let library = arguments.iter().position(|argument| argument == "-lexpmig").unwrap();
            arguments[library] = "-l:libexpmig.a".to_owned();
        }
        build("gcc", "examples/c/migrate.c", &arguments, &program);
        let needs = needs(&program);
        assert!(needs.iter().all(|name| !name.contains("expmig")), "{needs:?}");
        assert_eq!(needs.is_empty(), fully, "{needs:?}");
        copies(&program);
    }
}

#[test]
fn pkg_config_knows_the_version() {
    assert_eq!(pkg_config(prefix(), &["--modversion"]), [env!("CARGO_PKG_VERSION")]);
}

#[test]
fn programs_find_both_libraries_by_cmake() {
    let folder = tempfile::tempdir().unwrap();
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(Path::new(ROOT).join("tests/install")).arg("-B").arg(folder.path());
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix().display())).arg(format!("-DSOURCES={ROOT}"));
    succeed(configure.arg("-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror"), "cmake");
    succeed(Command::new("cmake").arg("--build").arg(folder.path()).args(["--parallel", "2"]), "cmake --build");
    for (program, shared) in [("cpp-shared", true), ("cpp-static", false), ("cpp-expmig", true), ("c-static", false)] {
        let program = folder.path().join(program);
        assert_eq!(needs(&program).contains(&env!("EXPMIG_SONAME").to_owned()), shared, "{}", program.display());
        copies(&program);
    }
}

#[test]
fn cmake_is_told_which_versions_are_compatible() {
    let folder = tempfile::tempdir().unwrap();
    let find = |version: &str| {
        let source = folder.path().join(version);
        fs::create_dir(&source).unwrap();
        let text = format!(
            "cmake_minimum_required(VERSION 3.19)\nproject(p NONE)\nfind_package(expmig {version} CONFIG REQUIRED)\n"
        );
        fs::write(source.join("CMakeLists.txt"), text).unwrap();
        let mut command = Command::new("cmake");
        command.arg("-S").arg(&source).arg("-B").arg(source.join("build"));
        command.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix().display())).output().unwrap().status.success()
    };
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    let later = minor.parse::<u32>().unwrap() + 1;
    for (version, found) in [
        (env!("CARGO_PKG_VERSION").to_owned(), true),
        (format!("{major}.{minor}"), true),
        (format!("{} EXACT", env!("CARGO_PKG_VERSION")), true),
        (format!("{major}.{minor}...{major}.{later}"), true),
        (format!("{major}.{later}"), false),
        (format!("{major}.{minor}.999"), false),
        (format!("{}.0", major.parse::<u32>().unwrap() + 1), false),
        (format!("{major}.{later}...{}", later + 1), false),
    ] {
        assert_eq!(find(&version), found, "{version}");
    }
}

#[test]
fn it_can_be_loaded_let_go_of_and_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("reload");
    let mut arguments = pkg_config(prefix(), &["--cflags"]);
    arguments.extend(["-ldl", "-pthread"].map(str::to_owned));
    build("gcc", "tests/install/reload.c", &arguments, &program);
    let library = prefix().join("lib").join(env!("EXPMIG_SONAME"));
    assert_eq!(run(&program, &[library.to_str().unwrap(), "digits.db"]), "loaded again\n");
}

#[test]
fn a_program_keeps_a_sqlite_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    // Whichever comes first on the command line.
    for libraries in [["-lexpmig", "-lsqlite3"], ["-l:libexpmig.a", "-lsqlite3"], ["-lsqlite3", "-l:libexpmig.a"]] {
        let program = folder.path().join("program");
        let mut arguments = pkg_config(prefix(), &["--static", "--cflags", "--libs"]);
        let at = arguments.iter().position(|argument| argument == "-lexpmig").unwrap();
        arguments.splice(at..=at, libraries.map(str::to_owned));
        arguments.push(rpath(prefix()));
        build("gcc", "tests/install/own_sqlite.c", &arguments, &program);
        assert_eq!(run(&program, &["digits.db"]), "both work\n", "{libraries:?}");
    }
}

#[test]
fn another_rust_library_can_be_linked_beside_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024", "--crate-type=staticlib", "-o"]).arg(folder.path().join("libother.a"));
    succeed(rustc.arg(Path::new(ROOT).join("tests/install/other.rs")), "rustc");
    let program = folder.path().join("program");
    let mut arguments = pkg_config(prefix(), &["--static", "--cflags", "--libs"]);
    let at = arguments.iter().position(|argument| argument == "-lexpmig").unwrap();
    let other = format!("-L{}", folder.path().display());
    arguments.splice(at..=at, [other, "-lother".to_owned(), "-l:libexpmig.a".to_owned()]);
    build("gcc", "tests/install/two_rusts.c", &arguments, &program);
    assert_eq!(run(&program, &[]), "both work\n");
}

#[test]
fn python_calls_it_by_hand() {
    let python = std::env::var("EXPMIG_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let (script, library) = (Path::new(ROOT).join("tests/install/by_hand.py"), prefix().join("lib/libexpmig.so"));
    let output = run(Path::new(&python), &[script.to_str().unwrap(), library.to_str().unwrap(), "digits.db"]);
    assert_eq!(output, "works\n");
}

/// The symbols that others can see, without their versions.
fn symbols(arguments: &[&str], library: &str) -> BTreeSet<String> {
    let mut command = Command::new("nm");
    command.args(arguments).args(["--defined-only", "--format=posix"]).arg(prefix().join("lib").join(library));
    let listed = printed(&mut command, library);
    let words = listed.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let names = words.filter(|words| words.get(1).is_some_and(|kind| kind.len() == 1)).map(|words| words[0].to_owned());
    // The versions are symbols too.
    let names = names.filter(|name| !name.starts_with("EXPMIG_"));
    names.map(|name| name.split_once("@@EXPMIG_").map_or(name.clone(), |(name, _)| name.to_owned())).collect()
}

#[test]
fn both_libraries_show_their_interface_and_nothing_else() {
    let (shared, fixed) = (symbols(&["--dynamic"], "libexpmig.so"), symbols(&["--extern-only"], "libexpmig.a"));
    assert!(shared.len() > 100 && shared.iter().all(|name| name.starts_with("expmig_")), "{shared:?}");
    assert_eq!(shared, fixed);
}

#[test]
fn the_least_glibc_is_the_documented_one() {
    let least = printed(script("check-glibc.sh").arg(prefix().join("lib/libexpmig.so")), "check-glibc.sh");
    assert!(least.starts_with("2."), "{least}");
}

#[test]
fn the_shared_library_says_how_it_wants_to_be_loaded() {
    let mut command = Command::new("readelf");
    let listed = printed(command.arg("-d").arg(prefix().join("lib/libexpmig.so")), "readelf");
    assert!(listed.contains(&format!("soname: [{}]", env!("EXPMIG_SONAME"))), "{listed}");
    assert!(listed.lines().any(|line| line.contains("(FLAGS_1)") && line.contains("NODELETE")), "{listed}");
    for unwanted in ["RPATH", "RUNPATH", "TEXTREL"] {
        assert!(!listed.contains(unwanted), "{listed}");
    }
    let link = |name: &str| fs::read_link(prefix().join("lib").join(name)).unwrap();
    assert_eq!(link("libexpmig.so"), Path::new(env!("EXPMIG_SONAME")));
    assert_eq!(link(env!("EXPMIG_SONAME")), PathBuf::from(format!("libexpmig.so.{}", env!("CARGO_PKG_VERSION"))));
}

/// The page is made of the header, and a test of Python's sees that it is. Here: what formats it and what indexes it.
#[test]
fn there_is_a_man_page_and_the_name_of_every_function_leads_to_it() {
    let folder = prefix().join("share/man/man3");
    let page = folder.join("expmig.3");
    let mut groff = Command::new("groff");
    let complaints = groff.args(["-man", "-ww", "-z", "-Tutf8"]).arg(&page).output().unwrap();
    assert!(complaints.status.success() && complaints.stderr.is_empty(), "{complaints:?}");
    let described = printed(Command::new("lexgrog").arg(&page), "lexgrog");
    assert!(
        described.ends_with(": \"expmig - embeddable migration engine for experiment-tracking databases\"\n"),
        "{described}"
    );
    let links = files(&folder).into_iter().filter(|path| path != &page);
    let names: BTreeSet<String> =
        links.map(|path| path.file_name().unwrap().to_str().unwrap().trim_end_matches(".3").to_owned()).collect();
    assert_eq!(names, symbols(&["--dynamic"], "libexpmig.so"));
    let text = fs::read_to_string(&page).unwrap();
    for name in names {
        assert_eq!(fs::read_link(folder.join(format!("{name}.3"))).unwrap(), Path::new("expmig.3"));
        assert!(text.contains(&format!("\n.SS {name}\n")), "{name}");
    }
}

/// Files and links below a folder.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

#[test]
fn folders_can_be_chosen_and_uninstall_removes_what_was_installed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let chosen = [
        "PREFIX=/usr",
        "LIBDIR=/usr/lib/x86_64-linux-gnu",
        "INCLUDEDIR=/usr/include/sub",
        "DATADIR=/usr/data",
        "DOCDIR=/usr/texts",
        "MANDIR=/usr/manual",
    ];
    let foreign = ["usr/include/sub/expmig/of_others.hpp", "usr/texts/docs/of_others.md", "usr/lib/of_others"];
    let foreign = BTreeSet::from(foreign.map(|file| root.join(file)));
    for file in &foreign {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }
    install(root, &chosen);
    install(root, &chosen); // once more, over it
    let installed = files(root);
    assert!(installed.contains(&root.join("usr/lib/x86_64-linux-gnu/libexpmig.so")), "{installed:?}");
    assert!(installed.contains(&root.join("usr/include/sub/expmig/manager.hpp")), "{installed:?}");
    assert!(installed.contains(&root.join("usr/texts/docs/install.md")), "{installed:?}");
    assert!(!root.join("usr/share").exists(), "{installed:?}");
    let text = fs::read_to_string(root.join("usr/lib/x86_64-linux-gnu/pkgconfig/expmig.pc")).unwrap();
    assert!(
        text.contains(
            "prefix=${pcfiledir}/../../..\nlibdir=${prefix}/lib/x86_64-linux-gnu\nincludedir=${prefix}/include/sub\n"
        ),
        "{text}"
    );
    assert!(installed.contains(&root.join("usr/manual/man3/expmig_database_open.3")), "{installed:?}");
    make("uninstall", root, &chosen);
    assert_eq!(files(root), foreign);
    // The folders that are its own are gone too, but where something of others is.
    for (folder, there) in
        [("usr/lib/x86_64-linux-gnu/cmake/expmig", false), ("usr/texts/examples", false), ("usr/texts/docs", true)]
    {
        assert_eq!(root.join(folder).exists(), there, "{folder}");
    }
}

/// Somebody who cloned it to ~/expmig and installs into ~/expmig. A copy, so that nothing is lost should it not be refused.
#[test]
fn nothing_is_installed_into_the_repository_or_removed_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["Cargo.toml", "Makefile", "README.md", "include/expmig.h", "packaging/install.sh"] {
        let to = root.join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(Path::new(ROOT).join(name), to).unwrap();
    }
    let before = files(root);
    let prefix = format!("PREFIX={}", root.display());
    let (documents, away) = (format!("DOCDIR={}", root.display()), format!("PREFIX={}/away", root.display()));
    for verb in ["install-built", "uninstall"] {
        for chosen in [[prefix.as_str(), "DESTDIR="], [documents.as_str(), away.as_str()]] {
            let mut command = Command::new("make");
            command.env_remove("MAKEFLAGS").arg(verb).args(chosen).current_dir(root);
            let done = command.output().unwrap();
            assert!(!done.status.success());
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(said.contains("belongs to this repository") && said.contains("choose another PREFIX"), "{said}");
            assert_eq!(files(root), before);
        }
    }
}

#[test]
fn what_is_installed_was_built_first_also_with_many_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let packaging = folder.path().join("packaging");
    fs::create_dir(&packaging).unwrap();
    fs::copy(Path::new(ROOT).join("Makefile"), folder.path().join("Makefile")).unwrap();
    fs::write(packaging.join("build.sh"), "sleep 0.2 && echo built >built").unwrap();
    fs::write(packaging.join("install.sh"), "cat built").unwrap();
    let mut command = Command::new("make");
    let said = printed(
        command.env_remove("MAKEFLAGS").args(["--silent", "-j4", "install"]).current_dir(folder.path()),
        "make",
    );
    assert_eq!(said.trim(), "built");
}

/// Nothing that is installed as text names a folder of this machine, nor the one that it was installed into.
#[test]
fn the_texts_name_no_folder() {
    for path in files(prefix()) {
        if path.to_str().unwrap().contains("libexpmig") {
            continue;
        }
        // Pictures are no text, and have words in them, too.
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for folder in [ROOT, env!("CARGO_TARGET_TMPDIR"), "/opt/expmig"] {
            assert!(!text.contains(folder), "{}", path.display());
        }
        assert!(!text.contains("@VERSION@") && !text.contains("_LIBS@"), "{}", path.display());
    }
}

/// CycloneDX 1.6: what its schema requires of the fields that are used, and that all references lead somewhere.
fn check_parts(document: &Value) -> BTreeMap<String, &Value> {
    assert_eq!((&document["bomFormat"], &document["specVersion"]), (&json!("CycloneDX"), &json!("1.6")));
    assert!(document["version"].as_u64().unwrap() >= 1);
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).unwrap().to_owned();
    let mut found = BTreeMap::new();
    let components = document["components"].as_array().unwrap();
    for component in components.iter().chain([&document["metadata"]["component"]]) {
        assert_eq!(component["type"], "library");
        assert!(text(&component["purl"]).starts_with("pkg:") && component["purl"] == component["bom-ref"]);
        text(&component["version"]);
        for licence in component["licenses"].as_array().unwrap() {
            text(licence.get("expression").unwrap_or(&licence["license"]["name"]));
        }
        for hash in component["hashes"].as_array().into_iter().flatten() {
            assert!(hash["alg"] == "SHA-256" && text(&hash["content"]).len() == 64);
        }
        assert!(found.insert(text(&component["bom-ref"]), component).is_none(), "{component} stands twice");
    }
    let mut depend = BTreeSet::new();
    for dependency in document["dependencies"].as_array().unwrap() {
        assert!(depend.insert(text(&dependency["ref"])));
        assert!(dependency["dependsOn"].as_array().unwrap().iter().all(|on| found.contains_key(&text(on))));
    }
    assert!(depend.iter().eq(found.keys()), "each has its dependencies, if none");
    found
}

fn names(found: &BTreeMap<String, &Value>) -> BTreeSet<String> {
    found.values().map(|component| component["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_list_of_parts_has_what_is_linked_and_nothing_else() {
    let text = fs::read_to_string(prefix().join("share/doc/expmig/expmig.cdx.json")).unwrap();
    assert_eq!(text, parts(&["--jobs", "2"]), "the same parts are the same text");
    let document: Value = serde_json::from_str(&text).unwrap();
    let found = check_parts(&document);
    assert_eq!(document["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
    let sqlite = format!("pkg:generic/sqlite@{}", rusqlite::version());
    assert!(found.contains_key(&sqlite), "{sqlite}");
    let linked = names(&found);
    for name in [
        "rusqlite",
        "libsqlite3-sys",
        "mysql",
        "postgres-protocol",
        "rustls",
        "ring",
        "blake3",
        "Rust standard library",
    ] {
        assert!(linked.contains(name), "{name}: {linked:?}");
    }
    // For the tests, for the build, for the compiler, for other systems.
    for name in ["proptest", "cbindgen", "cc", "serde_derive", "syn", "windows-sys", "wasi"] {
        assert!(!linked.contains(name), "{name}: {linked:?}");
    }
    let lean = parts(&["--no-default-features", "--features", "bundled-sqlite"]);
    let lean: Value = serde_json::from_str(&lean).unwrap();
    let lean = names(&check_parts(&lean));
    assert!(lean.contains("SQLite") && !lean.contains("mysql") && !lean.contains("ring"), "{lean:?}");
    let of_system: Value =
        serde_json::from_str(&parts(&["--no-default-features", "--features=system-sqlite"])).unwrap();
    assert!(!names(&check_parts(&of_system)).contains("SQLite"));
}

/// THIRD-PARTY-NOTICES.md has a line for each crate and version that is linked into the library or the command, and a licence for each.
#[test]
fn the_notices_are_those_of_the_locked_crates() {
    let notices = fs::read_to_string(prefix().join("share/doc/expmig/THIRD-PARTY-NOTICES.md")).unwrap();
    let document: Value = serde_json::from_str(&parts(&["--features", "cli"])).unwrap();
    let crates = check_parts(&document).into_keys().filter_map(|reference| {
        Some(reference.strip_prefix("pkg:cargo/").filter(|name| !name.starts_with("expmig@"))?.replace('@', " "))
    });
    let linked: BTreeSet<String> = crates.collect();
    let listed = notices.lines().filter_map(|line| Some(line.strip_prefix("- [")?.split_once(']')?.0.to_owned()));
    let listed: BTreeSet<String> = listed.collect();
    let missing: Vec<_> = linked.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&linked).collect();
    assert!(missing.is_empty() && gone.is_empty(), "make notices: {missing:?} are missing, {gone:?} are not linked");
    for part in ["SQLite", "Rust standard library", "BoringSSL"] {
        assert!(notices.contains(part), "{part}");
    }
}

/// What is installed to be read leads to what is installed, as in the repository.
#[test]
fn licences_texts_and_examples_are_installed() {
    let doc = prefix().join("share/doc/expmig");
    for name in ["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md", "SECURITY.md", "docs/export.schema.json"] {
        assert!(doc.join(name).is_file(), "{name}");
    }
    let only_in_the_repository = ["benches", "fuzz", "tests"];
    for path in files(&doc).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
        let text = fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !link.contains('.') || link.contains([' ', ':']) {
                continue;
            }
            let inside = link.trim_start_matches("../");
            if !only_in_the_repository.iter().any(|folder| inside.starts_with(folder)) {
                assert!(path.with_file_name(link).exists(), "{}: {link}", path.display());
            }
        }
    }
    let mut command = Command::new("gcc");
    command.arg("-fsyntax-only").args(pkg_config(prefix(), &["--cflags"])).arg(doc.join("examples/c/migrate.c"));
    succeed(&mut command, "an installed example");
}
