//! Queries with SQL of the caller.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use super::args::{opened, text};
use super::database::expmig_database;
use super::error::expmig_error;
use super::guard::guard;
use super::progress::flow;
use super::status::expmig_status;
use super::text::c_string;
use crate::database::{Next, QueryRow};
use crate::error::{Domain, Error, Result};
use crate::manager::Manager;
use crate::values::{Value, ValueRef};

/// NULL.
pub const EXPMIG_VALUE_NULL: i32 = 0;
/// A 64-bit integer.
pub const EXPMIG_VALUE_INTEGER: i32 = 1;
/// A double; it can be infinite.
pub const EXPMIG_VALUE_REAL: i32 = 2;
/// Text. It should be UTF-8, but a database can contain other bytes.
pub const EXPMIG_VALUE_TEXT: i32 = 3;
/// Bytes.
pub const EXPMIG_VALUE_BLOB: i32 = 4;

/// A value with its type. Never changes its size.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_value {
    /// EXPMIG_VALUE_NULL and so on. Says which of the other fields count.
    pub r#type: i32,
    /// The value of EXPMIG_VALUE_INTEGER, else 0.
    pub integer: i64,
    /// The value of EXPMIG_VALUE_REAL, else 0.
    pub real: f64,
    /// The bytes of EXPMIG_VALUE_TEXT and EXPMIG_VALUE_BLOB, else NULL. Text is not NUL-terminated, and can have a NUL inside.
    pub bytes: *const c_void,
    /// How many bytes there are.
    pub length: usize,
}

/// One row. Valid only during the callback; copy what you want to keep.
#[repr(C)]
pub struct expmig_row {
    /// Size of this struct in bytes; fields are only added at its end.
    pub struct_size: u32,
    /// How many columns there are, at least 1.
    pub column_count: usize,
    /// The names of the columns, as the statement gives them, UTF-8.
    pub names: *const *const c_char,
    /// The cells, in the same order.
    pub values: *const expmig_value,
}

/// Receives the rows of a query, on the thread that made the call. Returns EXPMIG_CALLBACK_CONTINUE, EXPMIG_CALLBACK_CANCEL, or another
/// value for a failure; after anything but EXPMIG_CALLBACK_CONTINUE it is not called again. It must not unwind or longjmp, and must not
/// use the handles of the running call.
pub type expmig_row_fn = Option<unsafe extern "C" fn(row: *const expmig_row, user_data: *mut c_void) -> i32>;

const EMPTY: expmig_value =
    expmig_value { r#type: EXPMIG_VALUE_NULL, integer: 0, real: 0.0, bytes: std::ptr::null(), length: 0 };

/// The value, borrowed.
pub fn to_c(value: &ValueRef<'_>) -> expmig_value {
    let bytes = |kind, bytes: &[u8]| expmig_value {
        r#type: kind,
        bytes: bytes.as_ptr().cast::<c_void>(),
        length: bytes.len(),
        ..EMPTY
    };
    match *value {
        ValueRef::Null => EMPTY,
        ValueRef::Integer(integer) => expmig_value { r#type: EXPMIG_VALUE_INTEGER, integer, ..EMPTY },
        ValueRef::Real(real) => expmig_value { r#type: EXPMIG_VALUE_REAL, real, ..EMPTY },
        ValueRef::Text(text) => bytes(EXPMIG_VALUE_TEXT, text),
        ValueRef::Blob(blob) => bytes(EXPMIG_VALUE_BLOB, blob),
    }
}

/// # Safety
/// The bytes of text and blobs are readable.
unsafe fn from_c(value: &expmig_value) -> std::result::Result<Value, String> {
    let bytes = || {
        if value.length == 0 {
            return Ok(Vec::new());
        }
        if value.bytes.is_null() {
            return Err("has no bytes".to_owned());
        }
        // SAFETY: not NULL, and as long as the caller says.
        Ok(unsafe { std::slice::from_raw_parts(value.bytes.cast::<u8>(), value.length) }.to_vec())
    };
    match value.r#type {
        EXPMIG_VALUE_NULL => Ok(Value::Null),
        EXPMIG_VALUE_INTEGER => Ok(Value::Integer(value.integer)),
        EXPMIG_VALUE_REAL => Ok(Value::Real(value.real)),
        EXPMIG_VALUE_TEXT => bytes().map(Value::Text),
        EXPMIG_VALUE_BLOB => bytes().map(Value::Blob),
        other => Err(format!("has the type {other}, which does not exist")),
    }
}

/// The parameters of a query.
///
/// # Safety
/// `params` is NULL or points to `count` values whose bytes are readable.
pub(super) unsafe fn parameters(params: *const expmig_value, count: usize) -> Result<Vec<Value>> {
    let domain = Domain::Database;
    if count == 0 {
        return Ok(Vec::new());
    }
    if params.is_null() {
        return Err(Error::argument(domain, "params", "params is NULL, but param_count is not 0"));
    }
    // SAFETY: not NULL, and as many as the caller says.
    let values = unsafe { std::slice::from_raw_parts(params, count) };
    let read = |(index, value)| {
        // SAFETY: as the caller promises.
        unsafe { from_c(value) }
            .map_err(|what| Error::argument(domain, "params", format!("value {index} {what}")).detail("index", index))
    };
    values.iter().enumerate().map(read).collect()
}

/// Hands rows over to a C callback.
struct Receiver {
    row_fn: unsafe extern "C" fn(*const expmig_row, *mut c_void) -> i32,
    user_data: *mut c_void,
    names: Vec<CString>,
    values: Vec<expmig_value>,
}

impl Receiver {
    fn row(&mut self, row: &QueryRow<'_>) -> Result<Next> {
        if self.names.is_empty() {
            self.names = row.columns.iter().map(|name| c_string(name)).collect();
        }
        let names: Vec<*const c_char> = self.names.iter().map(|name| name.as_ptr()).collect();
        self.values.clear();
        self.values.extend(row.values.iter().map(to_c));
        let c_row = expmig_row {
            struct_size: size_of::<expmig_row>() as u32,
            column_count: self.values.len(),
            names: names.as_ptr(),
            values: self.values.as_ptr(),
        };
        // SAFETY: the caller gave a function of this type; the row lives for the call.
        let answer = unsafe { (self.row_fn)(&raw const c_row, self.user_data) };
        flow(answer).stop(Domain::Database, "row").map_or(Ok(Next::Row), Err)
    }
}

/// What every function that queries takes after its handle.
pub struct Query {
    pub sql: *const c_char,
    pub params: *const expmig_value,
    pub param_count: usize,
    pub row_fn: expmig_row_fn,
    pub user_data: *mut c_void,
}

/// What a query runs on: SQL, parameters, and what receives the rows.
type Engine<'e> = &'e dyn Fn(&str, &[Value], &mut dyn FnMut(&QueryRow<'_>) -> Result<Next>) -> Result<()>;

impl Query {
    /// Converts the arguments and runs it.
    ///
    /// # Safety
    /// The pointers are as the header says.
    pub unsafe fn run(&self, engine: Engine<'_>) -> Result<()> {
        let domain = Domain::Database;
        // SAFETY: as the caller promises; so below.
        let sql = unsafe { text(self.sql, "sql", domain) }?;
        let params = unsafe { parameters(self.params, self.param_count) }?;
        let row_fn = self.row_fn.ok_or_else(|| Error::argument(domain, "row_fn", "row_fn is NULL"))?;
        let mut receiver = Receiver { row_fn, user_data: self.user_data, names: Vec::new(), values: Vec::new() };
        engine(sql, &params, &mut |row| receiver.row(row))
    }
}

/// Runs one SELECT on a consistent state of the database. Whatever the SQL is, it can only read: no write, no change of the schema, no
/// transaction, no ATTACH, no PRAGMA that sets something, no extension.
///
/// `sql`: one statement; after its semicolon only blanks and comments may follow.
/// `params`, `param_count`: a value for each parameter of the statement, in their order; NULL and 0 if it has none.
/// `row_fn`: receives the rows.
/// `user_data`: passed to `row_fn`.
///
/// Returns EXPMIG_MISUSE (the statement would do more than read, and the detail "action" says what; or the call comes from inside a
/// callback of this database), EXPMIG_INVALID_ARGUMENT (not a statement that SQLite accepts, more than one statement, or another number
/// of parameters; the detail "offset" counts bytes of `sql`), EXPMIG_CANCELLED and EXPMIG_CALLBACK (`row_fn` cancelled or failed),
/// EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_LIMIT, EXPMIG_UNSUPPORTED (the schema has names that are not UTF-8). Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_database_query(
    database: *const expmig_database,
    sql: *const c_char,
    params: *const expmig_value,
    param_count: usize,
    row_fn: expmig_row_fn,
    user_data: *mut c_void,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says.
    unsafe {
        guard(error, Domain::Database, || {
            let gate = Arc::clone(&opened(database, "database", Domain::Database)?.0);
            let entered = gate.enter(Domain::Database)?;
            let manager = Manager::from(&*entered);
            let query = Query { sql, params, param_count, row_fn, user_data };
            query.run(&|sql, params, each| manager.query(sql, params, each))
        })
    }
}
