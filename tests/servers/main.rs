//! What only servers do. All on one private server of each kind, MariaDB and, where EXPMIG_TEST_MYSQLD names its binary, MySQL, with a schema for
//! each test; what changes or kills a server starts one of its own (support/server.rs).

mod beside;
mod calls;
mod clusters;
mod faults;
mod passwords;
mod postgres;
mod settings;
mod staged;
#[path = "../support/mod.rs"]
mod support;
mod types;
mod undo;
mod widening;
