//! The one integration test binary: behaviour through the program, judged by the sandbox.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod agent;
mod agreed;
mod architecture;
mod audit;
mod bound;
mod bulk;
mod canary;
mod columns;
mod commands;
mod config;
mod counted_tokens;
mod credentials;
mod damage;
mod descriptors;
mod disk;
mod domain;
mod done_elsewhere;
mod doubt;
mod errors;
mod evidence;
mod for_its_owner;
mod foreign_configuration;
#[cfg(debug_assertions)]
mod fuzz;
mod guard;
mod help;
mod help_text;
mod hostile;
mod hostile_file;
mod init;
mod input;
mod job_items;
mod lane;
mod ledger;
mod ledger_ids;
mod ledger_lost;
mod left;
mod lists;
mod mixed;
mod next_run;
mod noted_head;
mod order;
mod packages;
mod page;
mod pauses;
mod picture;
mod pipes;
mod plan;
mod plan_rules;
mod primary_contact;
mod promoted;
mod protect_list;
mod provider;
mod purged;
mod question;
mod quota;
mod reach;
mod redirect;
mod report;
mod report_document;
mod report_page;
mod report_told;
mod resume;
mod sandbox;
mod saved;
mod screen;
mod secrets;
mod sheet;
mod signals;
mod stopped_purge;
mod stopped_reads;
mod stops;
mod support;
mod token_place;
mod transport;
mod trust;
mod two_accounts;
mod underlined;
mod verify;
mod walk;
mod words;
