//! Points of a run that are equal, or that were written again: found once the run was read.

use super::Sink;
use crate::error::Result;
use crate::readers::account::note;
use crate::readers::options::View;
use crate::values::Value;

/// Where more keys than these of one run could have equal points, all are looked through at once.
const ONE_BY_ONE: usize = 3;

impl Sink<'_> {
    /// Folds the equal points of the run so far: one of each is kept. They count for the source that is being read.
    pub fn fold_equal(&mut self) -> Result<()> {
        let Some(run) = &mut self.run else { return Ok(()) };
        let open: Vec<&String> = run.keys.iter().filter(|(_, state)| state.out_of_order).map(|(key, _)| key).collect();
        if open.is_empty() {
            return Ok(());
        }
        self.points.flush()?;
        let one_by_one = open.len() <= ONE_BY_ONE;
        let of_key = if one_by_one { " AND \"key\" = ?3" } else { "" };
        let rows = format!("rowid > ?1 AND run_uuid = ?2{of_key}");
        let sql = format!(
            "DELETE FROM metrics WHERE {rows} AND rowid NOT IN
               (SELECT min(rowid) FROM metrics WHERE {rows} GROUP BY \"key\", timestamp, step, value, is_nan)"
        );
        let first = i64::try_from(run.first).unwrap_or(i64::MAX);
        let owner = Value::Text(run.id.as_bytes().to_vec());
        let mut folded = 0;
        for key in open.iter().take(if one_by_one { ONE_BY_ONE } else { 1 }) {
            let mut params = vec![Value::Integer(first), owner.clone()];
            if one_by_one {
                params.push(Value::Text(key.as_bytes().to_vec()));
            }
            folded += self.connection.execute(&sql, &params)?;
        }
        run.folded += folded;
        self.points_written -= folded;
        self.source.points.stored -= folded;
        self.source.points.fold("equal_point", folded);
        Ok(())
    }

    /// Finds the points of the run that were written again after a restart: of its key, a later one has a step that is not greater. All are kept, and
    /// counted in a tag; or, where only what TensorBoard's server shows is wanted, those are folded.
    pub fn written_again(&mut self) -> Result<()> {
        self.fold_equal()?;
        self.points.flush()?;
        let Some(run) = &mut self.run else { return Ok(()) };
        if !run.keys.values().any(|state| state.written_again) {
            return Ok(());
        }
        let rows = "SELECT rowid AS place, step, min(step) OVER (PARTITION BY \"key\" ORDER BY rowid ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS later
                      FROM metrics WHERE rowid > ?1 AND run_uuid = ?2";
        let params =
            [Value::Integer(i64::try_from(run.first).unwrap_or(i64::MAX)), Value::Text(run.id.as_bytes().to_vec())];
        if self.options.view == View::Server {
            let sql = format!("DELETE FROM metrics WHERE rowid IN (SELECT place FROM ({rows}) WHERE later <= step)");
            let folded = self.connection.execute(&sql, &params)?;
            run.keys.values_mut().filter(|state| state.written_again).for_each(|state| state.latest = state.last);
            self.points_written -= folded;
            self.source.points.fold("written_again", folded);
            self.source.points.stored -= folded;
            return Ok(());
        }
        let count =
            self.connection.query_integer(&format!("SELECT count(*) FROM ({rows}) WHERE later <= step"), &params)?;
        let count = count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        note(&mut self.source.adjusted, "written_again", count);
        if count > 0 {
            self.own_tag("expmig.written_again", &count.to_string())?;
        }
        Ok(())
    }
}
