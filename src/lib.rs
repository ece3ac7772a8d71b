//! userpurge: delete users at their providers, from a file, and account for every row.

pub mod cli;
pub mod config;
pub mod domain;
pub mod input;
pub mod ledger;
pub mod pipeline;
pub mod plan;
pub mod progress;
pub mod provider;
pub mod report;
pub mod sandbox;
pub mod transport;
