//! The descriptors of a connection. A child after a fork closes them instead of the connection.

use std::os::fd::AsRawFd;

use mysql::PooledConn;

use super::read_timeout::Patience;
use crate::database::descriptors;
use crate::database::file_id::FileId;

/// The numbers, and what they stand for, as somebody else's descriptor can have a number by then; none where that cannot be known.
pub struct Socket(Vec<(i32, FileId)>);

impl Socket {
    pub fn of(connection: &PooledConn, patience: &Patience) -> Socket {
        let numbers = [Some(connection.as_ref().as_raw_fd()), patience.number()].into_iter().flatten();
        Socket(numbers.filter_map(|number| Some((number, descriptors::file_of(number)?))).collect())
    }

    /// Closes this process's descriptors. Nothing is sent, so the connection goes on in the parent, whose connection must not be used here any
    /// more, not even to be dropped.
    pub fn close(&self) {
        for (number, id) in &self.0 {
            descriptors::close(*number, *id);
        }
    }
}
