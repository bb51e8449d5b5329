//! Who sent this, and just now? A keyed MAC and a sequence number behind every message.

mod keys;
mod signer;
mod trailer;

pub use keys::{Key, KeyError, KeyFault, Keys};
pub use signer::Signer;
pub use trailer::{MAC_LEN, MAGIC, TRAILER_LEN, Trailer};
