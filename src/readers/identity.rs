//! Makes keys for what has none of its own: the same key each time it is read, and never the same key for two things.

/// A hash of some parts, each with its length before it.
fn hash(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"expmig.readers/1");
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().as_str().to_owned()
}

/// As MLflow writes ids of runs: 32 digits.
pub fn run_id_of(parts: &[&str]) -> String {
    hash(parts).chars().take(32).collect()
}

/// As MLflow writes other ids: 32 digits in five groups.
pub fn uuid_of(parts: &[&str]) -> String {
    let hash = hash(parts);
    let part = |from: usize, to: usize| hash.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}
