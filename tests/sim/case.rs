//! What a seed stands for: tenants and their users, one run or two with their files and options, and the
//! weather. Each feature is on or off by itself, so that rare combinations meet.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use userpurge::domain::{Action, ProviderKind};
use userpurge::sandbox::{Seed, UserSeed};

use crate::file::{Bad, RowCase, Shape, Written};
use crate::files::{self, FILES, FileFacts};

/// The ids of the callers, who must never be deleted.
pub(crate) const ZENDESK_CALLER: &str = "361808000001";
/// The same at Zoho.
pub(crate) const ZOHO_CALLER: &str = "5725767000000411001";

/// Tells what is drawn apart from the rest of a seed.
const APART: u64 = 0xA093;

/// The same, for what came later.
const LATER: u64 = 0xF11E;

/// The same, for the program's own bounds.
const BOUNDED: u64 = 0xB0D5;

/// Every role that protects, in the providers' words.
const ROLES: [&str; 8] = [
    "agent",
    "light-agent",
    "admin",
    "administrator",
    "support-user",
    "system-user",
    "digital-employee",
    "primary-contact",
];

/// What `retry --only` may name.
const ONLY: [&[&str]; 5] = [
    &[],
    &[],
    &["failed", "refused", "not-found"],
    &["in_doubt", "protected", "invalid"],
    &[
        "no_such_user",
        "RecordNotFound",
        "standing",
        "user_not_found",
    ],
];

/// Account, action and id of a row.
pub(crate) type Key = (usize, Action, String);

/// A case, complete.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) accounts: Vec<AccountCase>,
    pub(crate) users: Vec<Seed>,
    /// One after another, each with a ledger of its own.
    pub(crate) runs: Vec<RunCase>,
    /// The settings of every tenant.
    pub(crate) weather: Value,
    pub(crate) air: Air,
    /// How long a sync takes at most, in milliseconds.
    pub(crate) sync_ms: u64,
    /// How many processes are killed at most.
    pub(crate) kills: u32,
    /// One step of so many kills the process.
    pub(crate) kill_every: u64,
    /// How often of a thousand steps: the wall clock jumps.
    pub(crate) clock_steps: u32,
    /// How often of a hundred rows cannot be read on, or a token cannot be kept.
    pub(crate) read_faults: u32,
    pub(crate) keep_faults: u32,
    /// What happens to our machine between two processes.
    pub(crate) between: Between,
    /// A user's role changes.
    pub(crate) role_changes: u32,
    /// A person stops the run; again: does not wait for it either.
    pub(crate) stops: u32,
    /// Somebody takes the ledger away, or its disk fails.
    pub(crate) disk_faults: u32,
    /// Whether `--concurrency` is another in each process that goes on.
    pub(crate) has_new_concurrency: bool,
    /// Whether what surrounds a lane is late, early and out of order wherever it may be: timers, rows, syncs.
    pub(crate) is_odd: bool,
    /// Whether our quotas are those that the provider keeps, so that none may be refused.
    pub(crate) is_strict: bool,
    /// What small bounds within the program are drawn from, each process's its own; `None`: none are small.
    pub(crate) bounds: Option<u64>,
}

/// An account of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct AccountCase {
    pub(crate) name: String,
    pub(crate) provider: ProviderKind,
    pub(crate) tenant: String,
    pub(crate) concurrency: u32,
    pub(crate) requests: String,
    pub(crate) permanent: Option<String>,
    pub(crate) has_tokens: bool,
    /// Whether its tokens are a pair, each of which can be used once to have the next.
    pub(crate) has_pair: bool,
}

/// A run: a file, and what is done with it.
#[derive(Debug, Clone)]
pub(crate) struct RunCase {
    pub(crate) rows: Vec<RowCase>,
    pub(crate) shape: Shape,
    /// The protect list.
    pub(crate) protected: Vec<String>,
    /// What an earlier ledger shows as good.
    pub(crate) done_before: HashSet<Key>,
    pub(crate) taking: Taking,
    pub(crate) options: Options,
    /// After so many processes nobody goes on with it.
    pub(crate) given_up_after: Option<u32>,
    /// Until the run behind it is over.
    pub(crate) is_taken_up_again: bool,
    /// A `retry` follows, with these `--only`.
    pub(crate) retries: Option<Vec<&'static str>>,
    /// A `verify` follows.
    pub(crate) verifies: bool,
    /// Whether the input is another file once it was agreed to.
    pub(crate) is_replaced: bool,
}

/// Which rows of a file are taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taking {
    /// Those whose number ends so (`--where`), or does not (`--where-not`).
    pub(crate) digits: Option<(&'static str, bool)>,
    /// So many of them are sent at most (`--max-rows`).
    pub(crate) rows_max: Option<u64>,
    /// Whether ids of another organisation are sent as well (`--force-foreign-ids`).
    pub(crate) foreign: bool,
}

impl Taking {
    fn draw(draw: &mut Draw) -> Self {
        Self {
            digits: draw
                .is(20)
                .then(|| (draw.one(&["05", "2", "0123456789", "24680"]), draw.is(50))),
            rows_max: draw.is(15).then(|| draw.few(1, 100)),
            foreign: draw.is(15),
        }
    }

    /// Whether the row of this number is taken, as far as its own cells tell.
    pub(crate) fn takes(&self, row: u64) -> bool {
        let ends_so = |digits: &str| digits.contains(&(row % 10).to_string());
        self.digits
            .is_none_or(|(digits, is_negated)| ends_so(digits) != is_negated)
    }
}

/// The options of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) canary: Option<u64>,
    /// After how many minutes the first process begins no more rows.
    pub(crate) until_min: Option<u64>,
    /// Whether those that go on with the run have a time as well, and a canary that is not over.
    pub(crate) goes_on_so: bool,
    pub(crate) max_failures: Option<u64>,
    pub(crate) include_roles: Vec<String>,
    pub(crate) attempts: u32,
}

/// What lies between us and the providers.
#[derive(Debug, Clone)]
pub(crate) struct Air {
    /// How long a request and its answer take together, from and to, in milliseconds.
    pub(crate) latency_ms: (u64, u64),
    /// How often a request or its answer is lost, of a thousand.
    pub(crate) lost_per_mille: u32,
    /// How often of a thousand a deletion is done and answered with a 5xx.
    pub(crate) spoilt_per_mille: u32,
    /// Whether `Retry-After` is a date, and whether the answers' own dates can be read.
    pub(crate) dates: Option<bool>,
    /// Whether a gateway decodes addresses and merges slashes.
    pub(crate) has_gateway: bool,
    /// When a tenant cannot be reached.
    pub(crate) outages: Vec<Gap>,
    /// When a tenant's host says that it is elsewhere.
    pub(crate) moves: Vec<Gap>,
}

/// What may happen to our machine while no process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Between {
    Nothing,
    /// Its wall clock is set: how long it has been up tells all the same how late it is.
    ClockSet,
    /// It is started anew: its wall clock tells all the same how late it is.
    Restart,
}

/// Some time of a tenant's.
#[derive(Debug, Clone)]
pub(crate) struct Gap {
    pub(crate) tenant: String,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

impl Gap {
    pub(crate) fn has(&self, tenant: &str, at: Duration) -> bool {
        self.tenant == tenant && self.from <= at && at < self.to
    }
}

/// Draws of one seed.
pub(crate) struct Draw(pub(crate) fastrand::Rng);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// True `percent` times of a hundred.
    pub(crate) fn is(&mut self, percent: u32) -> bool {
        self.0.u32(..100) < percent
    }

    /// One of `of`.
    pub(crate) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())].clone()
    }

    /// From `from` to `to`, small values more often.
    pub(crate) fn few(&mut self, from: u64, to: u64) -> u64 {
        let part = self.0.f64() * self.0.f64() * self.0.f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "counts are small"
        )]
        let more = ((to - from + 1) as f64 * part) as u64;
        from + more
    }

    /// `rate`, `percent` times of a hundred; else never.
    fn rate(&mut self, percent: u32, rates: &[u32]) -> u32 {
        if self.is(percent) { self.one(rates) } else { 0 }
    }
}

/// Somebody at an account's tenant.
struct Person {
    account: usize,
    id: String,
    /// What a row of theirs would find done.
    done: Vec<Action>,
}

impl Case {
    /// The case of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self::drawn(seed, Some(Draw::new(seed ^ LATER)))
    }

    /// Whether our clock is another than the providers' at times.
    pub(crate) fn sets_clock(&self) -> bool {
        self.clock_steps > 0 || self.between == Between::ClockSet
    }

    /// What it was before anything was drawn `later`: with what it once found.
    pub(crate) fn old(seed: u64) -> Self {
        Self::drawn(seed, None)
    }

    fn drawn(seed: u64, mut later: Option<Draw>) -> Self {
        let mut draw = Draw::new(seed);
        let mut accounts = accounts(&mut draw);
        if let Some(later) = &mut later
            && later.is(20)
        {
            put_file_account(later, &mut accounts);
        }
        let (users, people) = population(&mut draw, &accounts);
        let is_strict = draw.is(60);
        let mut weather = weather(&mut draw, is_strict);
        let mut between = Between::Nothing;
        if let Some(later) = &mut later {
            weather["order_delay"] = later.one(&["0s", "0s", "1m", "2h"]).into();
            if give_pairs(later, &mut accounts) {
                weather["token_lifetime"] = later.one(&[None, None, Some("5m"), Some("2m")]).into();
            }
            between = later.one(&[
                Between::Nothing,
                Between::Nothing,
                Between::ClockSet,
                Between::Restart,
            ]);
            if later.is(if between == Between::ClockSet { 60 } else { 15 }) {
                // So few for so long that what several processes sent counts together.
                weather["zendesk"]["permanent_quota"] = "20/1h".into();
                weather["sunco"]["quota"] = "30/1h".into();
                weather["zoho"]["credits"] = "300/1h".into();
            }
        }
        for account in &mut accounts {
            account.know_quotas(&weather, is_strict);
        }
        let mut runs = vec![run(&mut draw, &accounts, &people)];
        if draw.is(25) {
            runs[0].given_up_after = draw.is(40).then(|| draw.0.u32(1..4));
            runs.push(run(&mut draw, &accounts, &people));
            runs[1].done_before.clear();
        }
        let (mut read_faults, mut keep_faults) = (0, 0);
        if let Some(later) = &mut later {
            read_faults = later.rate(10, &[2, 20]);
            keep_faults = later.rate(40, &[10, 50]);
            for run in &mut runs {
                run.taking = Taking::draw(later);
                run.options.goes_on_so = later.is(50);
                run.is_taken_up_again = run.given_up_after.is_some() && later.is(70);
            }
        }
        let mut narrow = Draw::new(seed ^ BOUNDED);
        let is_bounded = later.is_some() && narrow.is(50);
        if is_bounded && narrow.is(30) {
            for run in &mut runs {
                run.ask_more(&mut narrow, &accounts);
            }
        }
        let mut kills = draw.rate(60, &[1, 2, 3]);
        let mut stops_least = 0;
        if between != Between::Nothing {
            (kills, stops_least) = (kills.max(3), 10);
        }
        // Drawn apart: each seed from before these were drawn is what it was, but for them.
        let mut apart = Draw::new(seed ^ APART);
        let (has_new_concurrency, is_odd) = (apart.is(15), apart.is(15));
        if apart.is(15) && later.is_some() {
            let faults = weather["faults"].as_str().unwrap_or_default();
            let rate = apart.one(&[1, 5, 20]);
            weather["faults"] = format!("{faults},conflict={rate}%").into();
        }
        Self {
            seed,
            air: air(&mut draw, &accounts),
            accounts,
            users,
            runs,
            weather,
            sync_ms: draw.one(&[0, 1, 10, 100, 5_000, 40_000]),
            kills,
            kill_every: draw.one(&[20, 100, 500]),
            // Set while a process works, and again between two: nobody can tell how old anything is.
            clock_steps: draw.rate(15, &[5]) * u32::from(between != Between::ClockSet),
            read_faults,
            keep_faults,
            between,
            role_changes: draw.rate(15, &[5]),
            stops: draw.rate(10, &[1, 10]).max(stops_least),
            disk_faults: draw.rate(10, &[1, 10]),
            has_new_concurrency,
            is_odd,
            is_strict,
            bounds: is_bounded.then_some(seed.rotate_left(20)),
        }
    }
}

impl RunCase {
    /// Asks for something else as well at most users: rows of one queue wait for those of another.
    fn ask_more(&mut self, draw: &mut Draw, accounts: &[AccountCase]) {
        let rows = self.rows.iter().filter(|row| row.written == Written::Plain);
        let mut more: Vec<RowCase> = rows.filter(|_| draw.is(70)).cloned().collect();
        for row in &mut more {
            row.action = draw.one(accounts[row.account].provider.actions());
        }
        self.rows.extend(more);
        if draw.is(50) {
            draw.0.shuffle(&mut self.rows);
        }
        self.keep(|_| true);
    }

    /// Keeps the rows with these numbers only.
    pub(crate) fn keep(&mut self, keep: impl Fn(u64) -> bool) {
        self.rows.retain(|row| keep(row.row));
        for (number, row) in (1..).zip(&mut self.rows) {
            row.row = number;
        }
    }
}

impl AccountCase {
    /// Configures the quotas that the provider keeps, or some that are too high.
    fn know_quotas(&mut self, weather: &Value, is_strict: bool) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.requests = match self.provider {
            ProviderKind::Zendesk => text(&weather["zendesk"]["quota"]),
            ProviderKind::Sunco => text(&weather["sunco"]["quota"]),
            ProviderKind::Zoho => text(&weather["zoho"]["credits"]),
            ProviderKind::Own(_) => self.file().map_or("", |it| it.quota).to_owned(),
        };
        if self.provider == ProviderKind::Zendesk {
            self.permanent = Some(text(&weather["zendesk"]["permanent_quota"]));
        }
        if !is_strict {
            self.requests = match self.file() {
                Some(it) => it.too_much(),
                None => "2000/1m".to_owned(),
            };
        }
    }

    /// The caller whose credentials are used.
    pub(crate) fn caller(&self) -> Option<&'static str> {
        match self.provider {
            ProviderKind::Zendesk => Some(ZENDESK_CALLER),
            ProviderKind::Zoho => Some(ZOHO_CALLER),
            ProviderKind::Sunco => None,
            ProviderKind::Own(_) => self.file()?.caller,
        }
    }

    /// The provider, if it is one from a file.
    fn file(&self) -> Option<&'static FileFacts> {
        files::facts(self.provider)
    }

    /// Whether its provider takes orders, and deletes later.
    pub(crate) fn takes_orders(&self) -> bool {
        self.file().is_some_and(|it| it.takes_orders)
    }

    /// Whether the configuration alone tells its tenant.
    pub(crate) fn is_told_apart(&self) -> bool {
        let own = self.provider != ProviderKind::Zoho;
        self.file().map_or(own, |it| it.is_told_apart)
    }
}

fn accounts(draw: &mut Draw) -> Vec<AccountCase> {
    use ProviderKind::{Sunco, Zendesk, Zoho};
    let count = draw.few(1, 3);
    let mut accounts: Vec<AccountCase> = Vec::new();
    for number in 0..count {
        let earlier = accounts.last().filter(|_| draw.is(40)).cloned();
        let provider = match &earlier {
            Some(it) => it.provider,
            None => draw.one(&[Zendesk, Zendesk, Sunco, Zoho]),
        };
        accounts.push(AccountCase {
            name: format!("a{number}"),
            provider,
            tenant: earlier.map_or_else(|| format!("t{number}"), |it| it.tenant),
            concurrency: concurrency(draw, provider),
            requests: String::new(),
            permanent: None,
            has_tokens: provider == Zoho || (provider == Zendesk && draw.is(30)),
            has_pair: false,
        });
    }
    accounts
}

/// Puts an account of a provider from a file beside the others, or in the place of the last.
fn put_file_account(draw: &mut Draw, accounts: &mut Vec<AccountCase>) {
    let Some(provider) = FILES[draw.0.usize(..FILES.len())].kind() else {
        return;
    };
    if draw.is(50) {
        accounts.pop();
    }
    let number = accounts.len();
    accounts.push(AccountCase {
        name: format!("a{number}"),
        provider,
        tenant: format!("t{number}"),
        concurrency: concurrency(draw, provider),
        requests: String::new(),
        permanent: None,
        has_tokens: false,
        has_pair: false,
    });
    if draw.is(20) {
        // Two of one tenant.
        let mut second = accounts[number].clone();
        second.name = format!("a{}", number + 1);
        second.concurrency = concurrency(draw, provider);
        accounts.push(second);
    }
}

/// Gives the first account of a tenant of Zendesk's a pair of tokens. Returns whether any has one.
fn give_pairs(draw: &mut Draw, accounts: &mut [AccountCase]) -> bool {
    let mut tenants = HashSet::new();
    let mut with_pair = HashSet::new();
    for account in accounts {
        let is_first = tenants.insert(account.tenant.clone());
        if is_first && account.provider == ProviderKind::Zendesk && draw.is(25) {
            account.has_pair = true;
            with_pair.insert(account.tenant.clone());
        } else if with_pair.contains(&account.tenant) {
            // What it sends is told from the pair's.
            account.has_tokens = false;
        }
    }
    !with_pair.is_empty()
}

/// How many requests may be under way at once.
pub(crate) fn concurrency(draw: &mut Draw, provider: ProviderKind) -> u32 {
    match provider {
        ProviderKind::Zoho => draw.one(&[1, 2]),
        ProviderKind::Zendesk | ProviderKind::Sunco | ProviderKind::Own(_) => draw.one(&[1, 2, 8]),
    }
}

/// An id of a user of `provider`.
fn id(provider: ProviderKind, number: u64) -> String {
    match provider {
        ProviderKind::Zendesk => (361_808_100_000 + number).to_string(),
        ProviderKind::Sunco => format!("{:024x}", 0x5963_c0d6_0000_u64 * 1_000 + number),
        ProviderKind::Zoho => (5_725_767_000_000_500_000 + number).to_string(),
        ProviderKind::Own(_) => files::facts(provider).map_or_else(String::new, |it| it.id(number)),
    }
}

fn population(draw: &mut Draw, accounts: &[AccountCase]) -> (Vec<Seed>, Vec<Person>) {
    let mut seeds: Vec<Seed> = Vec::new();
    let mut people = Vec::new();
    let mut numbers = 0;
    for (place, account) in accounts.iter().enumerate() {
        let mut seed = Seed {
            tenant: account.tenant.clone(),
            ..Seed::default()
        };
        for _ in 0..draw.few(1, 260) {
            numbers += 1;
            let id = id(account.provider, numbers);
            let is_there = !draw.is(5);
            let mut done = Vec::new();
            if is_there {
                done = put_user(draw, &mut seed, account.provider, &id);
            }
            people.push(Person {
                account: place,
                id,
                done,
            });
        }
        seeds.push(seed);
    }
    (seeds, people)
}

/// Puts a user in. Returns the actions that find them done.
fn put_user(draw: &mut Draw, seed: &mut Seed, provider: ProviderKind, id: &str) -> Vec<Action> {
    let id = id.to_owned();
    let is_special = draw.is(6);
    match provider {
        ProviderKind::Zendesk => {
            let state = draw.one(&[
                "active",
                "active",
                "active",
                "soft-deleted",
                "permanently-deleted",
            ]);
            let role = draw.one(&["agent", "light-agent", "admin"]);
            seed.of(provider).push(UserSeed {
                id,
                state: state.to_owned(),
                role: if is_special { role } else { "end-user" }.to_owned(),
                open_tickets: u32::from(draw.is(5)),
                ..UserSeed::default()
            });
            match state {
                "soft-deleted" => vec![Action::Delete],
                "permanently-deleted" => ProviderKind::Zendesk.actions().to_vec(),
                _ => Vec::new(),
            }
        }
        ProviderKind::Sunco => {
            let state = draw.one(&["active", "active", "active", "deleted"]);
            seed.of(provider).push(UserSeed {
                id,
                state: state.to_owned(),
                ..UserSeed::default()
            });
            done_if(state == "deleted", ProviderKind::Sunco)
        }
        ProviderKind::Own(_) => {
            let has_half_gone = files::facts(provider).is_some_and(FileFacts::has_half_gone);
            let states = ["active", "active", "deleted", "inactive"];
            let state = draw.one(&states[..states.len() - usize::from(!has_half_gone)]);
            // Who is gone is not there.
            if state != "deleted" {
                let state = state.to_owned();
                seed.of(provider).push(UserSeed {
                    id,
                    state,
                    ..UserSeed::default()
                });
            }
            done_if(state == "deleted", provider)
        }
        ProviderKind::Zoho => {
            let has_primary = seed
                .of(provider)
                .iter()
                .any(|it| it.role == "primary_contact");
            let kinds = [
                "support",
                "system",
                "digital_employee",
                "administrator",
                "primary_contact",
            ];
            let kind = draw.one(&kinds[..kinds.len() - usize::from(has_primary)]);
            let state = draw.one(&["active", "active", "inactive", "deleted"]);
            seed.of(provider).push(UserSeed {
                id,
                role: if is_special { kind } else { "regular" }.to_owned(),
                state: state.to_owned(),
                ..UserSeed::default()
            });
            done_if(state == "deleted", ProviderKind::Zoho)
        }
    }
}

fn done_if(is_done: bool, provider: ProviderKind) -> Vec<Action> {
    if is_done {
        provider.actions().to_vec()
    } else {
        Vec::new()
    }
}

/// The role that protects a user of a seed, in the provider's words; `None`: none does.
pub(crate) fn roles_of(seed: &Seed) -> Vec<(String, &'static str)> {
    let of = |kind| seed.users.get(&kind).into_iter().flatten();
    let zendesk = of(ProviderKind::Zendesk).filter_map(|it| {
        let role = ROLES.into_iter().find(|role| *role == it.role)?;
        Some((it.id.clone(), role))
    });
    let zoho = of(ProviderKind::Zoho).filter_map(|it| {
        let role = match it.role.as_str() {
            "administrator" => "administrator",
            "support" => "support-user",
            "system" => "system-user",
            "digital_employee" => "digital-employee",
            "primary_contact" => "primary-contact",
            // Closed ones are shown as deleted.
            _ => return None,
        };
        Some((it.id.clone(), role))
    });
    zendesk.chain(zoho).collect()
}

fn run(draw: &mut Draw, accounts: &[AccountCase], people: &[Person]) -> RunCase {
    let mut rows: Vec<RowCase> = Vec::new();
    let mut done_before = HashSet::new();
    let has_bad = draw.is(40);
    let has_done = draw.is(20);
    let bystanders = draw.one(&[8, 8, 40]);
    let usual: Vec<Action> = accounts
        .iter()
        .map(|it| draw.one(it.provider.actions()))
        .collect();
    let is_mixed = draw.is(30);
    for person in people {
        if draw.is(bystanders) {
            // Nobody asks for them to be deleted.
            continue;
        }
        let mut account = person.account;
        let provider = accounts[account].provider;
        let actions = provider.actions();
        let action = if is_mixed {
            draw.one(actions)
        } else {
            usual[account]
        };
        if has_done && person.done.contains(&action) && draw.is(50) {
            done_before.insert((account, action, person.id.clone()));
        }
        rows.push(row(account, action, person.id.clone()));
        // The user once more, under whatever account.
        if draw.is(6) {
            let there: Vec<usize> = (0..accounts.len())
                .filter(|it| accounts[*it].tenant == accounts[account].tenant)
                .collect();
            if accounts[account].is_told_apart() {
                account = draw.one(&there);
            }
            rows.push(row(account, draw.one(actions), person.id.clone()));
        }
        if has_bad && draw.is(10) {
            let other = draw.one(&people.iter().collect::<Vec<_>>());
            rows.push(bad(
                draw,
                accounts,
                (account, usual[account]),
                (person, other),
            ));
        }
    }
    for (place, account) in accounts.iter().enumerate() {
        if let Some(caller) = account.caller().filter(|_| draw.is(20)) {
            rows.push(row(place, usual[place], caller.to_owned()));
        }
    }
    if rows.is_empty() {
        rows.push(row(
            people[0].account,
            usual[people[0].account],
            people[0].id.clone(),
        ));
    }
    if draw.is(50) {
        draw.0.shuffle(&mut rows);
    }
    for (number, row) in (1..).zip(&mut rows) {
        row.row = number;
    }
    let protected = if draw.is(30) {
        let share = draw.one(&[3, 30]);
        let some = rows.iter().filter(|_| draw.is(share));
        let some = some.filter(|it| it.is_well_formed());
        some.map(|it| it.id.clone()).collect()
    } else {
        Vec::new()
    };
    RunCase {
        rows,
        shape: Shape {
            is_json: draw.is(35),
            delimiter: draw.one(&[',', ',', ';', '\t']),
            is_crlf: draw.is(20),
            has_mark: draw.is(20),
        },
        protected,
        done_before,
        taking: Taking::default(),
        options: options(draw),
        given_up_after: None,
        is_taken_up_again: false,
        retries: draw.is(30).then(|| draw.one(&ONLY).to_vec()),
        verifies: draw.is(25),
        is_replaced: draw.is(50),
    }
}

fn options(draw: &mut Draw) -> Options {
    let include: &[&str] = match draw.0.u32(..10) {
        0 => &ROLES,
        1 => &["agent", "administrator"],
        2 => &["Admin", "system-user"],
        _ => &[],
    };
    Options {
        canary: draw.is(20).then(|| draw.few(1, 10)),
        until_min: draw.is(10).then(|| draw.few(1, 90)),
        goes_on_so: false,
        max_failures: draw.is(15).then(|| draw.few(1, 20)),
        include_roles: include.iter().map(|it| (*it).to_owned()).collect(),
        attempts: draw.one(&[1, 2, 6, 6, 6]),
    }
}

const fn row(account: usize, action: Action, id: String) -> RowCase {
    RowCase {
        row: 0,
        account,
        action,
        id,
        written: Written::Plain,
    }
}

/// A row that must not be sent, or is written in an odd way. What else may be taken for its id is
/// `other`'s.
fn bad(
    draw: &mut Draw,
    accounts: &[AccountCase],
    (place, action): (usize, Action),
    (person, other): (&Person, &Person),
) -> RowCase {
    use Bad::{
        Elsewhere, LeadingZero, Letters, Long, NoId, Scientific, Several, Short, UnknownAccount,
        UnknownAction,
    };
    let provider = accounts[place].provider;
    let kinds: &[Bad] = match provider {
        ProviderKind::Sunco => &[
            NoId,
            UnknownAccount,
            UnknownAction,
            Short,
            Long,
            Elsewhere,
            Elsewhere,
        ],
        ProviderKind::Own(_) if files::facts(provider).is_some_and(|it| !it.has_numbers) => &[
            NoId,
            UnknownAccount,
            UnknownAction,
            Short,
            Long,
            Scientific,
            Several,
            Elsewhere,
        ],
        ProviderKind::Zendesk | ProviderKind::Zoho | ProviderKind::Own(_) => &[
            NoId,
            Letters,
            UnknownAccount,
            UnknownAction,
            Short,
            Short,
            Long,
            Scientific,
            LeadingZero,
            Several,
        ],
    };
    let mut row = row(place, action, person.id.clone());
    row.written = if provider == ProviderKind::Zoho && draw.is(30) {
        Written::Prefixed
    } else {
        let other = if other.account == person.account {
            &other.id
        } else {
            &person.id
        };
        Written::Bad(draw.one(kinds), other.clone())
    };
    if provider == ProviderKind::Zoho && draw.is(20) {
        // Another organisation's.
        row.id.replace_range(..1, "6");
        row.written = Written::Plain;
    }
    row
}

fn air(draw: &mut Draw, accounts: &[AccountCase]) -> Air {
    let mut gaps = |percent: u32, secs: &[u64]| {
        let mut gaps = Vec::new();
        for account in accounts {
            if draw.is(percent) {
                let from = Duration::from_secs(draw.few(0, 3_600));
                let to = from + Duration::from_secs(draw.one(secs));
                let tenant = account.tenant.clone();
                gaps.push(Gap { tenant, from, to });
            }
        }
        gaps
    };
    Air {
        outages: gaps(8, &[5, 60, 600, 3_600]),
        moves: gaps(3, &[60, 3_600]),
        latency_ms: draw.one(&[(0, 0), (20, 200), (1, 3_000), (10, 40_000), (1, 90_000)]),
        lost_per_mille: draw.rate(40, &[5, 20, 100]),
        spoilt_per_mille: draw.rate(30, &[10, 50, 200]),
        dates: draw.is(40).then(|| draw.is(50)),
        has_gateway: draw.is(50),
    }
}

fn weather(draw: &mut Draw, is_strict: bool) -> Value {
    let mut faults = Vec::new();
    if draw.is(50) {
        for fault in [
            "error500",
            "error503",
            "html",
            "reset",
            "reset-after",
            "cut",
            "slow",
            "wrong-id",
            "throttle",
        ] {
            if draw.is(35) {
                faults.push(format!("{fault}={}%", draw.one(&[1, 5, 20])));
            }
        }
        faults.truncate(4);
    }
    if draw.is(6) {
        faults.push(format!(
            "{}=1%",
            draw.one(&[
                "unauthorized",
                "forbidden",
                "payment",
                "wrong-path",
                "long-wait"
            ])
        ));
    }
    if !faults.is_empty() {
        faults.push(format!("seed={}", draw.0.u32(..)));
        if draw.is(30) {
            faults.push("reads=on".to_owned());
        }
    }
    json!({
        "faults": faults.join(","),
        "quota_mode": if is_strict { draw.one(&["rolling", "fixed"]) } else { "rolling" },
        "token_lifetime": draw.is(20).then_some("5m"),
        "zendesk": {
            "quota": draw.one(&["30/1m", "700/1m", "100/10s"]),
            "permanent_quota": draw.one(&["20/1m", "700/10m", "7/3s"]),
            "job_limit": draw.one(&[1, 3, 30]),
            "jobs_fail": draw.is(10),
            "job_items_missing_every": draw.one(&[0, 0, 0, 7]),
            "rename_delay": draw.one(&["0s", "0s", "2m"]),
            "listing_delay": draw.one(&["0s", "0s", "5s", "1m"]),
            "caller_role": draw.one(&["admin", "admin", "admin", "agent-managing-users"]),
        },
        "sunco": {"quota": draw.one(&["10/1s", "100/1m"])},
        "zoho": {
            "credits": draw.one(&["200/1m", "5000/1d"]),
            "concurrency": draw.one(&[5, 10]),
            "deletion_cap": draw.is(5).then_some(20),
        },
    })
}
