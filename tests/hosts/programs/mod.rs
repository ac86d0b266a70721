//! What the tests of C and C++ programs share: the libraries of this build, and databases to work on.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::SystemTime;

pub mod combined;

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// rustc's native-static-libs.
pub const SYSTEM_LIBRARIES: &[&str] = &["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];
pub const SANITIZERS: &[&str] = &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
pub const VALGRIND: &[&str] = &[
    "--quiet",
    // Reading which functions were inlined in the library takes longer than most programs run; a report has the lines without.
    "--read-inline-info=no",
    "--child-silent-after-fork=yes",
    "--leak-check=full",
    "--show-leak-kinds=definite,indirect",
    "--errors-for-leak-kinds=definite,indirect",
    "--error-exitcode=99",
];

/// Runs a command that has to succeed.
pub fn succeed(command: &mut Command, way: &str) -> Output {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{}: {error}; run make test, which installs it", command.get_program().display());
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{way}: {}\n{said}", output.status);
    output
}

/// What a command printed that has to succeed.
pub fn printed(command: &mut Command, way: &str) -> String {
    String::from_utf8(succeed(command, way).stdout).unwrap()
}

/// Puts databases into a folder: digits.db, which is tests/data's, and small.db, which is a part of it; mlflow.db and other.db, which are the same store
/// of MLflow's.
pub fn with_databases(folder: &Path) {
    static SMALL: OnceLock<Vec<u8>> = OnceLock::new();
    let digits = Path::new(ROOT).join("tests/data/digits.db");
    fs::copy(&digits, folder.join("digits.db")).unwrap();
    let small = SMALL.get_or_init(|| {
        let made = tempfile::tempdir().unwrap();
        let database = made.path().join("small.db");
        fs::copy(&digits, &database).unwrap();
        let statements = fs::File::open(Path::new(ROOT).join("tests/c/small.sql")).unwrap();
        succeed(Command::new("sqlite3").arg(&database).stdin(statements), "small.sql");
        fs::read(database).unwrap()
    });
    fs::write(folder.join("small.db"), small).unwrap();
    for name in ["mlflow.db", "other.db"] {
        fs::copy(Path::new(ROOT).join("tests/data/mlflow/3.17.2.db"), folder.join(name)).unwrap();
    }
}

/// How to link with the shared library: through links in `folder`, one with the name by which the loader looks for it.
pub fn link_with_name(libraries: &Path, folder: &Path) -> [String; 3] {
    for name in ["libexpmig.so", env!("EXPMIG_SONAME")] {
        if !folder.join(name).exists() {
            symlink(libraries.join("libexpmig.so"), folder.join(name)).unwrap();
        }
    }
    let folder = folder.display();
    [format!("-L{folder}"), "-lexpmig".to_owned(), format!("-Wl,-rpath,{folder}")]
}

/// The folder with the shared and the static library, which have to be those of this build.
pub fn libraries() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let beside = program.parent().unwrap();
    let has_both = |folder: &&Path| folder.join("libexpmig.so").exists() && folder.join("libexpmig.a").exists();
    let folder = [beside, beside.parent().unwrap()].into_iter().find(has_both).expect("no libexpmig.so and .a");
    for library in ["libexpmig.so", "libexpmig.a"] {
        let built = modified(&folder.join(library));
        assert!(built >= newest(&Path::new(ROOT).join("src")), "{library} is older than src/: it is not of this build");
        assert!(built <= modified(&program), "{library} is newer than the test: it is not of this build");
    }
    folder.to_owned()
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// When the latest change below a folder was made.
fn newest(folder: &Path) -> SystemTime {
    let of = |path: PathBuf| if path.is_dir() { newest(&path) } else { modified(&path) };
    fs::read_dir(folder).unwrap().map(|entry| of(entry.unwrap().path())).max().unwrap()
}
