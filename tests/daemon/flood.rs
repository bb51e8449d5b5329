//! Flood.
