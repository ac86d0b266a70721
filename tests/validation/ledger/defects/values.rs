//! Metric JSON, totals and texts that are not what they should be.

use super::Ledger;
use crate::ledger::tables::table;
use crate::ledger::texts::{blob, text};

impl Ledger {
    fn odd_case(&mut self) -> (String, Vec<&'static str>) {
        let at = self.fixture.random.below(self.cases.len());
        (self.cases[at].cell.clone(), self.cases[at].kinds.clone())
    }

    /// Puts a per-label value into a metric.
    fn put_json(&mut self, id: i64) {
        let (cell, kinds) = self.odd_case();
        self.fixture.set("METRIC", id, "per_label_val", &cell);
        for kind in kinds {
            self.expect(kind, "METRIC", &format!("id={id}"), "per_label_val");
        }
    }

    fn put_total(&mut self, id: i64) {
        let odd = [
            ("NULL", "total_val_null"),
            ("'high'", "total_val_not_number"),
            ("''", "total_val_not_number"),
            ("x'00'", "total_val_not_number"),
            ("'NaN'", "total_val_not_number"),
            ("9e999", "total_val_not_finite"),
            ("-9e999", "total_val_not_finite"),
        ];
        let from = if self.fixture.shape.loose { 0 } else { 1 };
        let (cell, kind) = *self.fixture.random.pick(&odd[from..]);
        self.fixture.set("METRIC", id, "total_val", &cell);
        self.expect(kind, "METRIC", &format!("id={id}"), "total_val");
    }

    pub(super) fn odd_json(&mut self) -> bool {
        let Some(id) = self.linked_leaf("METRIC") else { return false };
        self.put_json(id);
        true
    }

    pub(super) fn odd_json_in_place(&mut self) -> bool {
        let Some(id) = self.free(&self.fixture.metrics.clone(), |id| format!("METRIC {id}")) else { return false };
        self.put_json(id);
        true
    }

    pub(super) fn odd_total(&mut self) -> bool {
        let Some(id) = self.free(&self.fixture.metrics.clone(), |id| format!("METRIC {id}")) else { return false };
        self.put_total(id);
        true
    }

    pub(super) fn odd_total_and_json(&mut self) -> bool {
        let Some(id) = self.linked_leaf("METRIC") else { return false };
        self.put_total(id);
        self.put_json(id);
        true
    }

    /// A text column of a row that nothing was done to.
    fn free_text(&mut self, required: bool) -> Option<(&'static str, i64, &'static str)> {
        let leaf = self.fixture.random.percent(50);
        let (of, id) = if leaf {
            let leaf = *self.fixture.random.pick(&["METRIC", "ARTIFACT"]);
            let ids = if leaf == "METRIC" { &self.fixture.metrics } else { &self.fixture.artifacts };
            (leaf, self.free(&ids.clone(), |id| format!("{leaf} {id}"))?)
        } else {
            let (of, node) = self.free_node()?;
            (of, node.id)
        };
        let columns = table(of).texts.iter().filter(|(_, not_null)| *not_null || !required);
        let (column, _) = *self.fixture.random.pick(&columns.collect::<Vec<_>>());
        Some((of, id, column))
    }

    fn put_text(&mut self, required: bool, value: &str, kind: &str) -> bool {
        let Some((of, id, column)) = self.free_text(required) else { return false };
        self.fixture.set(of, id, column, &value);
        self.expect(kind, of, &format!("id={id}"), column);
        true
    }

    pub(super) fn null_text(&mut self) -> bool {
        self.fixture.shape.loose && self.put_text(true, "NULL", "null_value")
    }

    pub(super) fn not_utf8(&mut self) -> bool {
        let value = *self.fixture.random.pick(&[&b"\xff"[..], b"ab\xc3", b"\xed\xa0\x80", b"caf\xe9"]);
        self.put_text(false, &text(value), "text_not_utf8")
    }

    pub(super) fn blob_for_text(&mut self) -> bool {
        let value = *self.fixture.random.pick(&[&b""[..], b"name", b"\x00\xff"]);
        self.put_text(false, &blob(value), "text_not_text")
    }
}
