//! Damage without a ledger: any value anywhere, any row gone. What it leads to, only the oracle can tell.

use super::fixture::Fixture;
use super::tables::{Table, quoted};
use super::texts;

/// For columns that name rows or count.
const KEYS: &[&str] = &[
    "NULL",
    "0",
    "1",
    "2",
    "3",
    "-1",
    "7",
    "'x'",
    "'1'",
    "0.5",
    "x'00'",
    "9223372036854775807",
    "-9223372036854775808",
    "100000",
];
const TIMES: &[&str] = &[
    "'2023-11-14T22:13:20'",
    "'2023-11-15 00:00:00.5'",
    "'2023-11-14T10:00:00.000001'",
    "'0001-01-01T00:00:00'",
    "'9999-12-31T23:59:59.999999'",
    "'2023-11-14T24:00:00'",
    "''",
    "5",
    "x'00'",
    "CAST(x'ff' AS TEXT)",
    "NULL",
];
const TEXTS: &[&str] = &["''", "'same'", "'Same'", "x'ff'", "x''", "CAST(x'ff' AS TEXT)", "5", "NULL", "'größer'"];
const TOTALS: &[&str] =
    &["0", "1e308", "9e999", "-9e999", "'1'", "'x'", "x'00'", "NULL", "-0.0", "9223372036854775807"];

/// Changes this many rows, each in one way.
pub fn damage(fixture: &mut Fixture, changes: usize) {
    let labels: Vec<String> = texts::cases().into_iter().map(|case| case.cell).collect();
    for _ in 0..changes {
        let tables: Vec<&'static Table> = fixture.tables().collect();
        let table = *fixture.random.pick(&tables);
        let count: i64 = fixture
            .sql
            .query_row(&format!("SELECT count(*) FROM {}", table.name), [], |row| row.get(0))
            .expect("a count");
        if count == 0 {
            continue;
        }
        // Any column that only the table's key has beside; the row by its place in a scan.
        let key: Vec<String> = table.key.iter().map(|name| quoted(name)).collect();
        let (key, at) = (key.join(", "), fixture.random.below(count as usize));
        let here = format!("({key}) IN (SELECT {key} FROM {} ORDER BY {key} LIMIT 1 OFFSET {at})", table.name);
        if fixture.random.percent(25) {
            fixture.execute(&format!("DELETE FROM {} WHERE {here}", table.name));
            continue;
        }
        let mut columns: Vec<(&str, &[&str])> = table.links.iter().map(|name| (*name, KEYS)).collect();
        columns.extend(table.times.iter().map(|name| (*name, TIMES)));
        columns.extend(table.texts.iter().map(|(name, _)| (*name, TEXTS)));
        if table.name == "METRIC" {
            columns.extend([("total_val", TOTALS), ("per_label_val", &[])]);
        }
        if columns.is_empty() {
            continue;
        }
        let (column, values) = *fixture.random.pick(&columns);
        let value = match values {
            [] => fixture.random.pick(&labels).clone(),
            values => (*fixture.random.pick(values)).to_owned(),
        };
        // Where a constraint stands in the way, nothing happens.
        fixture.execute(&format!("UPDATE OR IGNORE {} SET {} = {value} WHERE {here}", table.name, quoted(column)));
    }
}
