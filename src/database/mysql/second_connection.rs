//! The second connection of a writer. What runs on it is not part of the writer's transaction.

use std::cell::RefCell;

use mysql::PooledConn;

use super::read_timeout::Patience;

/// The other connection, once there was a need for it.
#[derive(Default)]
pub struct SecondConnection(pub RefCell<Option<(PooledConn, Patience)>>);

impl SecondConnection {
    /// Closes it.
    pub fn close(&self) {
        let open = self.0.borrow_mut().take();
        close(open);
    }
}

impl Drop for SecondConnection {
    fn drop(&mut self) {
        self.close();
    }
}

/// What is said at the end is said within the limit, too.
pub fn close(open: Option<(PooledConn, Patience)>) {
    if let Some((connection, patience)) = open {
        let _used = patience.begin();
        drop(connection);
    }
}
