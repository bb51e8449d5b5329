//! Bytes and nothing else: how a message looks on the wire.
//!
//! ```text
//!  0      4        8            40     44     48      50     52      56      60     64                88
//!  | vers | check- | group name | view | auth | sender| type | subj. | subj. | subj.| lists, pointers,|
//!  |      | sum    | 32 bytes   |      |      | gid   |      | gid   | addr  | rank | data_len        |
//!  +----------------------------------------------------------------------------------+--------------+
//!  | exclude gids, 2 bytes each | subject gids, 2 bytes each | data                                   |
//! ```
//!
//! The layout is the C struct of 1994 on a big-endian 32-bit machine, padding and all (Figure 13; the
//! order of the fields is the program's, not the figure's). It is encoded by hand; no struct is ever cast.

pub mod auth;
pub mod checksum;
pub mod coreset;
mod cursor;
mod error;
pub mod fragment;
pub mod group;
pub mod local;
mod message;
pub mod prefix;
mod table;

pub use error::WireError;
pub use message::{Draft, Gids, Header, Message, Sum};
pub use table::{Kind, Origin, Row, TABLE};

/// The version of the format: field `vers`.
pub const VERSION: u16 = 1;
/// Length of the fixed part in bytes.
pub const HEADER_LEN: usize = 88;
/// Largest UDP payload over IPv4, in bytes.
pub const MAX_DATAGRAM: usize = 65_507;
/// Largest message that an original can use when it comes through an mcaster, in bytes.
pub const ORIGINAL_MTU: usize = 1008;
/// Default limit of a datagram's payload, in bytes.
pub const DEFAULT_MTU: usize = 1400;
