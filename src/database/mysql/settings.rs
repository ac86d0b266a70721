//! The settings of a session that could change what a statement reads, writes or means, or whether it runs. Each is set to a value of the
//! library's own, because the administrator of the server chooses the default.

use std::collections::HashMap;

use mysql::PooledConn;
use mysql::prelude::Queryable;

use super::failure::translate;
use crate::error::{Domain, Error, Result, Status};

/// What keeps the server from converting values, and lets names stand in double quotes. Dates that are no day are let in: a column that
/// has them takes them back, and no others are ever sent.
const MODE: &str = "'ANSI_QUOTES,STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_BACKSLASH_ESCAPES,ERROR_FOR_DIVISION_BY_ZERO,\
    ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'";
/// The largest number that a setting takes.
const MOST: &str = "18446744073709551615";

/// A setting that some version has, and its value as SQL.
pub struct Setting {
    name: &'static str,
    value: &'static str,
    /// Nothing is read or written before it has this value. The others only matter to statements that fail without them, or have
    /// another guard, and some servers let only administrators set them.
    needed: bool,
    /// More is as good.
    least: bool,
}

const fn needed(name: &'static str, value: &'static str) -> Setting {
    Setting { name, value, needed: true, least: false }
}

const fn wished(name: &'static str, value: &'static str) -> Setting {
    Setting { name, value, needed: false, least: false }
}

const fn at_least(name: &'static str, value: &'static str) -> Setting {
    Setting { name, value, needed: false, least: true }
}

/// What every statement of ours is written for, and those that people run by themselves.
pub const SQL_MODE: Setting = needed("sql_mode", MODE);

/// In the order in which they are set: `max_join_size` changes `sql_big_selects`.
const SETTINGS: &[Setting] = &[
    SQL_MODE,
    needed("time_zone", "'+00:00'"),
    needed("character_set_client", "utf8mb4"),
    needed("character_set_results", "utf8mb4"),
    needed("collation_connection", "utf8mb4_bin"),
    // Transactions.
    needed("autocommit", "1"),
    needed("completion_type", "'NO_CHAIN'"),
    needed("tx_isolation", "'REPEATABLE-READ'"),
    needed("transaction_isolation", "'REPEATABLE-READ'"),
    needed("tx_read_only", "0"),
    needed("transaction_read_only", "0"),
    // Rows that are written are locked and looked at once more, which tells what changed; the server would only say that something did.
    needed("innodb_snapshot_isolation", "0"),
    // Which rows are read.
    needed("sql_select_limit", MOST),
    needed("max_join_size", MOST),
    needed("sql_big_selects", "1"),
    needed("sql_auto_is_null", "0"),
    needed("sql_buffer_result", "0"),
    needed("system_versioning_asof", "DEFAULT"),
    needed("use_secondary_engine", "'OFF'"),
    needed("query_cache_type", "'OFF'"),
    needed("wsrep_dirty_reads", "0"),
    // A node of a cluster has applied what the others had committed before it answers: reads, changes and insertions.
    needed("wsrep_sync_wait", "7"),
    needed("group_replication_consistency", "'BEFORE'"),
    needed("information_schema_stats_expiry", "0"),
    needed("show_gipk_in_create_table_and_information_schema", "1"),
    needed("sql_quote_show_create", "1"),
    // What values come to.
    needed("old_mode", "'UTF8_IS_UTF8MB3'"),
    needed("character_set_collations", "''"),
    needed("max_sort_length", "1024"),
    needed("group_concat_max_len", "1048576"),
    needed("div_precision_increment", "4"),
    needed("default_week_format", "0"),
    needed("lc_time_names", "'en_US'"),
    needed("default_regex_flags", "''"),
    needed("standard_compliant_cte", "1"),
    needed("max_recursive_iterations", "4294967295"),
    needed("cte_max_recursion_depth", "4294967295"),
    needed("windowing_use_high_precision", "1"),
    // Which rows are written.
    needed("foreign_key_checks", "1"),
    needed("unique_checks", "1"),
    needed("check_constraint_checks", "1"),
    needed("sql_safe_updates", "0"),
    needed("sql_notes", "1"),
    needed("system_versioning_insert_history", "0"),
    needed("explicit_defaults_for_timestamp", "1"),
    // Tables that are made or changed.
    needed("default_storage_engine", "'InnoDB'"),
    needed("sql_if_exists", "0"),
    needed("restrict_fk_on_non_standard_key", "0"),
    // How long things may take. A wait for a lock is tried again until the busy timeout passes: in between the job is asked. The
    // server may take an hour to read what we send, and to send what we are slow to read: other databases may be busy meanwhile.
    needed("max_statement_time", "0"),
    needed("max_execution_time", "0"),
    needed("idle_transaction_timeout", "0"),
    needed("idle_write_transaction_timeout", "0"),
    needed("idle_readonly_transaction_timeout", "0"),
    needed("innodb_lock_wait_timeout", "1"),
    needed("lock_wait_timeout", "1"),
    needed("net_read_timeout", "3600"),
    needed("net_write_timeout", "3600"),
    needed("wait_timeout", "28800"),
    wished("max_session_mem_used", "9223372036854775807"),
    wished("tmp_disk_table_size", MOST),
    wished("max_error_count", "64"),
    wished("lc_messages", "'en_US'"),
    wished("show_create_table_skip_secondary_engine", "0"),
    wished("sql_generate_invisible_primary_key", "0"),
    wished("innodb_strict_mode", "1"),
    // Less makes statements fail.
    at_least("sort_buffer_size", "262144"),
];

impl Setting {
    /// Whether this is how the server shows its value.
    fn is(&self, shown: &str) -> bool {
        let wanted = self.value.trim_matches('\'');
        let shown = match shown.to_ascii_uppercase().as_str() {
            "ON" => "1".to_owned(),
            "OFF" if wanted == "0" => "0".to_owned(),
            _ => shown.to_owned(),
        };
        if let (Ok(shown), Ok(wanted)) = (shown.parse::<f64>(), wanted.parse::<f64>()) {
            return shown == wanted || self.least && shown > wanted;
        }
        let parts = |text: &str| {
            let mut parts: Vec<String> = text.split(',').map(str::to_ascii_uppercase).collect();
            parts.sort();
            parts
        };
        parts(&shown) == parts(wanted)
    }

    /// What sets it.
    pub fn statement(&self) -> String {
        format!("SET SESSION {} = {}", self.name, self.value)
    }
}

/// The values of the settings that the server has.
fn shown(connection: &mut PooledConn) -> mysql::Result<HashMap<String, String>> {
    let names: Vec<String> = SETTINGS.iter().map(|setting| format!("'{}'", setting.name)).collect();
    let sql = format!("SHOW SESSION VARIABLES WHERE Variable_name IN ({})", names.join(", "));
    let rows: Vec<(String, String)> = connection.query(sql)?;
    Ok(rows.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
}

/// The settings that the server has and that have another value.
fn others(shown: &HashMap<String, String>) -> impl Iterator<Item = (&'static Setting, &str)> {
    SETTINGS.iter().filter_map(|setting| {
        let value = shown.get(setting.name)?;
        (!setting.is(value)).then_some((setting, value.as_str()))
    })
}

/// Gives every setting our value, and looks whether it has it.
pub fn impose(connection: &mut PooledConn, place: &str) -> Result<()> {
    // What is at the other end is a server: it may take too little in one packet for our statements.
    let failed = |error| translate(error, place);
    // The statements below have to be understood, whatever the server's own character set; and showing settings may be limited like
    // any other query. Each server has its own comments that it runs.
    let first = format!(
        "SET SESSION sql_mode = {MODE}, sql_select_limit = {MOST}, max_join_size = {MOST}, sql_big_selects = 1 \
         /*M!100101 , max_statement_time = 0 */ /*!80000 , max_execution_time = 0 */"
    );
    for statement in ["SET NAMES utf8mb4 COLLATE utf8mb4_bin", first.as_str()] {
        connection.query_drop(statement).map_err(failed)?;
    }
    let before = shown(connection).map_err(failed)?;
    let needed: Vec<&Setting> = others(&before).map(|(setting, _)| setting).filter(|setting| setting.needed).collect();
    if !needed.is_empty() {
        let values: Vec<String> =
            needed.iter().map(|setting| format!("{} = {}", setting.name, setting.value)).collect();
        if connection.query_drop(format!("SET SESSION {}", values.join(", "))).is_err() {
            // One by one, to name the one that is refused.
            for setting in &needed {
                connection
                    .query_drop(setting.statement())
                    .map_err(|error| failed(error).detail("setting", setting.name))?;
            }
        }
    }
    for (setting, _) in others(&before).filter(|(setting, _)| !setting.needed) {
        // Where it is refused, it stays as it is: see above.
        let _as_it_is = connection.query_drop(setting.statement());
    }
    let after = shown(connection).map_err(failed)?;
    match others(&after).find(|(setting, _)| setting.needed) {
        None => Ok(()),
        Some((setting, value)) => {
            let message = format!("the server does not give its setting {} the value {}", setting.name, setting.value);
            Err(Error::new(Status::Unsupported, Domain::Database, message)
                .detail("setting", setting.name)
                .detail("value", value)
                .detail("database", place)
                .hint("what is read and written depends on it; a proxy in between, or the server's configuration, may hold it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SETTINGS, at_least, needed};

    #[test]
    fn values_are_known_in_every_form_that_servers_show() {
        assert!(needed("autocommit", "1").is("ON") && !needed("autocommit", "1").is("OFF"));
        assert!(needed("max_statement_time", "0").is("0.000000"));
        assert!(needed("use_secondary_engine", "'OFF'").is("OFF") && !needed("use_secondary_engine", "'OFF'").is("ON"));
        assert!(needed("m", "'B,A'").is("a,b") && !needed("m", "'B,A'").is("a"));
        assert!(needed("old_mode", "''").is("") && !needed("old_mode", "''").is("X"));
        assert!(at_least("s", "4").is("5") && at_least("s", "4").is("4") && !at_least("s", "4").is("3"));
        let mut names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len());
    }
}
