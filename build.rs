//! Makes include/expmig.h of src/capi/, packs the scripts of the page that src/report makes, and says how the shared library is linked.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The sections of the header, in its order: types before their users.
const SECTIONS: &[&str] = &[
    "status",
    "library",
    "error",
    "cancel",
    "progress",
    "database",
    "query",
    "manager",
    "experiment",
    "experiments",
    "comparison",
    "snapshot",
    "snapshots",
    "migration",
    "jobs",
    "report",
    "validation",
    "export",
    "import",
    "import_result",
    "bring_in",
    "bring_in_result",
    "report_html",
    "check",
    "transformation",
    "transformation_result",
    "plan",
    "undo",
    "undo_result",
    "transformer",
    "arrow",
];

/// Where the parts of the page are.
const ASSETS: &str = "src/report/assets";
/// How hard the packing tries.
const BEST: u8 = 10;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    println!("cargo:rerun-if-changed=src/capi");
    println!("cargo:rerun-if-changed=include/expmig.h");
    let soname = format!("libexpmig.so.{}", compatible_version());
    println!("cargo:rustc-env=EXPMIG_SONAME={soname}");
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    // Unloading a Rust library whose thread-local destructors still have to run would crash. What packaging/build.sh makes has no such type.
    let is_shared = fs::read_to_string(root.join("Cargo.toml")).is_ok_and(|text| text.contains("\"cdylib\""));
    if is_shared && env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        // cargo-c gives the same name itself.
        if env::var_os("CARGO_FEATURE_CAPI").is_none() {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{soname}");
        }
        // Tests start themselves again thousands of times, and at a fixed address nothing has to be relocated. A package has no tests.
        if root.join("tests").exists() {
            println!("cargo:rustc-link-arg-tests=-no-pie");
        }
    }
    println!("cargo:rerun-if-changed={ASSETS}");
    // Without them the crate does not compile, which says their names.
    if let Err(error) = pack_scripts(&root.join(ASSETS), &PathBuf::from(variable("OUT_DIR"))) {
        println!("cargo:warning=the scripts in {ASSETS} cannot be packed: {error}");
    }
    if let Err(message) = header(&root) {
        println!("cargo:warning=include/expmig.h was not made: {message}");
    }
}

/// Packs every script of a folder. In the library they take a third of their size then, which few programs ever need.
fn pack_scripts(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "js")
            && let Some(name) = path.file_name().and_then(|name| name.to_str())
        {
            let packed = miniz_oxide::deflate::compress_to_vec(&fs::read(&path)?, BEST);
            fs::write(to.join(format!("{name}.deflate")), packed)?;
        }
    }
    Ok(())
}

/// What programs ask the loader for: 1.0 and later keep the ABI within a major version, earlier ones within a minor one.
fn compatible_version() -> String {
    let (major, minor) = (variable("CARGO_PKG_VERSION_MAJOR"), variable("CARGO_PKG_VERSION_MINOR"));
    if major == "0" { format!("0.{minor}") } else { major }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn header(root: &Path) -> Result<(), String> {
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    for (mark, name) in [("@MAJOR@", "MAJOR"), ("@MINOR@", "MINOR"), ("@PATCH@", "PATCH")] {
        let number = variable(&format!("CARGO_PKG_VERSION_{name}"));
        config.after_includes = config.after_includes.map(|text| text.replace(mark, &number));
    }
    let mut builder = cbindgen::Builder::new().with_config(config);
    for section in SECTIONS {
        builder = builder.with_src(root.join("src/capi").join(format!("{section}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().map_err(|error| error.to_string())?.write(&mut text);
    // Writing only what changed keeps a clean checkout clean, and a read-only one usable.
    let path = root.join("include/expmig.h");
    if fs::read(&path).ok().as_deref() == Some(&text) {
        return Ok(());
    }
    fs::write(&path, &text).map_err(|error| error.to_string())
}
