//! Documents: exported and imported, of this tool and the older one, sound and hostile, and with a kill at any moment.

mod export;
mod export_crash;
mod import;
mod import_crash;
mod import_hostile;
mod import_older;
mod round_trip;
#[path = "../support/mod.rs"]
mod support;
