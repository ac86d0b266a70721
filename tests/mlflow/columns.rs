//! Metrics of a store as columns, on every engine.

use crate::places::{Engine, Place};
use crate::support::columns::{Cell, rows};
use crate::support::{Folder, execute, open};
use expmig::arrow::{Batches, Kind, Levels, MetricsOptions, Misfit};
use expmig::{JobOptions, Manager, MigrateOptions, Status, Value};

use crate::store::store;

/// What an independent reading says: the table, with NaN where the row says so.
fn wanted(manager: &Manager, filter: &str) -> Vec<Vec<Cell>> {
    let sql = format!(
        "SELECT r.experiment_id, m.run_uuid, m.key, m.timestamp, m.step, m.value, CASE WHEN m.is_nan THEN 1 ELSE 0 END
         FROM metrics m JOIN runs r ON r.run_uuid = m.run_uuid {filter}"
    );
    let mut all = Vec::new();
    manager
        .query(&sql, &[], &mut |row| {
            let integer = |at: usize| match row.values[at].to_owned() {
                Value::Integer(value) => value,
                other => panic!("{other:?}"),
            };
            let text = |at: usize| match row.values[at].to_owned() {
                Value::Text(text) => Cell::Text(String::from_utf8(text).unwrap()),
                other => panic!("{other:?}"),
            };
            let value = match row.values[5].to_owned() {
                _ if integer(6) == 1 => f64::NAN,
                Value::Real(value) => value,
                Value::Integer(value) => value as f64,
                other => panic!("{other:?}"),
            };
            all.push(vec![
                Cell::Integer(integer(0)),
                text(1),
                text(2),
                Cell::Integer(integer(3) * 1000),
                Cell::Integer(integer(4)),
                Cell::Real(value.to_bits()),
            ]);
            Ok(expmig::Next::Row)
        })
        .unwrap();
    all.sort_by_key(|row| format!("{row:?}"));
    all
}

fn metrics(manager: &Manager, options: MetricsOptions) -> Batches {
    manager.metrics(&options, JobOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// A store without the points whose step or time is a fraction, which do not fit.
fn whole_numbers(folder: &Folder, name: &str) -> std::path::PathBuf {
    let path = store(folder, name);
    for table in ["metrics", "latest_metrics"] {
        execute(&path, &format!("DELETE FROM {table} WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real'"));
    }
    path
}

fn check(manager: &Manager) {
    let batches = metrics(manager, MetricsOptions::default());
    let fields: Vec<_> = batches.fields().iter().map(|field| (field.name.as_str(), field.kind)).collect();
    assert_eq!(
        fields,
        [
            ("experiment_id", Kind::Integer),
            ("run_uuid", Kind::Text),
            ("key", Kind::Text),
            ("timestamp", Kind::Milliseconds),
            ("step", Kind::Integer),
            ("value", Kind::Real)
        ]
    );
    let found = rows(batches);
    assert_eq!(found, wanted(manager, ""));
    assert!(found.iter().any(|row| row[5] == Cell::Real(f64::NAN.to_bits())), "no metric is NaN");
    let Cell::Integer(first) = found[0][0] else { panic!() };
    let of_one = MetricsOptions { experiments: Some(vec![first]), ..MetricsOptions::default() };
    assert_eq!(rows(metrics(manager, of_one)), wanted(manager, &format!("WHERE r.experiment_id = {first}")));
    let Cell::Text(key) = found[0][2].clone() else { panic!() };
    let of_type = MetricsOptions { types: Some(vec![key.clone()]), ..MetricsOptions::default() };
    assert_eq!(rows(metrics(manager, of_type)), wanted(manager, &format!("WHERE m.key = '{key}'")));
    let results = MetricsOptions { levels: Levels { epochs: false, ..Levels::ALL }, ..MetricsOptions::default() };
    let error = manager.metrics(&results, JobOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Unsupported);
    let nowhere = MetricsOptions { experiments: Some(vec![99]), ..MetricsOptions::default() };
    assert_eq!(manager.metrics(&nowhere, JobOptions::default()).unwrap_err().status(), Status::NotFound);
}

#[test]
fn metrics_of_stores_are_columns() {
    let folder = Folder::new();
    for name in ["1.30.1", "2.22.5", "3.17.2"] {
        check(&open(&whole_numbers(&folder, name)));
    }
}

#[test]
fn metrics_of_stores_on_servers_are_columns() {
    let folder = Folder::new();
    let source = Place::File(whole_numbers(&folder, "3.17.2"));
    for engine in Engine::servers() {
        let place = engine.empty(&folder);
        for experiment in [1, 2] {
            source
                .migrate(experiment, &place, MigrateOptions::default())
                .unwrap_or_else(|error| panic!("{}", error.to_json()));
        }
        check(&place.open());
    }
}

#[test]
fn a_metric_that_does_not_fit_is_named_by_run_key_and_step() {
    let folder = Folder::new();
    let path = whole_numbers(&folder, "3.17.2");
    execute(&path, "UPDATE metrics SET timestamp = 9223372036854775807 WHERE rowid = (SELECT min(rowid) FROM metrics)");
    let manager = open(&path);
    let mut batches = metrics(&manager, MetricsOptions::default());
    let error = loop {
        match batches.next_batch() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it fits"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.status(), Status::Lossy);
    for part in ["timestamp of run_uuid=", "key=", "step="] {
        assert!(error.message().contains(part), "{error}");
    }
    let second = MetricsOptions { misfit: Misfit::Column, ..MetricsOptions::default() };
    let found = rows(metrics(&manager, second));
    assert!(found.iter().any(|row| row.contains(&Cell::Text("9223372036854775807".to_owned()))));
}
