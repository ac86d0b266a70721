//! Passwords, which are never shown, and are wiped when they are dropped.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::Result;

/// Text that is never shown, and wiped when it is dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps a text secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(text.into()))
    }

    /// The text, for who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}

/// Where a password comes from, instead of from the URL.
#[derive(Clone)]
pub enum Password {
    /// This is it.
    Is(Secret),
    /// Asked for once, when the database is opened.
    Ask(Arc<dyn Fn() -> Result<String> + Send + Sync>),
}

impl Password {
    /// The password.
    pub fn get(&self) -> Result<Secret> {
        match self {
            Password::Is(secret) => Ok(secret.clone()),
            Password::Ask(ask) => ask().map(Secret::new),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}
