//! What a seed stands for: tenants and their users, a file's rows, a configuration, options, and the
//! weather. Each feature is on or off by itself, so that rare combinations meet.

use serde_json::{Value, json};
use userpurge::domain::{Action, ProviderKind};
use userpurge::sandbox::{Seed, SuncoSeed, ZendeskSeed, ZohoKind, ZohoSeed};

/// The ids of the callers, who must never be deleted.
pub(crate) const ZENDESK_CALLER: &str = "361808000001";
/// The same at Zoho.
pub(crate) const ZOHO_CALLER: &str = "5725767000000411001";

/// A case, complete.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) accounts: Vec<AccountCase>,
    pub(crate) users: Vec<Seed>,
    pub(crate) rows: Vec<RowCase>,
    pub(crate) options: Options,
    /// The settings of every tenant.
    pub(crate) weather: Value,
    /// How long a request and its answer take together, from and to, in milliseconds.
    pub(crate) latency_ms: (u64, u64),
    /// How often a request goes wrong on its way, of a thousand.
    pub(crate) lost_per_mille: u32,
    /// How long a sync takes at most, in milliseconds.
    pub(crate) sync_ms: u64,
    /// How many processes are killed at most.
    pub(crate) kills: u32,
    /// One step of so many kills the process.
    pub(crate) kill_every: u64,
    /// How far the wall clock jumps, and how often of a thousand steps.
    pub(crate) clock_steps: u32,
    /// How often a user's role changes, of a thousand steps.
    pub(crate) role_changes: u32,
    /// Whether our quotas are those that the provider keeps, so that none may be refused.
    pub(crate) is_strict: bool,
    /// Whether a `verify` follows.
    pub(crate) verifies: bool,
    /// Whether a `retry` follows.
    pub(crate) retries: bool,
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
}

/// A row of the file.
#[derive(Debug, Clone)]
pub(crate) struct RowCase {
    pub(crate) row: u64,
    pub(crate) account: usize,
    pub(crate) action: Action,
    pub(crate) id: String,
    /// Whether an earlier row of the account is about the same user.
    pub(crate) again: bool,
    /// Whether the row is sent at all.
    pub(crate) is_planned: bool,
}

/// The options of the run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) canary: Option<u64>,
    /// After how many minutes the first process begins no more rows.
    pub(crate) until_min: Option<u64>,
    pub(crate) max_failures: Option<u64>,
    pub(crate) include_agents: bool,
    pub(crate) attempts: u32,
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
    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())]
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
}

impl Case {
    /// The case of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let mut accounts = accounts(&mut draw);
        let (users, rows) = population(&mut draw, &accounts);
        let is_strict = draw.is(60);
        let weather = weather(&mut draw, is_strict);
        for account in &mut accounts {
            account.know_quotas(&weather, is_strict);
        }
        Self {
            seed,
            accounts,
            users,
            rows,
            options: Options {
                canary: draw.is(20).then(|| draw.few(1, 10)),
                until_min: draw.is(10).then(|| draw.few(1, 90)),
                max_failures: draw.is(15).then(|| draw.few(1, 20)),
                include_agents: draw.is(20),
                attempts: draw.one(&[1, 2, 6, 6, 6]),
            },
            weather,
            latency_ms: draw.one(&[(0, 0), (20, 200), (1, 3_000), (10, 40_000), (1, 90_000)]),
            lost_per_mille: if draw.is(40) {
                draw.one(&[5, 20, 100])
            } else {
                0
            },
            sync_ms: draw.one(&[0, 1, 10, 100, 5_000, 40_000]),
            kills: if draw.is(60) { draw.0.u32(1..4) } else { 0 },
            kill_every: draw.one(&[20, 100, 500]),
            clock_steps: if draw.is(15) { 5 } else { 0 },
            role_changes: if draw.is(15) { 5 } else { 0 },
            is_strict,
            verifies: draw.is(25),
            retries: draw.is(30),
        }
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
        };
        if self.provider == ProviderKind::Zendesk {
            self.permanent = Some(text(&weather["zendesk"]["permanent_quota"]));
        }
        if !is_strict {
            "2000/1m".clone_into(&mut self.requests);
        }
    }
}

fn accounts(draw: &mut Draw) -> Vec<AccountCase> {
    let count = draw.few(1, 3);
    let mut accounts: Vec<AccountCase> = Vec::new();
    for number in 0..count {
        let earlier = accounts
            .last()
            .filter(|_| number > 0 && draw.is(40))
            .cloned();
        let provider = earlier.as_ref().map_or_else(
            || {
                draw.one(&[
                    ProviderKind::Zendesk,
                    ProviderKind::Zendesk,
                    ProviderKind::Sunco,
                    ProviderKind::Zoho,
                ])
            },
            |it| it.provider,
        );
        let tenant = earlier.map_or_else(|| format!("t{number}"), |it| it.tenant);
        accounts.push(AccountCase {
            name: format!("a{number}"),
            provider,
            tenant,
            concurrency: match provider {
                ProviderKind::Zoho => draw.one(&[1, 2]),
                ProviderKind::Zendesk | ProviderKind::Sunco => draw.one(&[1, 2, 8]),
            },
            requests: String::new(),
            permanent: None,
            has_tokens: provider == ProviderKind::Zoho
                || (provider == ProviderKind::Zendesk && draw.is(30)),
        });
    }
    accounts
}

/// An id of a user of `provider`.
fn id(provider: ProviderKind, number: u64) -> String {
    match provider {
        ProviderKind::Zendesk => (361_808_100_000 + number).to_string(),
        ProviderKind::Sunco => format!("{:024x}", 0x5963_c0d6_0000_u64 * 1_000 + number),
        ProviderKind::Zoho => (5_725_767_000_000_500_000 + number).to_string(),
    }
}

fn population(draw: &mut Draw, accounts: &[AccountCase]) -> (Vec<Seed>, Vec<RowCase>) {
    let mut seeds: Vec<Seed> = Vec::new();
    let mut rows: Vec<RowCase> = Vec::new();
    let mut numbers = 0;
    for (place, account) in accounts.iter().enumerate() {
        let mut seed = Seed {
            tenant: account.tenant.clone(),
            ..Seed::default()
        };
        let actions = account.provider.actions();
        let usual = draw.one(actions);
        let is_mixed = draw.is(30);
        for _ in 0..draw.few(1, 260) {
            numbers += 1;
            let id = id(account.provider, numbers);
            let is_there = !draw.is(5);
            if is_there {
                put_user(draw, &mut seed, account.provider, &id);
            }
            if draw.is(8) {
                // A bystander: nobody asks for them to be deleted.
                continue;
            }
            let action = if is_mixed { draw.one(actions) } else { usual };
            rows.push(row(place, action, id.clone()));
            if draw.is(6) {
                let other = draw.one(actions);
                if other != action {
                    rows.push(row(place, other, id));
                }
            }
        }
        for caller in [ZENDESK_CALLER, ZOHO_CALLER] {
            let is_theirs = match account.provider {
                ProviderKind::Zendesk => caller == ZENDESK_CALLER,
                ProviderKind::Zoho => caller == ZOHO_CALLER,
                ProviderKind::Sunco => false,
            };
            if is_theirs && draw.is(20) {
                rows.push(row(place, usual, caller.to_owned()));
            }
        }
        seeds.push(seed);
    }
    if draw.is(50) {
        draw.0.shuffle(&mut rows);
    }
    finish_rows(draw, &mut rows);
    (seeds, rows)
}

const fn row(account: usize, action: Action, id: String) -> RowCase {
    RowCase {
        row: 0,
        account,
        action,
        id,
        again: false,
        is_planned: true,
    }
}

/// Numbers the rows, and marks those whose user stands in an earlier one.
fn finish_rows(draw: &mut Draw, rows: &mut [RowCase]) {
    let mut seen = std::collections::HashSet::new();
    let has_unsent = draw.is(30);
    for (number, row) in (1..).zip(rows) {
        row.row = number;
        row.is_planned = !(has_unsent && draw.is(5));
        if row.is_planned {
            row.again = !seen.insert((row.account, row.id.clone()));
        }
    }
}

fn put_user(draw: &mut Draw, seed: &mut Seed, provider: ProviderKind, id: &str) {
    match provider {
        ProviderKind::Zendesk => seed.zendesk.push(ZendeskSeed {
            id: id.to_owned(),
            state: draw
                .one(&[
                    "active",
                    "active",
                    "active",
                    "soft-deleted",
                    "permanently-deleted",
                ])
                .to_owned(),
            role: if draw.is(6) {
                draw.one(&["agent", "light-agent", "admin"])
            } else {
                "end-user"
            }
            .to_owned(),
            open_tickets: u32::from(draw.is(5)),
        }),
        ProviderKind::Sunco => seed.sunco.push(SuncoSeed {
            id: id.to_owned(),
            state: draw
                .one(&["active", "active", "active", "deleted"])
                .to_owned(),
            ..SuncoSeed::default()
        }),
        ProviderKind::Zoho => seed.zoho.push(ZohoSeed {
            id: id.to_owned(),
            kind: if draw.is(6) {
                draw.one(&[ZohoKind::Support, ZohoKind::System, ZohoKind::Administrator])
            } else {
                ZohoKind::Regular
            },
            state: draw
                .one(&["active", "active", "inactive", "deleted"])
                .to_owned(),
        }),
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
