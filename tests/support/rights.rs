//! Tests that have to be without rights, as a child process of another user where this one has them all.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Folder;
use super::child::full_name;

/// Set in the process of the user without rights: the folder.
pub const AS_NOBODY: &str = "EXPMIG_TEST_AS_NOBODY";
const NOBODY: u32 = 65_534;

/// Runs a test of this file again as a user without rights, if this one has all; whether the caller shall go on itself.
fn without_rights(test: &str, folder: &Path) -> bool {
    let everybody = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode));
    everybody(folder, 0o755).expect("a readable folder");
    let probe = folder.join("probe");
    std::fs::write(&probe, "").expect("a file");
    everybody(&probe, 0o444).expect("a file that can only be read");
    let almighty = std::fs::OpenOptions::new().append(true).open(&probe).is_ok();
    std::fs::remove_file(&probe).expect("no file");
    if !almighty {
        return true;
    }
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args([test, "--exact", "--nocapture"]).env(AS_NOBODY, folder).uid(NOBODY).gid(NOBODY).current_dir("/");
    match child.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let more = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.contains("1 passed"), "{said}{more}");
        }
        Err(error) => {
            eprintln!("skipped: this user may write everywhere, and another one cannot run the test: {error}")
        }
    }
    false
}

/// The folder that a test without rights looks at, one of the file that asks; made by the first run of it.
#[track_caller]
pub fn prepared(folder: &Folder, test: &str, prepare: impl Fn(&Path)) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(AS_NOBODY) {
        return Some(PathBuf::from(path));
    }
    let path = folder.path("open");
    std::fs::create_dir(&path).expect("a folder");
    let outer = path.parent().expect("a folder");
    std::fs::set_permissions(outer, PermissionsExt::from_mode(0o755)).expect("a readable folder");
    prepare(&path);
    without_rights(&full_name(test), &path).then_some(path)
}
