//! The demo's users, at the tenant `default`, and the file that is about them.
//!
//! `fixtures/input/demo.csv` names the accounts `support` (Zendesk), `chat` (Sunshine
//! Conversations) and `crm` (Zoho). Its 316 rows, in shuffled order, end so:
//!
//! | outcome | support | chat | crm | which |
//! | --- | --- | --- | --- | --- |
//! | `deleted` | 114 | 85 | 54 | among them 4 purges of users softly deleted already, 5 external ids with awkward characters, 4 ids with the export's `zcrm_` |
//! | `already_gone` | 6 | – | 5 | softly deleted, deleted |
//! | `not_found` | 4 | 7 | 3 | unknown ids; 4 of chat's were deleted before, which it cannot tell |
//! | `refused` | 6 | – | – | open tickets |
//! | `protected` | 7 | – | 5 | the callers, 3 agents, 2 light agents, an admin; primary contact, support and system user, digital employee |
//! | `duplicate` | 3 | 2 | 1 | |
//!
//! and 14 are `invalid`: 7 malformed or empty ids, 2 unknown accounts, 3 unknown actions, 2 without
//! one. Zoho would refuse its own four itself.
//! Bystanders, whom no row names, must still stand at the end.

use std::ops::Range;

use super::user::{Seed, UserSeed};

/// The demo's input file, `fixtures/input/demo.csv`.
pub const DEMO_CSV: &str = include_str!("../../fixtures/input/demo.csv");

/// The demo's Zendesk ids count from here.
const ZENDESK_BASE: u64 = 361_808_351_000;
/// The demo's Zoho ids count from here.
const ZOHO_BASE: u64 = 5_725_767_000_000_411_000;
/// External ids that must be percent-encoded, of the users 80 and following.
const EXTERNAL_IDS: [&str; 5] = ["shop/1001", "anna müller", "a+b@c?d#e", "100%", "ÄÖÜ-7"];

/// Numbers of users, and the state and the role of each.
type Group = (Range<u64>, &'static str, &'static str);

pub(super) fn demo() -> Seed {
    Seed {
        zendesk: zendesk(),
        sunco: sunco(),
        zoho: zoho(),
        ..Seed::default()
    }
}

/// Users whose ids count from `base`.
fn users(base: u64, groups: impl IntoIterator<Item = Group>) -> impl Iterator<Item = UserSeed> {
    let of_group = move |(numbers, state, role): Group| {
        numbers.map(move |number| UserSeed {
            id: (base + number).to_string(),
            state: state.to_owned(),
            role: role.to_owned(),
            ..UserSeed::default()
        })
    };
    groups.into_iter().flat_map(of_group)
}

fn zendesk() -> Vec<UserSeed> {
    let groups = [
        (0..90, "active", "end-user"),
        (100..130, "soft-deleted", "end-user"),
        (140..143, "active", "agent"),
        (143..145, "active", "light-agent"),
        (145..146, "active", "admin"),
        // Bystanders.
        (200..220, "active", "end-user"),
    ];
    let busy = users(ZENDESK_BASE, [(130..136, "active", "end-user")]);
    let busy = busy.map(|user| UserSeed {
        open_tickets: 2,
        ..user
    });
    users(ZENDESK_BASE, groups).chain(busy).collect()
}

fn sunco() -> Vec<UserSeed> {
    let user = |number: usize, external: Option<&str>, state: &str| UserSeed {
        id: format!("5fa1c0d619a30a2e{number:08x}"),
        external_id: external.map(str::to_owned),
        state: state.to_owned(),
        ..UserSeed::default()
    };
    // Those from 200 on are bystanders.
    let active = (0..80)
        .chain(200..210)
        .map(|number| user(number, None, "active"));
    let external = (80..).zip(EXTERNAL_IDS);
    let external = external.map(|(number, id)| user(number, Some(id), "active"));
    let deleted = (90..94).map(|number| user(number, None, "deleted"));
    active.chain(external).chain(deleted).collect()
}

fn zoho() -> Vec<UserSeed> {
    let groups = [
        (100..154, "active", "regular"),
        (160..165, "deleted", "regular"),
        (170..171, "active", "primary_contact"),
        (171..172, "active", "support"),
        (172..173, "active", "system"),
        (173..174, "active", "digital_employee"),
        // Bystanders.
        (200..210, "active", "regular"),
    ];
    users(ZOHO_BASE, groups).collect()
}
