//! Reads the rows of a selection, or one row, and computes their digest.

use super::digester::Digester;
use super::encode::{Stored, encode_row};
use super::experiment::{ExperimentDigest, NodeDigests};
use super::row_bytes::RowBytes;
use super::sum::Hash;
use crate::database::{Connection, Layout, Row};
use crate::error::Result;
use crate::hierarchy::{Rewrite, RewritingVisitor, Selection, Shape, Visitor, walk, walk_separately};
use crate::progress::Job;
use crate::values::ValueRef;

/// Reads the whole selection and digests it; with `stored`, as it would be stored elsewhere.
pub fn digest<'a>(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    stored: Option<Stored<'a>>,
    job: &Job,
    also: Option<&'a mut dyn Visitor>,
) -> Result<ExperimentDigest> {
    let plain = stored.is_none() && selection.scope.cut.is_none();
    let apart = plain && also.as_ref().is_none_or(|also| also.wants_odd_links_only());
    let mut digester = Digester::new(selection, layout, stored, also);
    match apart {
        true => walk_separately(connection, layout, selection, job, &mut digester)?,
        false => walk(connection, layout, selection, job, &mut digester)?,
    }
    digester.end()?.finish((connection, layout), selection, stored, job)
}

/// As [`digest`], with the digests of the nodes.
pub fn digest_nodes(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    job: &Job,
    also: Option<&mut dyn Visitor>,
) -> Result<(ExperimentDigest, NodeDigests)> {
    let mut digester = Digester::new(selection, layout, None, also);
    digester.nodes = Some(NodeDigests::new(selection.family));
    walk(connection, layout, selection, job, &mut digester)?;
    digester.end()?.finish_nodes((connection, layout), selection, None, job)
}

/// As [`digest_nodes`], of what the rows become: each value as `stored` says, each linked row as `rewrite` says before. The nodes only
/// if they are wanted.
pub fn digest_as<'a>(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    (stored, rewrite): (Stored<'a>, Option<&mut dyn Rewrite>),
    job: &Job,
    nodes: bool,
) -> Result<(ExperimentDigest, NodeDigests)> {
    let mut digester = Digester::new(selection, layout, Some(stored), None);
    digester.nodes = nodes.then(|| NodeDigests::new(selection.family));
    match rewrite {
        Some(rewrite) => {
            walk(connection, layout, selection, job, &mut RewritingVisitor { rewrite, visitor: &mut digester })?;
        }
        None => walk(connection, layout, selection, job, &mut digester)?,
    }
    digester.end()?.finish_nodes((connection, layout), selection, Some(stored), job)
}

/// The digest of one row by itself.
pub fn row_digest(shape: &Shape<'_>, row: &dyn Row, stored: Option<Stored<'_>>) -> Result<Hash> {
    let mut bytes = RowBytes::default();
    encode_row(shape, row, stored, &mut bytes)?;
    Ok(bytes.hash())
}

/// The digest of a link and of what it links; `None` where that could be missing: it looks as a row of NULLs would.
pub fn link_digest((shape, leaf): (&Shape<'_>, &Shape<'_>), row: &dyn Row) -> Result<Option<Hash>> {
    let content = leaf.first..leaf.first + leaf.columns.len();
    let mut known = false;
    for at in content {
        known |= row.value(at)? != ValueRef::Null;
    }
    if !known {
        return Ok(None);
    }
    let mut bytes = RowBytes::default();
    encode_row(shape, row, None, &mut bytes)?;
    bytes.bytes.extend_from_slice(&row_digest(leaf, row, None)?);
    Ok(Some(bytes.hash()))
}
