//! userpurge deletes user accounts at their providers, from an export file, and records every row.
//!
//! # Picture
//!
//! ```text
//! file ──▶ input ──▶ plan ──▶ ledger: plan ──▶ a person agrees ──▶ ledger: agreed
//!                                                                       │ blocks of rows
//!      ┌──────────────────────── lane, one per tenant ◀─────────────────┘
//!      │  limits ──▶ token, role ──▶ intent durable ──▶ still open? ──▶ send ──▶ judge
//!      │                                  │                               │        │
//!      │                               ledger                         transport    ▼
//!      └─ again, or the account stops ◀───────────────────────────────────── row's outcome
//!                                                                                  │
//!                  report, status, resume, retry, verify ◀──────────────────── ledger
//! ```
//!
//! # Map
//!
//! | module | is | may import |
//! | --- | --- | --- |
//! | [`domain`] | the vocabulary, with the glossary; the ledger's entries | nothing |
//! | [`input`] | a file's bytes → records with positions, as a stream | domain |
//! | [`plan`] | a record → a row to send, or the reason why not | domain, input |
//! | [`provider`] | domain ↔ HTTP without sending; a folder per provider | domain |
//! | [`transport`] | the network IO to providers | domain, provider |
//! | [`lane`] | a tenant's traffic as a machine without IO, async, clock or lock | domain, provider, transport |
//! | [`run`] | the async driver of lanes: ledger, network and clock | domain, lane, provider, transport |
//! | [`ledger`] | append-only JSON Lines: writer, reader, chain, lock, state, audit | domain |
//! | [`report`] | ledger → summary and report, as text, JSON, Markdown, HTML and CSV | domain, ledger |
//! | [`progress`] | entries → bars, plain lines, JSON lines | domain |
//! | [`config`] | TOML, environment and secrets → settings | domain, provider |
//! | [`sandbox`] | the providers' behaviour as state machines, and a loopback server | domain, provider |
//! | [`help`] | the topics of help, for the screen, the manual and this documentation | nothing |
//! | [`cli`] | the composition root: arguments, a file per command, exit codes | all |
//! | [`words`] | numbers, times and names as text; every module may import it | domain |
//!
//! `tests/it/architecture.rs` checks this table against the sources.
//!
//! To follow one row, read these five files in order:
//!
//! 1. `plan/planner.rs` decides what becomes of the row, and writes it to the ledger's plan.
//! 2. `cli/feed.rs` reads the agreed row from the ledger and gives it to its lane.
//! 3. `lane/queues.rs` takes the row, has its user looked up, and begins its first step.
//! 4. `lane/attempt.rs` takes the step's request through limits, token, role and intent, and sends it.
//! 5. `lane/rows.rs` records how the step ended, and goes on to the next step or to the row's outcome.
//!
//! Between 4 and 5, `run/mod.rs` waits for the durable intent, sends the request and brings the reply, and
//! `lane/answers.rs` reads the verdict on it.
//!
//! A new provider is a variant of `domain::ProviderKind` with its actions, and a folder under `provider`
//! that implements `Provider`. It also has its keys in `config`, and a state machine under `sandbox`.
//!
//! # Invariants
//!
//! - A deleting request leaves only after its intent is durable.
//! - No request leaves after the ledger failed.
//! - No span of a provider's clock holds more of a lane's requests than the quota.
//! - Limits in response headers lower a quota and never raise it.
//! - A request takes windows, pauses, pace and concurrency at one instant, or nothing.
//! - Two requests about one user are never in flight at once.
//! - Rows of one user run in the order of the file.
//! - The last outcome of a row counts; a row without an outcome is pending.
//! - `run` sends only rows of the ledger's plan, whatever becomes of the input.
//! - A resumed run refuses accounts that lead to other tenants than the agreed ones.
//! - A verification changes no outcome.
//! - A verdict about the account stops that account; a verdict about the moment leads to another attempt, while
//!   attempts remain.
//! - A lane waits through no pause of more than one hour that a server asks for.
//! - A server error leaves a deletion in doubt if the request could have taken effect.
//! - A canary's rows end well before any other row of their account begins.
//! - Transport follows no redirect, and uses no proxy for loopback.
//! - The ledger holds ids, references, codes and fixed texts, and no response bodies.
//! - An id stays text from the cell to the URL.
//! - One process works at a tenant at a time, as long as the XDG state folder can be used.
//!
//! # Budgets
//!
//! `tests/it/architecture.rs` tests the sizes:
//!
//! - `src` has at most 45,000 lines, inline tests included, and at most 380 types.
//! - A module has at most 7,000 lines.
//! - A file has 60 to 600 lines; `mod.rs`, `lib.rs` and `main.rs` may be shorter.
//! - A function has at most 60 lines.
//! - No type name is used twice, and `lane` has no lock.
//!
//! `make bench` measures these speeds, except the last two rows:
//!
//! | what | at least |
//! | --- | --- |
//! | quota | 0 refused, at most 1.02 × the time the quota allows + 1 s |
//! | wire, durable ledger, 64 in flight, no quota | 1.5 × `curl --parallel`, 5 × aiohttp |
//! | plan of 10 million rows, CSV | ids in order at most 2 × a bare csv read, in random order 3.5 × |
//! | plan of 10 million rows, JSON Lines | at most 2.5 × a bare `serde_json` read |
//! | memory of a plan | 64 MB for numeric ids, 40 bytes a row for text |
//! | `status`, `resume` until it sends, a million rows | at most 1.5 s, 64 MB |
//! | first `make demo`, two cores | at most 120 s, first words within a second |
//! | start, `--help`; release binary | at most 15 ms; at most 12 MB |

pub mod cli;
pub mod config;
pub mod domain;
pub mod help;
pub mod input;
pub mod lane;
pub mod ledger;
pub mod plan;
pub mod progress;
pub mod provider;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod transport;
pub mod words;
