//! From a file over PostgreSQL and MariaDB into another file: nothing is lost on the way.

use std::path::Path;

use expmig::{JobOptions, Manager, MigrateOptions, OpenOptions};

use super::{created, done};
use crate::support::postgres::Postgres;
use crate::support::server::each;
use crate::support::{self, Folder};

/// Extreme values that every engine holds: MariaDB has neither infinities nor -0.0.
const EXTREME: &str = "
    UPDATE METRIC SET total_val = 4.9406564584124654e-324 WHERE id = 31;
    UPDATE METRIC SET total_val = -1.7976931348623157e308, per_label_val = '{\"' || replace(hex(zeroblob(100000)), '00', 'ä') || '\": 0.1}' WHERE id = 32;
    UPDATE METRIC SET type = 'é😀\\''\"\t\n\\N', per_label_val = '{\"a\":  1e0, \"a\": 2}' WHERE id = (SELECT max(id) FROM METRIC);
    UPDATE EXPERIMENT SET start_time = '0001-01-01T00:00:00', update_time = '9999-12-31T23:59:59.999999', desc = '';
    UPDATE ARTIFACT SET loc = 'C:\\x\\' || id";

/// The metrics of the first experiment.
const METRICS: &str = "SELECT type, total_val, per_label_val FROM METRIC WHERE id IN (
    SELECT metric_id FROM TRIAL t JOIN TRIAL_RUN r ON r.trial_id = t.id JOIN RESULTS_METRIC l ON l.results_id = r.id WHERE experiment_id = (SELECT min(id) FROM EXPERIMENT)
    UNION SELECT metric_id FROM TRIAL t JOIN TRIAL_RUN r ON r.trial_id = t.id JOIN EPOCH_METRIC l ON l.epoch_trial_run_id = r.id WHERE experiment_id = (SELECT min(id) FROM EXPERIMENT)
    UNION SELECT metric_id FROM TRIAL t JOIN TRIAL_RUN r ON r.trial_id = t.id JOIN BATCH_METRIC l ON l.trial_run_id = r.id WHERE experiment_id = (SELECT min(id) FROM EXPERIMENT))";

fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort();
    rows
}

/// These, as the tests tell cells.
fn of_file(path: &Path) -> Vec<Vec<String>> {
    let connection = rusqlite::Connection::open(path).expect("the file");
    let mut statement = connection.prepare(METRICS).expect("a query");
    let text = |text: String| format!("text {:?}", text.as_bytes().escape_ascii().to_string());
    let rows = statement.query_map([], |row| {
        let json: Option<String> = row.get(2)?;
        Ok(vec![
            text(row.get(0)?),
            format!("real {:016x}", row.get::<_, f64>(1)?.to_bits()),
            json.map_or("Null".to_owned(), text),
        ])
    });
    sorted(rows.expect("rows").map(|row| row.expect("a row")).collect())
}

#[test]
fn over_two_servers_and_back_every_digest_and_every_cell_stays() {
    each(|maria| {
        let folder = Folder::new();
        for (name, path) in [("digits", folder.digits("digits.db")), ("extreme", folder.small("extreme.db", EXTREME))] {
            let source = support::open(&path);
            let digest = done(source.experiment_digest(1, JobOptions::default()));
            let postgres = Postgres::shared();
            let (schema, first) = created(postgres);
            let options = || OpenOptions { create: true, ..OpenOptions::default() };
            let second = Manager::from(done(expmig::Database::open(&maria.url(&maria.unused_name()), options())));
            let end = folder.path(&format!("{name}-end.db"));
            let third = Manager::from(done(expmig::Database::open(end.to_str().expect("a path"), options())));
            let mut from = &source;
            for to in [&first, &second, &third] {
                let copied = done(from.migrate_experiment(1, Some(to), MigrateOptions::default()));
                assert_eq!(copied.target_digest, Some(digest), "{name}");
                assert_eq!(done(to.experiment_digest(1, JobOptions::default())), digest, "{name}");
                from = to;
            }
            // By clients that are not expmig: psql, and SQLite's own.
            let there = sorted(postgres.rows(&schema, METRICS));
            drop(third);
            assert!(!there.is_empty() && there == of_file(&path) && there == of_file(&end), "{name}");
        }
    });
}
