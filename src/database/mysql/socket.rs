//! The descriptor of a connection: what a child after a fork lets go of, instead of the connection.

use std::os::fd::AsRawFd;

use mysql::PooledConn;

use crate::database::descriptors;
use crate::database::guard::FileId;

/// The number, and what it stands for, as somebody else's descriptor can have the number by then; `None` where that cannot be known.
pub struct Socket(Option<(i32, FileId)>);

impl Socket {
    pub fn of(connection: &PooledConn) -> Socket {
        let number = connection.as_ref().as_raw_fd();
        Socket(descriptors::file_of(number).map(|id| (number, id)))
    }

    /// Closes this process's descriptor. Nothing is sent, so the connection goes on in the parent, whose connection must not be used here any
    /// more, not even to be dropped.
    pub fn close(&self) {
        if let Some((number, id)) = self.0 {
            descriptors::close(number, id);
        }
    }
}
