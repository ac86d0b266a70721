//! Things that callers register under names, for as long as a manager lives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Domain, Error, Result, Status};

/// How long a name may be, in bytes.
const LONGEST_NAME: usize = 128;

/// Something with its name.
pub struct Named<T> {
    pub name: String,
    pub value: T,
}

/// Things of one kind, in the order in which they were registered.
pub struct Registry<T> {
    /// What one is called, also as a detail of errors: `check`.
    what: &'static str,
    domain: Domain,
    entries: Mutex<Vec<Arc<Named<T>>>>,
}

impl<T> Registry<T> {
    /// None yet.
    pub const fn new(what: &'static str, domain: Domain) -> Registry<T> {
        Registry { what, domain, entries: Mutex::new(Vec::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Named<T>>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails on names that nobody could tell apart or write.
    pub fn check_name(&self, name: &str) -> Result<()> {
        let wrong = match name {
            "" => "is empty",
            name if name.len() > LONGEST_NAME => "has more than 128 bytes",
            name if name.contains(char::is_control) => "has a control character in it",
            _ => return Ok(()),
        };
        Err(Error::argument(self.domain, "name", format!("the name of the {} {wrong}", self.what))
            .hint("give it a short name that tells what it does"))
    }

    /// Adds one, whose name nobody else may have.
    pub fn register(&self, name: &str, value: T) -> Result<()> {
        self.check_name(name)?;
        let mut entries = self.lock();
        if entries.iter().any(|known| known.name == name) {
            let message = format!("there is a {} named {name:?} already", self.what);
            return Err(Error::new(Status::AlreadyExists, self.domain, message)
                .detail(self.what, name)
                .hint("unregister it first, or choose another name"));
        }
        entries.push(Arc::new(Named { name: name.to_owned(), value }));
        Ok(())
    }

    /// Removes one.
    pub fn unregister(&self, name: &str) -> Result<()> {
        let mut entries = self.lock();
        let Some(at) = entries.iter().position(|known| known.name == name) else {
            let names: Vec<String> = entries.iter().map(|known| format!("{:?}", known.name)).collect();
            let message = format!("there is no {} named {name:?}", self.what);
            return Err(Error::new(Status::NotFound, self.domain, message).detail(self.what, name).hint(
                match names.len() {
                    0 => format!("no {} is registered", self.what),
                    _ => format!("the registered {}s are {}", self.what, names.join(", ")),
                },
            ));
        };
        let removed = entries.remove(at);
        // What it owns may end with a callback, which must find the lock free.
        drop(entries);
        drop(removed);
        Ok(())
    }

    /// All of them as they are now.
    pub fn all(&self) -> Vec<Arc<Named<T>>> {
        self.lock().clone()
    }

    /// The one with this name.
    pub fn find(&self, name: &str) -> Option<Arc<Named<T>>> {
        self.lock().iter().find(|known| known.name == name).cloned()
    }
}
