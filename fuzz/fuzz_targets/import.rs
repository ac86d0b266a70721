//! Documents of any kind are imported whole or not at all; what was imported can be exported, and that is the same experiment.
#![no_main]

mod common;

use std::cell::RefCell;

use common::{Place, accept};
use expmig::{ExportOptions, ImportOptions, OnDuplicate};
use libfuzzer_sys::fuzz_target;

/// So many experiments, and the database is made anew.
const MOST: i64 = 40;

/// How many rows of each table there are, as one number.
const ROWS: &str = "SELECT ((SELECT count(*) FROM EXPERIMENT) << 32) + (SELECT count(*) FROM TRIAL) + (SELECT count(*) FROM TRIAL_RUN)
    + (SELECT count(*) FROM RESULTS) + (SELECT count(*) FROM EPOCH) + (SELECT count(*) FROM BATCH) + (SELECT count(*) FROM METRIC)
    + (SELECT count(*) FROM ARTIFACT) + (SELECT count(*) FROM EPOCH_METRIC) + (SELECT count(*) FROM BATCH_METRIC)
    + (SELECT count(*) FROM RESULTS_METRIC) + (SELECT count(*) FROM EXPERIMENT_ARTIFACT)";

thread_local! {
    static PLACE: RefCell<Option<(Place, i64)>> = const { RefCell::new(None) };
}

fuzz_target!(|document: &[u8]| {
    PLACE.with_borrow_mut(|place| {
        let (place, rows) = place.get_or_insert_with(|| {
            let place = Place::new();
            let rows = place.count(ROWS);
            (place, rows)
        });
        *rows = import(place, *rows, document);
    });
    PLACE.with_borrow_mut(|place| {
        if place.as_ref().is_some_and(|(_, rows)| rows >> 32 > MOST) {
            *place = None;
        }
    });
});

/// Imports, and answers how many rows there are now.
fn import(place: &Place, before: i64, document: &[u8]) -> i64 {
    // The options follow from the document, so that the corpus is one of plain documents.
    let choice = document.iter().fold(document.len(), |sum, byte| sum.wrapping_add(usize::from(*byte)));
    let has = |bit: usize| choice >> bit & 1 == 1;
    let options = ImportOptions {
        validate_before_import: has(0),
        preserve_ids: has(1),
        add_columns: has(2),
        allow_unlinked: has(3),
        ..ImportOptions::default()
    };
    let result = place.manager.import_from_string(document, options);
    let now = place.count(ROWS);
    match result {
        Err(error) => {
            accept(&error);
            assert_eq!(now, before, "a part was imported: {}", error.to_json());
        }
        Ok(result) => {
            let new: u64 = result.tables.iter().map(|(_, rows)| rows).sum();
            assert!(now > before && new > 0);
            assert!(result.document_digest.is_none_or(|digest| digest == result.digest));
            let exported = place.manager.export_to_string(result.experiment_id, ExportOptions::default());
            let exported =
                exported.unwrap_or_else(|error| panic!("what was imported is not exported: {}", error.to_json()));
            serde_json::from_str::<serde_json::Value>(&exported).expect("the export is JSON");
            let again = ImportOptions {
                validate_before_import: false,
                on_duplicate: OnDuplicate::Skip,
                ..ImportOptions::default()
            };
            let again = place.manager.import_from_string(exported.as_bytes(), again);
            let again = again
                .unwrap_or_else(|error| panic!("what was exported is not imported: {}\n{exported}", error.to_json()));
            assert!(again.skipped && again.digest == result.digest, "another experiment came back");
        }
    }
    now
}
