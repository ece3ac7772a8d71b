//! userpurge deletes users at their providers, from a file, and accounts for every row.
//!
//! This page is the architecture: read it before the code, and keep it true.
//!
//! # One picture
//!
//! ```text
//!            ┌────────── lane per tenant (a machine without IO; `run` drives it) ──────────────┐
//! input ──▶ plan ──▶ task ──▶ windows, pauses, pace, number in flight ▸ access ▸ intent ▸       │
//!                     ▲         still open? ▸ send ▸ judge ▸ again or end ──────────────Entry──▶ ledger ──▶ report
//!               ledger state          │          │                            │          └──▶ progress
//!            └──────────────────── limits ── provider (pure) ──────────────────────────────────┘
//! ```
//!
//! One way, left to right. Providers are pure: domain → request, reply → verdict. Only
//! [`transport`] talks to the network, only [`ledger`] and [`input`] touch the disk of a run (the
//! configuration, kept tokens and reports are `config`'s and `cli`'s), only the
//! [`run`] waits for many things at once, only [`cli`] sees everything. A [`lane`] has no IO at all.
//!
//! # Code map
//!
//! | module | is | may import |
//! | --- | --- | --- |
//! | [`domain`] | the vocabulary, with the glossary; the ledger's entries | nothing |
//! | [`input`] | bytes → records with their positions, streaming | domain |
//! | [`plan`] | a record → a task, or the reason why not; the plan people read | domain, input |
//! | [`provider`] | domain ↔ HTTP without sending; a folder per provider | domain |
//! | [`transport`] | the only network IO | domain, provider |
//! | [`lane`] | the machine of a tenant's traffic: rows, limits, jobs, tokens, safeties; no async, no clock, no lock | domain, provider, transport |
//! | [`run`] | the driver of lanes: ledger, network and clock around them | domain, lane, provider, transport |
//! | [`ledger`] | append-only JSON Lines: format, chain, lock, one writer, state, audit | domain |
//! | [`report`] | ledger → summary and report → text, JSON, Markdown, a page; rows of the input back as CSV | domain, ledger |
//! | [`progress`] | entries → bars, plain lines, JSON lines | domain |
//! | [`config`] | TOML, environment, secrets → complete settings | domain, provider |
//! | [`sandbox`] | the three providers' behaviour as state machines, and a loopback server | domain |
//! | [`cli`] | the composition root: a file per command, diagnostics, exit codes | all |
//! | [`words`] | numbers, times and names as people read them; every module may import it | domain |
//!
//! `tests/it/architecture.rs` reads this table and holds it against the sources.
//!
//! # A run, step by step
//!
//! 1. `cli` loads the settings, begins the ledger, and reads the input once ([`plan::Planner`]). What
//!    each row comes to goes into the ledger: rows to send in blocks by account and action, others
//!    in blocks by reason. `planned` closes that part with counts and the input's digest.
//! 2. Unless its tenant is a denied one (`deny_tenants`), each account with rows is asked who we are
//!    ([`run::Client::identify`]): rejected credentials end the run here, with exit code 2.
//!    Who has a role that no list of users tells (Zoho's primary contact) is asked too
//!    ([`run::Client::acquaint`]).
//! 3. The plan is shown and the question asked, about exactly these rows. `agreed` records who agreed,
//!    how, at which tenants, and with which options if not the plan's. Declined, the ledger is taken away; killed before, it is a saved plan
//!    ([`ledger::LedgerState::is_saved_plan`]), which `run LEDGER` carries out.
//! 4. A lane per tenant takes its tasks from the ledger's blocks ([`ledger::PlanRows`]) and sees each
//!    to its outcome. There is a queue for each action, so that rows which wait for one endpoint's
//!    quota keep no others from theirs; a row behind another of its user waits until every queue was
//!    read past it. A row that the caller's identity spares ([`plan::CallerRule`]) ends there.
//! 5. An `end` entry with the counts of all rows closes the session; the counts are checked
//!    against the rows planned. The closing words are the ledger's: its writer keeps the state of
//!    what it wrote, and nothing is told of a run that does not stand there.
//!
//! `resume` and `retry` do the same with what the ledger leaves outstanding, and need nothing else:
//! they read it once into row sets ([`ledger::LedgerState`]), check that accounts lead to the tenants
//! that were agreed to, fill the quota windows with the requests it records, and append to it.
//! `verify` takes the rows that ended well from the ledger itself, asks the provider how their users
//! stand, in the largest reads it has ([`provider::LookupFor::Verification`]), and appends what it saw.
//!
//! # Invariants
//!
//! - **A deleting request leaves only after its intent is durable**, and nothing leaves after the
//!   ledger failed: an unrecorded deletion must not happen.
//! - **No span of the provider's clock holds more requests than the quota.** A slot is held from
//!   before the request is sent until one span after its answer came ([`lane::limits`]), and of a
//!   request that was given up for a while longer, as a server that stood still may count it later
//!   ([`domain::Quota::GIVEN_UP_COUNTED`]). A token that the tenant itself gives out is a request too.
//!   Also when a process is killed: a deletion has its intent, and a read holds its permit until its
//!   line is durable, so no more reads are untold than that process had permits, and the next counts
//!   as many ([`lane::limits::Past`]), whatever was done to the clock between the two
//!   ([`ledger::LedgerState::now`]). What was sent before there was a ledger, or before the
//!   session's first line, is who we are and whom nobody should delete, a request or two each.
//! - **A pace costs a run half a hundredth of its time at most.** The design had an account's requests
//!   spread evenly over each span, so that others at work under the same limit meet no burst; but 350
//!   requests at 70 per 6 s then took 30 s where the quota asks for 24. So each window is spread over
//!   as much of its span as that leaves ([`domain::Quota::spread`]): a long run is as even as before,
//!   a short one fast. What leaves room for others is `share`, not the pace.
//! - **Headers lower, and never raise.** Only in answers that are known to be the provider's: a stated
//!   limit lowers ours, and what a stated remainder shows that others have used is held until the
//!   server's reset ([`lane::limits::Window::others_left`]).
//! - **As many go at once as the provider takes**: of a refusal that says that too many were under way,
//!   and of no other, the lane learns to do with fewer; never with none, and it tries one more when all
//!   went well for a while ([`lane::limits`]).
//! - **What waits for quota holds nothing.** Windows, pauses, pace and the number in flight are taken at
//!   one instant, all or none: before the intent, so that nothing is late when that is durable.
//! - **The bottleneck goes first**: of the account's slots, those whom an endpoint's own quota makes the
//!   last to be done take theirs before all others ([`lane::limits`]). Else a file's reads and other
//!   steps would take at the beginning what the endpoint lacks at the end.
//! - **Accounts at one tenant share one set of limits**, as far as the configuration shows that
//!   they are: the tenant counts their requests together.
//! - **A row ends once per session, and its last outcome counts.** Until then it is pending. A row
//!   that ended well is never sent again, unless the provider itself says since that its user stands
//!   (seen by `verify`) and somebody asks for just that (`retry --only standing`).
//! - **What was agreed to is what is done.** Only the ledger's plan is carried out, whatever becomes of
//!   the input, the options or the configuration. A run stays with its tenants.
//! - **A configuration's path comes from `--config` and the documented places.** A configuration runs
//!   commands for its secrets, so no ledger or input names one that is opened.
//! - **A verification reads, and is evidence.** It changes no outcome; only the provider's own clear
//!   answer makes a user as asked, and who is missing in an answer that may be a part is unknown.
//! - **Nothing is sent before a server said it may be**, by this process or the next, also one that
//!   names the ledger by `--done-in`. A wait of more
//!   than [an hour](lane::limits::PAUSE_WAITED_MAX) is not sat through: the lane stops, and until
//!   it is over a `resume` does not even ask who we are. Only a person gets past it
//!   (`--ignore-pauses`): a time far ahead may be a mistake.
//! - **Who cannot be reached is the account's trouble**: all of it waits, and no row loses a try; but
//!   not for ever (`lane::reach`).
//! - **What waits for a canary holds nothing**: nothing of what comes behind one is begun before it is
//!   over, not even a question. And a stop drops no question that is under way: it ends, and is recorded.
//! - **An answer is about the row, the account or the moment.** Only the first ends a row; the
//!   second stops the lane and leaves its rows pending; the third is tried again.
//! - **Gone after a request of ours that was never answered is `deleted`**, and says that it was
//!   settled so; gone without one is `already_gone`. So is a 5xx no answer. The doubt survives the
//!   process, and the outcomes `failed` and `in_doubt`. But a request for somebody who the provider
//!   had just said is not there deleted nobody; and where nobody was looked for before, the row says
//!   so ([`domain::OutcomeEntry::SETTLED_UNSEEN`]).
//! - **A purge is good only when the user is permanently deleted.** While the soft deletion is this
//!   run's, or the provider listed the user as soft-deleted, "not found" is about the moment: it is
//!   waited for, longer each time, and then the row failed.
//! - **A role is believed for a minute.** Whoever waits for longer, for quota or a pause, is asked about
//!   again just before the request leaves (`lane::lookups`).
//! - **Credentials go to the configured host and nowhere else**: no redirect is followed, no
//!   address in an answer is used, a token's `api_domain` is held against its data centre's own
//!   hosts, also when it was kept between processes, and against where the first token led, which is
//!   where the run was agreed to; and loopback never goes through a proxy.
//! - **A deletion is believed only in the provider's own words**, naming this user where the
//!   provider names one. So is "no such user" where it would settle a doubt.
//! - **The ledger holds no person**: ids, the admin's own reference, codes and fixed texts, never
//!   bodies, names or addresses.
//! - **A user goes into a request for many only if the provider listed them as standing just
//!   before**, so one whom it does not list after the job is gone by it: what a job says nothing
//!   clear about is read again, not deleted again ([`provider::Bulk`]).
//! - **Two requests about one user are never under way at once**, and rows of one user go in the
//!   order of the file. Of accounts at one tenant, a user belongs to the one that names the user
//!   first.
//! - **One process works at a tenant at a time**, and the next counts what the last ones sent: a file
//!   per tenant in the XDG state folder is the lock, and names the ledgers.
//! - **What came from outside gives the terminal no orders**: control, direction and invisible
//!   characters are written out on the way to it.
//! - **Ids are text**, from the cell to the URL; none goes through a float.
//! - **A line, a row and a cell are taken whole or not at all.** What would be left out may be who was
//!   meant, and a part of it another user; only a remark behind an id is passed over, and said. Of two
//!   columns that may hold the ids none is guessed.
//! - **An id is held against its provider's rule wherever it comes from**, a file or a ledger.
//!
//! # Adding a provider
//!
//! A variant of [`domain::ProviderKind`] with its actions; a folder under `provider/` that
//! implements [`provider::Provider`] (its module docs say what it must do) with its settings; its
//! keys in `config`; a state machine under `sandbox/`. In `cli` the compiler names what is still to
//! be said: who the questions of `init` ask for, what `check` finds enough, and what a deletion
//! means to the person who is asked. Lanes, ledger and reports need no change.

pub mod cli;
pub mod config;
pub mod domain;
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
