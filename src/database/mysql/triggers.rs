//! Whether writing to a table fires triggers.

use super::connection::MysqlConnection;
use crate::database::connection::Reads;
use crate::database::rows::Next;
use crate::error::Result;
use crate::values::Value;

const TRIGGERS: &str = "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE()";

/// Whether this table, or any table of the schema, has a trigger, or could have one that the account is not shown.
pub fn any(connection: &MysqlConnection, table: Option<&str>) -> Result<bool> {
    let of_table = table.map_or("", |_| " AND EVENT_OBJECT_TABLE = ?1");
    let name: Vec<Value> = table.map(|name| Value::Text(name.as_bytes().to_vec())).into_iter().collect();
    let found = connection.query_integer(&format!("{TRIGGERS}{of_table}"), &name)?;
    Ok(found.unwrap_or(0) > 0 || !connection.sees_triggers()?)
}

impl MysqlConnection {
    /// Whether the account is shown every trigger.
    pub fn sees_triggers(&self) -> Result<bool> {
        if let Some(known) = self.shows_triggers.get() {
            return Ok(known);
        }
        let shown = are_shown(self)?;
        self.shows_triggers.set(Some(shown));
        Ok(shown)
    }
}

/// Whether the account is shown every trigger. MariaDB names them to whoever may read the table; MySQL wants the right TRIGGER.
fn are_shown(connection: &MysqlConnection) -> Result<bool> {
    if connection.is_mariadb() {
        return Ok(true);
    }
    let (mut patterns, mut revoked) = (Vec::new(), false);
    connection.query("SHOW GRANTS", &[], &mut |row| {
        let line = row.value(0)?.readable().unwrap_or_default();
        revoked |= line.starts_with("REVOKE ");
        patterns.extend(granted_on(&line));
        Ok(Next::Row)
    })?;
    // What is taken away again from a right of the whole server is not looked into.
    if revoked {
        return Ok(false);
    }
    for pattern in patterns {
        let names = [connection.schema(), &pattern].map(|text| Value::Text(text.as_bytes().to_vec()));
        let matches = "SELECT ?1 COLLATE utf8mb4_bin LIKE ?2 COLLATE utf8mb4_bin ESCAPE '\\'";
        if connection.query_integer(matches, &names)? == Some(1) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The schemas, as a pattern, in which a line of `SHOW GRANTS` gives the right to see triggers.
fn granted_on(line: &str) -> Option<String> {
    let (rights, place) = line.strip_prefix("GRANT ")?.split_once(" ON ")?;
    let has = rights.split(',').map(str::trim).any(|right| matches!(right, "TRIGGER" | "ALL PRIVILEGES" | "ALL"));
    let (schema, _) = place.split_once(".* TO ").filter(|_| has)?;
    Some(match schema {
        "*" => "%".to_owned(),
        quoted => {
            let quote = quoted.chars().next().filter(|quote| matches!(quote, '`' | '"'))?;
            quoted
                .strip_prefix(quote)?
                .strip_suffix(quote)?
                .replace(&String::from_iter([quote, quote]), &quote.to_string())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::granted_on;

    #[test]
    fn the_right_to_see_triggers_is_found_in_a_grant() {
        let on = |line| granted_on(line).unwrap_or_default();
        assert_eq!(on("GRANT SELECT, INSERT, TRIGGER ON *.* TO `a`@`%` WITH GRANT OPTION"), "%");
        assert_eq!(on("GRANT ALL PRIVILEGES ON `te\\_st`.* TO `a`@`%`"), "te\\_st");
        assert_eq!(on("GRANT TRIGGER ON \"od\"\"d%\".* TO \"a\"@\"%\""), "od\"d%");
        for line in [
            "GRANT SELECT, INSERT ON `a`.* TO `a`@`%`",
            "GRANT TRIGGER ON `a`.`METRIC` TO `a`@`%`",
            "GRANT `TRIGGER`@`%` TO `a`@`%`",
            "REVOKE TRIGGER ON `a`.* FROM `a`@`%`",
        ] {
            assert_eq!(granted_on(line), None, "{line}");
        }
    }
}
