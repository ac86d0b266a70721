//! Links of extra columns that lead to no row of the copy: they become NULL in it, or their rows are left out, where that is allowed.

use std::collections::HashMap;
use std::sync::Arc;

use super::endpoints::Endpoints;
use super::preflight::{Preflight, TargetLayout, is_own_row};
use crate::database::{ColumnLayout, Connection, Loss, TableLayout};
use crate::error::Result;
use crate::hierarchy::{
    CutLinks, EachLinking, Elsewhere, Fate, FurtherRows, LEADS_NOWHERE, LEFT_OUT, LeftOutRows, Scope, Selection,
    ValueKey, append_value, scan_links,
};
use crate::progress::Job;
use crate::schema::family_of;
use crate::values::ValueRef;

impl TargetLayout {
    /// The column of the target that has what this one has.
    fn there<'s>(ends: &'s Endpoints<'_>, table: &TableLayout, column: &ColumnLayout) -> Option<&'s ColumnLayout> {
        let there = ends.target_layout.table(table.schema.name)?;
        there.columns.get(there.position(&column.name)?)
    }

    /// Finds the links that lead to no row of the copy. Where that is allowed they become NULL there, or their rows are left out where
    /// the target refuses NULL, and what hangs on those.
    pub fn find_leaving(
        &self,
        ends: &Endpoints<'_>,
        selection: &mut Selection,
        job: &Job,
        fit: &mut Preflight,
    ) -> Result<()> {
        let read = |without| {
            let scope = Scope { sound_only: true, without, ..Scope::default() };
            Selection::read(ends.source, &self.layout, ends.experiment, scope, job)
        };
        // What cannot stand is not copied.
        let mut standing = if selection.problems.count > 0 { Some(read(None)?) } else { None };
        let selection = standing.as_mut().unwrap_or(selection);
        let not_copied = |table: &TableLayout| self.appended && is_own_row(table);
        let insists = |table: &TableLayout, column: &ColumnLayout| {
            !not_copied(table) && Self::there(ends, table, column).is_some_and(|there| there.not_null)
        };
        let keys = ValueKey::all(&self.layout, &ends.target_layout);
        let keys: Vec<&ValueKey<'_>> = keys.iter().filter(|key| !not_copied(key.table)).collect();
        let from = (ends.source, &self.layout);
        let mut there = TargetRows { effective: self, target: ends.target, known: HashMap::new() };
        let mut further = |selection: &mut Selection, each: EachLinking<'_>| {
            for key in keys.iter().filter(|key| key.required) {
                key.scan(
                    from,
                    selection,
                    None,
                    &mut |key, values, _| there.has(key, values),
                    job,
                    &mut |selection, _, linking| each(selection, linking),
                )?;
            }
            Ok(())
        };
        let further = keys.iter().any(|key| key.required).then_some(&mut further as FurtherRows<'_>);
        fit.without = LeftOutRows::find(from, selection, &insists, further, job)?;
        let mut kept = fit.without.clone().map(|without| read(Some(without))).transpose()?;
        fit.left_out = kept.as_ref().map_or_else(Vec::new, |kept| selection.left_out(kept));
        let without = fit.without.clone();
        scan_links(ends.source, &self.layout, selection, job, &mut |selection, linking| {
            let table = linking.shape.table;
            if not_copied(table) {
                return Ok(());
            }
            let fate = match (&without, &mut kept) {
                (Some(without), Some(kept)) => without.fate(linking, (selection, kept))?,
                _ => Fate::Stays,
            };
            for (column, entity, value) in linking.links()? {
                let leads = match (fate, &mut kept) {
                    (Fate::GoesWithAnother, _) => true,
                    (_, Some(kept)) => kept.target(entity, value)?.is_some(),
                    (_, None) => selection.target(entity, value)?.is_some(),
                };
                if leads {
                    continue;
                }
                fit.leaving += 1;
                let insists = insists(table, column);
                // Only the experiment itself cannot be left out.
                fit.refused += u64::from(insists && fate == Fate::Stays);
                fit.note(Loss {
                    table: table.schema.name,
                    row: Some(linking.shape.row_key(linking.row)?),
                    column: Some(column.name.clone()),
                    reason: family_of(table.schema).of(entity).leads_out,
                    value: Some(value.describe()),
                    stored_as: Some(if insists { LEFT_OUT } else { "NULL" }.to_owned()),
                });
            }
            Ok(())
        })?;
        let mut cut = CutLinks::default();
        for key in keys {
            let elsewhere: Elsewhere<'_> = &mut |key, values, _| there.has(key, values);
            key.scan(from, selection, kept.as_mut(), elsewhere, job, &mut |selection, kept, linking| {
                let fate = match (&without, kept) {
                    (Some(without), Some(kept)) => without.fate(linking, (selection, kept))?,
                    _ => Fate::Stays,
                };
                if fate == Fate::GoesWithAnother {
                    return Ok(());
                }
                let values = key.cut(linking)?;
                // Only the experiment itself cannot be left out.
                fit.refused += u64::from(key.required && fate == Fate::Stays);
                for (column, value) in &values {
                    fit.leaving += 1;
                    fit.note(Loss {
                        table: key.table.schema.name,
                        row: Some(linking.shape.row_key(linking.row)?),
                        column: Some(column.name.clone()),
                        reason: LEADS_NOWHERE,
                        value: Some(value.describe()),
                        stored_as: Some(if key.required { LEFT_OUT } else { "NULL" }.to_owned()),
                    });
                }
                if key.required {
                    return Ok(());
                }
                let names: Vec<&str> = values.iter().map(|(column, _)| column.name.as_str()).collect();
                cut.add(linking.shape, linking.row, &names)
            })?;
        }
        fit.cut = (!cut.is_empty()).then(|| Arc::new(cut));
        Ok(())
    }
}

/// Rows of the target to which values that are copied refer.
struct TargetRows<'t> {
    effective: &'t TargetLayout,
    target: &'t dyn Connection,
    /// What was asked before, so that a value that many rows have is asked for once.
    known: HashMap<Vec<u8>, bool>,
}

/// How many answers are kept.
const KNOWN: usize = 10_000;

impl TargetRows<'_> {
    /// Whether the target has what these values refer to, as it would store them.
    fn has(&mut self, key: &ValueKey<'_>, values: &[ValueRef<'_>]) -> Result<bool> {
        let mut stored = Vec::new();
        let mut question = key.name().into_bytes();
        for (column, value) in key.own_columns().zip(values) {
            let value =
                self.effective.stored(self.target, key.table, column, *value)?.unwrap_or_else(|| (*value).to_owned());
            append_value(value.borrow(), &mut question);
            stored.push(value);
        }
        if let Some(answer) = self.known.get(&question) {
            return Ok(*answer);
        }
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        let answer = key.is_there(self.target, &stored)?;
        self.known.insert(question, answer);
        Ok(answer)
    }
}
