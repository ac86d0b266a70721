//! The steps of SQLite's online backup.

use rusqlite::backup::Backup;

/// Pages per step: a few milliseconds, in which nobody else can commit in rollback-journal mode.
pub const PAGES_PER_STEP: i32 = 1024;

/// How many pages a backup has copied, and how many there are.
pub fn pages(backup: &Backup<'_, '_>) -> (u64, u64) {
    let progress = backup.progress();
    let number = |pages: i32| u64::try_from(pages).unwrap_or(0);
    (number(progress.pagecount.saturating_sub(progress.remaining)), number(progress.pagecount))
}
