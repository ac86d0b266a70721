//! A page says the same of the same experiment, whatever the engine.

use std::collections::BTreeMap;

use expmig::{Manager, ReportOptions};
use serde_json::{Value as Json, json};

use super::support::Folder;
use super::{Engine, FILE};

/// The data of the page of experiment 1 of these managers.
fn page(experiments: &[(&Manager, i64)]) -> Json {
    let mut page = Vec::new();
    let done = Manager::report(experiments, &mut page, ReportOptions::default());
    done.unwrap_or_else(|error| panic!("{}", error.to_json()));
    let page = String::from_utf8(page).unwrap();
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script").unwrap().0).unwrap()
}

/// Its curves: by run, type, where and label, which positions and values they have.
fn curves(data: &Json) -> BTreeMap<String, Json> {
    let mut found = BTreeMap::new();
    for list in ["curves", "label_curves"] {
        for one in data[list].as_array().unwrap() {
            let name = |list: &str, key: &str| one[key].as_u64().map(|at| data[list][at as usize].clone());
            let key = json!([one["e"], one["r"], name("metrics", "m"), one["l"], name("labels", "k")]).to_string();
            assert!(found.insert(key, json!([one["n"], one["x"], one["y"], one["b"]])).is_none());
        }
    }
    found
}

pub fn makes_the_page_that_a_file_makes(engine: Engine) {
    let folder = Folder::new();
    let (there, file) = (engine.small(&folder, "a").open(), FILE.small(&folder, "file").open());
    let (found, wanted) = (page(&[(&there, 1)]), page(&[(&file, 1)]));
    assert_eq!(curves(&found), curves(&wanted));
    assert_eq!(curves(&found).len(), 8, "{:?}", curves(&found).keys());
    // Engines read rows in orders of their own.
    let files = |data: &Json| {
        let mut files = data["experiments"][0]["artifacts"]["first"].as_array().unwrap().clone();
        files.sort_by_key(Json::to_string);
        files
    };
    assert_eq!(files(&found), files(&wanted));
    for part in ["rows", "notes"] {
        assert_eq!(found["experiments"][0][part], wanted["experiments"][0][part], "{part}");
    }
    assert_eq!(found["experiments"][0]["engine"], engine.name);
    // Of both at once.
    let both = page(&[(&there, 1), (&file, 1)]);
    assert_eq!(both["comparison"]["equal"], true, "{}", both["comparison"]);
    assert_eq!(curves(&both).len(), 2 * curves(&wanted).len());
}
