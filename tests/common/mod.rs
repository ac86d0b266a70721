//! What the crash and concurrency tests share: databases to work on, child processes, the independent checker.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod check;
pub mod child;
pub mod database;
pub mod fault;
pub mod scenario;
pub mod snapshot;
