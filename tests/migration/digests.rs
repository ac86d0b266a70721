//! The digest of an experiment is the same in every version of expmig: what was written down with a copy can be compared with it years later.

use std::path::PathBuf;

use crate::support::{Folder, crate_path, digest, leaves_alone};

/// As the calls answered in November 2026, before families of schemas were data.
const OF_DIGITS: [(i64, &str); 3] = [
    (1, "4c2e7633f67ab7c6f0e459a4ecd010ce010f10034642900104bea3863f5d34e5"),
    (2, "94ba62bd4976b1d78cf2d7139ae07eb088754f8979ae6aea3b7d03485698b138"),
    (3, "49097496f0f94705d2d9b8ca264d1647969a8313f29684b20622b977a1f6d359"),
];
const OF_ODD_VALUES: [(i64, &str); 3] = [
    (3, "aea6f778f87543b3c9d36ad396d88bca15d788472b06350fa980307745c5af2d"),
    (8, "7a4f1d99937a86b48ba79f23e5a69d0db7fa817f42aa9eddb7e7939ebd249d97"),
    (9, "aea93921ffdd5d399575636caba7ab70c6fe3313ffc55841f7ad6723648ea706"),
];

fn odd_values(folder: &Folder) -> PathBuf {
    let path = folder.path("odd.db");
    let sql = std::fs::read_to_string(crate_path("tests/data/odd_values.sql")).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
    path
}

#[test]
fn digests_are_those_of_earlier_versions() {
    let folder = Folder::new();
    let fixtures = [(folder.digits("digits.db"), OF_DIGITS), (odd_values(&folder), OF_ODD_VALUES)];
    for (path, wanted) in fixtures {
        let found = leaves_alone(&path, || wanted.map(|(experiment, _)| (experiment, digest(&path, experiment))));
        assert_eq!(found, wanted.map(|(experiment, hash)| (experiment, hash.to_owned())), "{}", path.display());
    }
}
