//! Rules documents of any kind are refused, or tried on a small database, of which a dry run changes nothing.
#![no_main]

mod common;

use common::{Place, accept};
use expmig::{MetricSelection, TransformOptions};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static PLACE: Place = Place::new();
}

fuzz_target!(|rules: &str| {
    PLACE.with(|place| {
        let sum = "SELECT sum(length(per_label_val)) + count(*) FROM METRIC";
        let before = place.count(sum);
        let options = TransformOptions { dry_run: true, ..TransformOptions::default() };
        if let Err(error) = place.manager.transform_metrics(&MetricSelection::default(), rules, options) {
            accept(&error);
        }
        assert_eq!(place.count(sum), before);
    });
});
