//! The settings of a session that could change what a statement reads, writes or means, or whether it runs. Each gets a value of our own:
//! what the server calls the default is what its administrator chose for everybody, or for the account.

use std::time::Duration;

use crate::schema::quote;

/// Settings that every session has, or that some versions know, and their values.
const SETTINGS: &[(&str, &str)] = &[
    // What values come to.
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "iso_8601"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("xmloption", "content"),
    ("lc_monetary", "C"),
    ("standard_conforming_strings", "on"),
    ("escape_string_warning", "off"),
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    ("client_encoding", "UTF8"),
    // What the catalog shows of a default begins with the name of a function.
    ("quote_all_identifiers", "off"),
    // Which rows are read and written: where a policy would hide some, the statement fails.
    ("row_security", "off"),
    ("session_replication_role", "origin"),
    // Of what an index finds, all.
    ("gin_fuzzy_search_limit", "0"),
    // Transactions.
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_deferrable", "off"),
    // How long things may take. A wait for a lock has a limit of its own.
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("transaction_timeout", "0"),
    ("client_connection_check_interval", "0"),
    ("client_min_messages", "warning"),
    // What the server refuses to convert is no reason to end the session.
    ("exit_on_error", "off"),
    // Compiling takes longer than what our statements do.
    ("jit", "off"),
];

/// A commit is on this server's disk when it is answered, whatever it waits for beside that.
const ON_DISK: &str = "CASE pg_catalog.current_setting('synchronous_commit') WHEN 'off' THEN 'local' \
    ELSE pg_catalog.current_setting('synchronous_commit') END";

/// The longest time that the server takes for a limit.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// A text as SQL.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The statement that gives every setting its value, where it has another (before that it is given the time for it): it shows for each its name, the value wanted and what it is now.
/// Names stand for what the schema has, and for nothing of temporary tables that have the same.
pub fn statement(schema: &str, busy_timeout: Duration) -> String {
    // Nothing at all would be for ever.
    let lock_timeout = busy_timeout.clamp(Duration::from_millis(1), LONGEST).as_millis();
    let path = format!("{}, pg_temp", quote(schema));
    let own = [("lock_timeout", format!("{lock_timeout}ms")), ("search_path", path)];
    let rows = SETTINGS.iter().map(|(name, value)| (*name, (*value).to_owned())).chain(own);
    let mut rows: Vec<String> = rows.map(|(name, value)| format!("({}, {})", literal(name), literal(&value))).collect();
    rows.push(format!("('synchronous_commit', {ON_DISK})"));
    format!(
        "SET statement_timeout = 0; SELECT w.name, w.value, CASE WHEN pg_catalog.current_setting(s.name) = w.value THEN w.value \
         ELSE pg_catalog.set_config(s.name, w.value, false) END \
         FROM (VALUES {}) AS w (name, value) JOIN pg_catalog.pg_settings AS s ON pg_catalog.lower(s.name) = pg_catalog.lower(w.name)",
        rows.join(", ")
    )
}

/// Whether a setting has the value that was wanted, in whatever words it is shown.
pub fn is_as_wanted(name: &str, wanted: &str, shown: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace(' ', "");
    // Times are shown in the largest unit that they are whole in.
    name == "lock_timeout" || plain(wanted) == plain(shown)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{is_as_wanted, statement};

    #[test]
    fn the_schema_is_the_only_place_for_names() {
        let sql = statement("o'd\"d", Duration::ZERO);
        assert!(sql.contains(r#"('search_path', '"o''d""d", pg_temp')"#), "{sql}");
        assert!(sql.contains("('lock_timeout', '1ms')"), "{sql}");
    }

    #[test]
    fn values_are_known_in_the_form_in_which_they_are_shown() {
        assert!(
            is_as_wanted("DateStyle", "ISO, MDY", "ISO, MDY") && !is_as_wanted("DateStyle", "ISO, MDY", "ISO, DMY")
        );
        assert!(is_as_wanted("lock_timeout", "5000ms", "5s"));
        assert!(!is_as_wanted("row_security", "off", "on"));
    }
}
