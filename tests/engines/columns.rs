//! Results as columns: the same as those of a file with the same rows.

use expmig::arrow::{Kind, MetricsOptions, Misfit};
use expmig::{JobOptions, Status, Value};

use super::support::Folder;
use super::support::columns::{Cell, rows};
use super::{Engine, FILE};

pub fn gives_metrics_as_the_columns_of_a_file(engine: Engine) {
    let folder = Folder::new();
    let (place, file) = (engine.small(&folder, "a"), FILE.small(&folder, "file"));
    let (manager, reference) = (place.open(), file.open());
    let one = MetricsOptions { experiments: Some(vec![1]), ..MetricsOptions::default() };
    let none = MetricsOptions { types: Some(Vec::new()), ..MetricsOptions::default() };
    let misfit = MetricsOptions { misfit: Misfit::Column, ..MetricsOptions::default() };
    for (options, some) in [(MetricsOptions::default(), true), (one, true), (none, false), (misfit, true)] {
        let read = |manager: &expmig::Manager| {
            manager.metrics(&options, JobOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()))
        };
        let (found, wanted) = (read(&manager), read(&reference));
        assert_eq!(found.fields(), wanted.fields());
        // Two streams at once, each in its own time.
        let (found, wanted) = (rows(found), rows(wanted));
        assert_eq!(found, wanted, "{options:?}");
        assert_eq!(!found.is_empty(), some, "{options:?}");
    }
    let nobody = MetricsOptions { experiments: Some(vec![77]), ..MetricsOptions::default() };
    assert_eq!(manager.metrics(&nobody, JobOptions::default()).unwrap_err().status(), Status::NotFound);
}

pub fn finds_what_metrics_hang_on_among_few_and_many(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let read = |options: &MetricsOptions| {
        let read = place.open().metrics(options, JobOptions::default());
        rows(read.unwrap_or_else(|error| panic!("{}", error.to_json())))
    };
    let both = MetricsOptions { experiments: Some(vec![1, 2]), ..MetricsOptions::default() };
    let few = read(&MetricsOptions::default());
    // In microseconds: each link's own.
    let times: std::collections::BTreeSet<String> = few.iter().map(|row| format!("{:?}", row[9])).collect();
    assert_eq!((few.len(), times.len()), (11, 11));
    assert_eq!(read(&both), few);
    // More than are kept in memory.
    for from in (0..33_000).step_by(3_000) {
        let row = |at: i32| format!("({at}, 22, '2024-01-01T00:00:00')");
        let rows: Vec<String> = (from..from + 3_000).map(|at| row(100 + at)).collect();
        place.execute(&format!("INSERT INTO EPOCH VALUES {}", rows.join(", ")));
    }
    assert_eq!(read(&MetricsOptions::default()), few);
    assert_eq!(read(&both), few);
}

pub fn gives_a_query_as_columns_that_outlive_it(engine: Engine) {
    let folder = Folder::new();
    let manager = engine.small(&folder, "a").open();
    let sql = (engine.sql)("SELECT id, type, total_val FROM METRIC WHERE id < ? ORDER BY id");
    let batches =
        manager.query_columns(&sql, &[Value::Integer(1_000_000)]).unwrap_or_else(|error| panic!("{}", error.to_json()));
    let kinds: Vec<Kind> = batches.fields().iter().map(|field| field.kind).collect();
    assert_eq!(kinds, [Kind::Integer, Kind::Text, Kind::Real]);
    // Nothing is kept waiting by a stream that nobody reads.
    assert_eq!(manager.list_experiments().unwrap_or_else(|error| panic!("{}", error.to_json())).len(), 2);
    drop(manager);
    let found = rows(batches);
    assert!(!found.is_empty() && found.iter().all(|row| matches!(row[0], Cell::Integer(_))), "{found:?}");
}
