//! `init`: a few questions, a commented configuration, and then `check`.
//!
//! Answers come from the terminal, or line by line from a pipe. No secret is ever asked for: the
//! file says where each is kept.

mod account;
mod asker;
mod execute;

pub(in crate::cli) use execute::execute;
