//! What no pure code can make: random bytes, and a number for a life that was never used before.

use std::fs::File;
use std::io::{self, Read};
use std::time::{SystemTime, UNIX_EPOCH};

/// The boot time of the life that begins now, in nanoseconds since the epoch, and 32 random bytes.
///
/// # Errors
/// There is no /dev/urandom.
pub fn life() -> io::Result<(u64, [u8; 32])> {
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Enough until the year 2554.
    Ok((u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX), seed))
}
