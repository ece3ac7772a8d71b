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

use super::seed::{Seed, SuncoSeed, ZendeskSeed, ZohoKind, ZohoSeed};

/// The demo's input file, `fixtures/input/demo.csv`.
pub const DEMO_CSV: &str = include_str!("../../fixtures/input/demo.csv");

/// The demo's Zendesk ids count from here.
const ZENDESK_BASE: u64 = 361_808_351_000;
/// The demo's Zoho ids count from here.
const ZOHO_BASE: u64 = 5_725_767_000_000_411_000;
/// External ids that must be percent-encoded, of the users 80 and following.
const EXTERNAL_IDS: [&str; 5] = ["shop/1001", "anna müller", "a+b@c?d#e", "100%", "ÄÖÜ-7"];

/// The demo's users.
pub(super) fn demo() -> Seed {
    Seed {
        tenant: String::new(),
        zendesk: zendesk(),
        sunco: sunco(),
        zoho: zoho(),
    }
}

fn zendesk() -> Vec<ZendeskSeed> {
    let groups: [(Range<u64>, &str, &str, u32); 7] = [
        (0..90, "active", "end-user", 0),
        (100..130, "soft-deleted", "end-user", 0),
        (130..136, "active", "end-user", 2),
        (140..143, "active", "agent", 0),
        (143..145, "active", "light-agent", 0),
        (145..146, "active", "admin", 0),
        // Bystanders.
        (200..220, "active", "end-user", 0),
    ];
    let users = |(numbers, state, role, open_tickets): (Range<u64>, &str, &str, u32)| {
        let (state, role) = (state.to_owned(), role.to_owned());
        numbers.map(move |number| ZendeskSeed {
            id: (ZENDESK_BASE + number).to_string(),
            state: state.clone(),
            role: role.clone(),
            open_tickets,
        })
    };
    groups.into_iter().flat_map(users).collect()
}

fn sunco() -> Vec<SuncoSeed> {
    let user = |number: usize, external: Option<&str>, state: &str| SuncoSeed {
        id: format!("5fa1c0d619a30a2e{number:08x}"),
        external_id: external.map(str::to_owned),
        brand_id: None,
        state: state.to_owned(),
    };
    let active = (0..80).map(|number| user(number, None, "active"));
    let external = EXTERNAL_IDS
        .iter()
        .enumerate()
        .map(|(index, id)| user(80 + index, Some(id), "active"));
    let deleted = (90..94).map(|number| user(number, None, "deleted"));
    let bystanders = (200..210).map(|number| user(number, None, "active"));
    active
        .chain(external)
        .chain(deleted)
        .chain(bystanders)
        .collect()
}

fn zoho() -> Vec<ZohoSeed> {
    let groups: [(Range<u64>, ZohoKind, &str); 7] = [
        (100..154, ZohoKind::Regular, "active"),
        (160..165, ZohoKind::Regular, "deleted"),
        (170..171, ZohoKind::PrimaryContact, "active"),
        (171..172, ZohoKind::Support, "active"),
        (172..173, ZohoKind::System, "active"),
        (173..174, ZohoKind::DigitalEmployee, "active"),
        // Bystanders.
        (200..210, ZohoKind::Regular, "active"),
    ];
    let users = |(numbers, kind, state): (Range<u64>, ZohoKind, &str)| {
        let state = state.to_owned();
        numbers.map(move |number| ZohoSeed {
            id: (ZOHO_BASE + number).to_string(),
            kind,
            state: state.clone(),
        })
    };
    groups.into_iter().flat_map(users).collect()
}
