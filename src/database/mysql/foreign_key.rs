//! The foreign keys of a schema. A column at either end of one cannot change its type while the foreign key exists.

use serde::{Deserialize, Serialize};

use super::connection::MysqlConnection;
use super::key_columns::{self, Keys};
use super::names::backticked;
use crate::database::connection::Reads;
use crate::database::foreign_key as declared;
use crate::database::foreign_key::TableName;
use crate::database::rows::Next;
use crate::error::{Error, Result};

/// A row for each column, of the keys that begin or end in the schema.
const COLUMNS: &str = "SELECT k.CONSTRAINT_NAME, k.TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_SCHEMA = DATABASE(),
        k.TABLE_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE
    FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
        ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
    WHERE (k.TABLE_SCHEMA = DATABASE() OR k.REFERENCED_TABLE_SCHEMA = DATABASE()) AND k.REFERENCED_TABLE_NAME IS NOT NULL
    ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION";

/// Of each column of a key.
const DECLARED: &str = "TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, NULLIF(REFERENCED_TABLE_SCHEMA, DATABASE()), \
    REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME";
/// The plain indexes that a table may have because of foreign keys, a row for each column.
const INDEXES: &str = "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS s
    WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 1 AND INDEX_TYPE = 'BTREE' AND INDEX_COMMENT = '' AND NOT EXISTS (
        SELECT 1 FROM information_schema.STATISTICS o WHERE o.TABLE_SCHEMA = s.TABLE_SCHEMA AND o.TABLE_NAME = s.TABLE_NAME
            AND o.INDEX_NAME = s.INDEX_NAME AND (o.SUB_PART IS NOT NULL OR o.COLLATION <> 'A'))
    ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";

/// A column, in small letters: servers differ in the case of names.
pub type Place = (String, String);

pub fn place(table: &str, column: &str) -> Place {
    (table.to_lowercase(), column.to_lowercase())
}

/// A foreign key.
pub struct ForeignKey {
    pub name: String,
    pub table: String,
    /// Both ends are in the schema.
    pub inside: bool,
    definition: Definition,
}

/// What a foreign key ties, and its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    parent: String,
    /// Each column, and what it refers to.
    columns: Vec<(String, String)>,
    update_rule: String,
    delete_rule: String,
}

/// The rules that there are.
const RULES: [&str; 5] = ["CASCADE", "SET NULL", "NO ACTION", "RESTRICT", "SET DEFAULT"];

impl ForeignKey {
    /// The columns that it ties together, which need the same type.
    pub fn ties(&self) -> impl Iterator<Item = (Place, Place)> {
        let parent = &self.definition.parent;
        let columns = self.definition.columns.iter();
        columns.map(move |(column, above)| (place(&self.table, column), place(parent, above)))
    }

    /// What drops it, after `ALTER TABLE` and the name. An index that the server made for the key would be replaced by one with another
    /// name when the key comes back; made by hand, it stays.
    pub fn dropped(&self, indexes: &[Index]) -> Vec<String> {
        let mut clauses = vec![format!("DROP FOREIGN KEY {}", backticked(&self.name))];
        let columns: Vec<Place> =
            self.definition.columns.iter().map(|(column, _)| place(&self.table, column)).collect();
        for index in indexes.iter().filter(|index| index.places().eq(columns.iter().cloned())) {
            clauses.push(format!("DROP INDEX {}", backticked(&index.name)));
            clauses.push(format!("ADD INDEX {} ({})", backticked(&index.name), list(&index.columns)));
        }
        clauses
    }

    /// What it ties, and its rules.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Whether this is the one with the name.
    pub fn is(&self, table: &str, name: &str) -> bool {
        self.inside && self.table.eq_ignore_ascii_case(table) && self.name.eq_ignore_ascii_case(name)
    }
}

impl Definition {
    /// What adds a key of this name, after `ALTER TABLE` and the table; `None` if it is not one that was read from a server.
    pub fn added(&self, name: &str) -> Option<String> {
        let known = |rule: &String| RULES.contains(&rule.as_str());
        if self.columns.is_empty() || !known(&self.delete_rule) || !known(&self.update_rule) {
            return None;
        }
        Some(format!(
            "ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
            backticked(name),
            list(self.columns.iter().map(|(column, _)| column)),
            backticked(&self.parent),
            list(self.columns.iter().map(|(_, parent)| parent)),
            self.delete_rule,
            self.update_rule,
        ))
    }
}

fn list<'n>(names: impl IntoIterator<Item = &'n String>) -> String {
    names.into_iter().map(|name| backticked(name)).collect::<Vec<_>>().join(", ")
}

/// An index that is no more than its columns.
pub struct Index {
    table: String,
    name: String,
    columns: Vec<String>,
}

impl Index {
    fn places(&self) -> impl Iterator<Item = Place> {
        self.columns.iter().map(|column| place(&self.table, column))
    }
}

/// The indexes of the schema that a foreign key may have brought along.
pub fn indexes(connection: &MysqlConnection) -> Result<Vec<Index>> {
    let mut found: Vec<Index> = Vec::new();
    connection.query(INDEXES, &[], &mut |row| {
        let text = |at: usize| Ok::<_, Error>(row.value(at)?.readable().unwrap_or_default());
        let (table, name, column) = (text(0)?, text(1)?, text(2)?);
        match found.last_mut() {
            Some(last) if (&last.table, &last.name) == (&table, &name) => last.columns.push(column),
            _ => found.push(Index { table, name, columns: vec![column] }),
        }
        Ok(Next::Row)
    })?;
    Ok(found)
}

/// The foreign keys that begin or end in the schema.
pub fn read(connection: &MysqlConnection) -> Result<Vec<ForeignKey>> {
    let mut found: Vec<ForeignKey> = Vec::new();
    connection.query(COLUMNS, &[], &mut |row| {
        let text = |at: usize| Ok::<_, Error>(row.value(at)?.readable().unwrap_or_default());
        let (name, inside, table) = (text(0)?, row.value(1)?.as_integer() == Some(1), text(2)?);
        let pair = (text(3)?, text(5)?);
        match found.last_mut() {
            Some(last) if (&last.name, &last.table, last.inside) == (&name, &table, inside) => {
                last.definition.columns.push(pair)
            }
            _ => found.push(ForeignKey {
                name,
                table,
                inside,
                definition: Definition {
                    parent: text(4)?,
                    columns: vec![pair],
                    update_rule: text(6)?,
                    delete_rule: text(7)?,
                },
            }),
        }
        Ok(Next::Row)
    })?;
    Ok(found)
}

/// The foreign keys of the schema's tables.
pub fn declared(connection: &MysqlConnection) -> Result<Vec<declared::ForeignKey>> {
    let mut found: Vec<(String, declared::ForeignKey)> = Vec::new();
    key_columns::each(connection, Keys::FromHere, DECLARED, &mut |row| {
        let text = |at: usize| Ok::<_, Error>(row.value(at)?.readable().unwrap_or_default());
        let table = TableName::here(text(0)?);
        let (name, pair) = (text(1)?, (text(2)?, text(5)?));
        match found.last_mut() {
            Some((last, key)) if *last == name && key.table == table => key.columns.push(pair),
            _ => {
                let parent = TableName { schema: row.value(3)?.readable(), name: text(4)? };
                found.push((name, declared::ForeignKey { table, parent, columns: vec![pair], unnamed: false }));
            }
        }
        Ok(Next::Row)
    })?;
    Ok(found.into_iter().map(|(_, key)| key).collect())
}
