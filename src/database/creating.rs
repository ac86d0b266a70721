//! Checks before tables are created.

use super::connection::Connection;
use super::layout::Layout;
use crate::error::Result;
use crate::schema::quote;

/// Whether the tables are there and hold no experiment.
pub fn has_no_experiment(connection: &dyn Connection, layout: &Layout) -> Result<bool> {
    let Ok(experiments) = layout.root() else { return Ok(false) };
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", quote(&experiments.name));
    Ok(connection.query_integer(&sql, &[])? == Some(0))
}
