//! Reading the values of a row.

use super::Walk;
use crate::error::Result;
use crate::exchange::import::objects::Object;
use crate::exchange::import::row::Row;
use crate::values::ValueRef;

impl Walk<'_, '_, '_> {
    /// The value of a column.
    pub(super) fn column(&mut self, object: &Object, at: usize, row: &mut Row) -> Result<()> {
        let column = object.column(at)?;
        self.values.read(&mut self.reader, Some(column.kind), row.values())?;
        row.set(at);
        let value = row.get(at);
        self.target.check(object, at, value, &self.reader)?;
        if let Some(judge) = &mut self.judge
            && !self.values.is_usual()
        {
            judge.look(object.table, column, value, &self.reader);
        }
        Ok(())
    }

    pub(super) fn extra_columns(&mut self, object: &Object, row: &mut Row) -> Result<()> {
        let mut members = self.reader.begin_object()?;
        while let Some(name) = self.reader.next_key(&mut members)? {
            self.extra_column(object, &name, row)?;
        }
        Ok(())
    }

    /// The value of an extra column.
    pub(super) fn extra_column(&mut self, object: &Object, name: &str, row: &mut Row) -> Result<()> {
        // A column that is NULL is as good as none.
        if self.reader.take_null()? {
            return Ok(());
        }
        let Some(at) = self.target.extra_column(object, name, &self.reader)? else {
            let mut left_out = Row::default();
            self.values.read(&mut self.reader, None, left_out.values())?;
            left_out.set(0);
            return self.target.leave_out(object, name, left_out.get(0), &self.reader);
        };
        if row.get(at) != ValueRef::Null {
            return self.reader.invalid(format!("the column {name:?} occurs twice"));
        }
        self.values.read(&mut self.reader, None, row.values())?;
        row.set(at);
        if self.target.links(object.at).iter().any(|(link, _)| *link == at) {
            // It gets another id.
            return Ok(());
        }
        self.target.check(object, at, row.get(at), &self.reader)
    }
}
