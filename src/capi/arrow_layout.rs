//! The structs of the Arrow C data interface, which are the same in every library, and what fills them.
//!
//! Each array and each schema owns what it points to, so that whoever takes a child out of its parent (by setting the child's release to
//! NULL, as the interface says) can keep it for longer.

use std::ffi::{CString, c_char, c_int, c_void};

use super::panics::shielded;
use super::text::c_string;
use crate::arrow::{Batch, Column, Field, Kind, Values};

/// What a column is: `struct ArrowSchema` of the interface.
#[repr(C)]
pub struct ArrowSchema {
    pub format: *const c_char,
    pub name: *const c_char,
    pub metadata: *const c_char,
    pub flags: i64,
    pub n_children: i64,
    pub children: *mut *mut ArrowSchema,
    pub dictionary: *mut ArrowSchema,
    pub release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    pub private_data: *mut c_void,
}

/// The values of a column: `struct ArrowArray` of the interface.
#[repr(C)]
pub struct ArrowArray {
    pub length: i64,
    pub null_count: i64,
    pub offset: i64,
    pub n_buffers: i64,
    pub n_children: i64,
    pub buffers: *mut *const c_void,
    pub children: *mut *mut ArrowArray,
    pub dictionary: *mut ArrowArray,
    pub release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    pub private_data: *mut c_void,
}

/// Batches, one after another: `struct ArrowArrayStream` of the interface.
#[repr(C)]
pub struct ArrowArrayStream {
    pub get_schema: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowSchema) -> c_int>,
    pub get_next: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowArray) -> c_int>,
    pub get_last_error: Option<unsafe extern "C" fn(*mut ArrowArrayStream) -> *const c_char>,
    pub release: Option<unsafe extern "C" fn(*mut ArrowArrayStream)>,
    pub private_data: *mut c_void,
}

/// ARROW_FLAG_NULLABLE.
const NULLABLE: i64 = 2;

/// What a schema points to.
struct SchemaParts {
    _format: CString,
    _name: CString,
    children: Vec<*mut ArrowSchema>,
}

/// What an array points to.
struct ArrayParts {
    _column: Option<Column>,
    buffers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
}

fn schema(format: &str, name: &str, nullable: bool, children: &[Field]) -> ArrowSchema {
    let of_child = |child: &Field| {
        Box::into_raw(Box::new(schema(child.kind.format(), &child.name, child.nullable, &child.children)))
    };
    let mut parts = Box::new(SchemaParts {
        _format: c_string(format),
        _name: c_string(name),
        children: children.iter().map(of_child).collect(),
    });
    ArrowSchema {
        format: parts._format.as_ptr(),
        name: parts._name.as_ptr(),
        metadata: std::ptr::null(),
        flags: if nullable { NULLABLE } else { 0 },
        n_children: count(parts.children.len()),
        children: parts.children.as_mut_ptr(),
        dictionary: std::ptr::null_mut(),
        release: Some(release_schema),
        private_data: Box::into_raw(parts).cast(),
    }
}

/// The schema of a stream: a struct of these columns.
pub fn schema_of(fields: &[Field]) -> ArrowSchema {
    schema(Kind::Entries.format(), "", false, fields)
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn array(rows: usize, nulls: usize, parts: ArrayParts) -> ArrowArray {
    let mut parts = Box::new(parts);
    ArrowArray {
        length: count(rows),
        null_count: count(nulls),
        offset: 0,
        n_buffers: count(parts.buffers.len()),
        n_children: count(parts.children.len()),
        buffers: parts.buffers.as_mut_ptr(),
        children: parts.children.as_mut_ptr(),
        dictionary: std::ptr::null_mut(),
        release: Some(release_array),
        private_data: Box::into_raw(parts).cast(),
    }
}

fn array_of_column(mut column: Column) -> ArrowArray {
    let children = std::mem::take(&mut column.children).into_iter();
    let children = children.map(|child| Box::into_raw(Box::new(array_of_column(child)))).collect();
    let validity: *const c_void =
        if column.validity.is_empty() { std::ptr::null() } else { column.validity.as_ptr().cast() };
    let offsets: *const c_void = column.offsets.as_ptr().cast();
    let values: *const c_void = match &column.values {
        Values::None => std::ptr::null(),
        Values::Integers(values) => values.as_ptr().cast(),
        Values::Reals(values) => values.as_ptr().cast(),
        Values::Bytes(values) => values.as_ptr().cast(),
    };
    let buffers = match column.kind {
        Kind::Null => Vec::new(),
        Kind::Entries => vec![validity],
        Kind::Integer | Kind::Real | Kind::Time | Kind::Milliseconds => vec![validity, values],
        Kind::Text | Kind::Bytes => vec![validity, offsets, values],
        Kind::Labels => vec![validity, offsets],
    };
    let (rows, nulls) = (column.rows, column.nulls);
    // The buffers are where they are, whatever is moved.
    array(rows, nulls, ArrayParts { _column: Some(column), buffers, children })
}

/// A batch: a struct of its columns.
pub fn array_of(batch: Batch) -> ArrowArray {
    let children = batch.columns.into_iter().map(|column| Box::into_raw(Box::new(array_of_column(column)))).collect();
    array(batch.rows, 0, ArrayParts { _column: None, buffers: vec![std::ptr::null()], children })
}

/// An array that says that there are no more.
pub fn no_array() -> ArrowArray {
    ArrowArray {
        length: 0,
        null_count: 0,
        offset: 0,
        n_buffers: 0,
        n_children: 0,
        buffers: std::ptr::null_mut(),
        children: std::ptr::null_mut(),
        dictionary: std::ptr::null_mut(),
        release: None,
        private_data: std::ptr::null_mut(),
    }
}

/// A schema that was released.
pub fn no_schema() -> ArrowSchema {
    ArrowSchema {
        format: std::ptr::null(),
        name: std::ptr::null(),
        metadata: std::ptr::null(),
        flags: 0,
        n_children: 0,
        children: std::ptr::null_mut(),
        dictionary: std::ptr::null_mut(),
        release: None,
        private_data: std::ptr::null_mut(),
    }
}

unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: the interface calls it once for a schema of ours that has not been released.
    let Some(schema) = (unsafe { schema.as_mut() }) else { return };
    schema.release = None;
    let parts = std::mem::replace(&mut schema.private_data, std::ptr::null_mut()).cast::<SchemaParts>();
    shielded((), || {
        // SAFETY: it is from Box::into_raw in `schema`.
        let parts = unsafe { Box::from_raw(parts) };
        for child in &parts.children {
            // SAFETY: as above, of each child; who moved one out has set its release to NULL.
            let child = unsafe { Box::from_raw(*child) };
            if child.release.is_some() {
                let mut child = child;
                // SAFETY: it is a schema of ours that has not been released.
                unsafe { release_schema(&raw mut *child) };
            }
        }
    });
}

unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    // SAFETY: the interface calls it once for an array of ours that has not been released.
    let Some(array) = (unsafe { array.as_mut() }) else { return };
    array.release = None;
    let parts = std::mem::replace(&mut array.private_data, std::ptr::null_mut()).cast::<ArrayParts>();
    shielded((), || {
        // SAFETY: it is from Box::into_raw in `array`.
        let parts = unsafe { Box::from_raw(parts) };
        for child in &parts.children {
            // SAFETY: as above, of each child; who moved one out has set its release to NULL.
            let child = unsafe { Box::from_raw(*child) };
            if child.release.is_some() {
                let mut child = child;
                // SAFETY: it is an array of ours that has not been released.
                unsafe { release_array(&raw mut *child) };
            }
        }
    });
}
