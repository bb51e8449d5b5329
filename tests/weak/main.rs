//! Weak groups: the facts that they are made of, and whole processes that have them (II.B; HIERARCHY: quality of service).

mod compare;
mod facts;
mod faults;
mod told;
