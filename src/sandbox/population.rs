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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use serde_json::json;

    use super::{DEMO_CSV, demo};
    use crate::domain::{Action, Outcome, ProviderKind, Time};
    use crate::sandbox::message::{Reply, Request};
    use crate::sandbox::options::Credentials;
    use crate::sandbox::settings::Settings;
    use crate::sandbox::tenant::Tenant;

    const NOW: Time = Time::from_millis(1_795_340_600_000);

    /// The simplest client there can be: one request after the other, and no limits in its way.
    struct Client {
        tenant: Tenant,
        zoho_token: String,
        seen: HashSet<(String, String, String)>,
    }

    impl Client {
        fn new() -> Self {
            let settings = Settings::default()
                .changed(json!({"zendesk": {"quota": "100000/1m", "permanent_quota": "100000/1m"}}))
                .unwrap();
            let mut tenant = Tenant::new("default", &Credentials::default(), &settings, NOW);
            tenant.seed(&demo(), NOW).unwrap();
            let token = Request::new("POST", "/oauth/v2/token").body(
                "client_id=1000.SANDBOX&client_secret=sandbox-secret&grant_type=refresh_token\
                 &refresh_token=1000.sandbox-refresh",
            );
            let reply = tenant.handle(&token, Some(ProviderKind::Zoho), NOW);
            let zoho_token = reply.value()["access_token"].as_str().unwrap().to_owned();
            Self {
                tenant,
                zoho_token,
                seen: HashSet::new(),
            }
        }

        fn send(&mut self, provider: ProviderKind, method: &str, path: &str) -> Reply {
            let request = Request::new(method, path);
            let request = match provider {
                ProviderKind::Zendesk => request.basic("ops@acme.example/token", "sandbox-token"),
                ProviderKind::Sunco => request.basic("app_sandbox", "sandbox-secret"),
                ProviderKind::Zoho => request.with(
                    "authorization",
                    &format!("Zoho-oauthtoken {}", self.zoho_token),
                ),
            };
            self.tenant.handle(&request, Some(provider), NOW)
        }

        fn outcome(&mut self, id: &str, account: &str, action: &str) -> Outcome {
            let provider = match account {
                "support" => ProviderKind::Zendesk,
                "chat" => ProviderKind::Sunco,
                "crm" => ProviderKind::Zoho,
                _ => return Outcome::Invalid,
            };
            let Some(action) = action
                .parse()
                .ok()
                .filter(|action| provider.actions().contains(action))
            else {
                return Outcome::Invalid;
            };
            let digits = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
            let id = id.strip_prefix("zcrm_").unwrap_or(id);
            let well_formed = match provider {
                ProviderKind::Zendesk | ProviderKind::Zoho => digits(id),
                ProviderKind::Sunco => !["", ".", ".."].contains(&id),
            };
            if !well_formed {
                return Outcome::Invalid;
            }
            if !self
                .seen
                .insert((account.to_owned(), action.to_string(), id.to_owned()))
            {
                return Outcome::Duplicate;
            }
            match provider {
                ProviderKind::Zendesk => self.zendesk(id, action),
                ProviderKind::Sunco => self.sunco(id, action),
                ProviderKind::Zoho => self.zoho(id),
            }
        }

        fn zendesk(&mut self, id: &str, action: Action) -> Outcome {
            let user_path = format!("/api/v2/users/{id}");
            let me = self.send(ProviderKind::Zendesk, "GET", "/api/v2/users/me");
            let user = self.send(ProviderKind::Zendesk, "GET", &user_path).value();
            if me.value()["user"]["id"].as_u64() == id.parse().ok()
                || ["agent", "admin"].contains(&user["user"]["role"].as_str().unwrap_or("end-user"))
            {
                return Outcome::Protected;
            }
            if action != Action::PermanentlyDelete {
                let reply = self.send(ProviderKind::Zendesk, "DELETE", &user_path);
                let gone = user["user"]["active"] == json!(false);
                match (reply.status, gone, action) {
                    (200, false, Action::Purge) | (422, true, Action::Purge) => {}
                    (200, false, _) => return Outcome::Deleted,
                    (422, true, _) => return Outcome::AlreadyGone,
                    (422, false, _) => return Outcome::Refused,
                    (404, ..) => return Outcome::NotFound,
                    other => panic!("{id}: {other:?}"),
                }
            }
            let path = format!("/api/v2/deleted_users/{id}");
            let reply = self.send(ProviderKind::Zendesk, "DELETE", &path);
            assert_eq!(reply.status, 200, "{id}");
            Outcome::Deleted
        }

        fn sunco(&mut self, id: &str, action: Action) -> Outcome {
            let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
            let tail = match action {
                Action::DeletePersonalInformation => "/personalinformation",
                _ => "",
            };
            let path = format!("/v2/apps/5963c0d619a30a2e00de36b8/users/{id}{tail}");
            match self.send(ProviderKind::Sunco, "DELETE", &path).status {
                200 => Outcome::Deleted,
                404 => Outcome::NotFound,
                other => panic!("{id}: {other}"),
            }
        }

        fn zoho(&mut self, id: &str) -> Outcome {
            let me = self.send(ProviderKind::Zoho, "GET", "/crm/v8/users?type=CurrentUser");
            if me.value()["users"][0]["id"] == json!(id) {
                return Outcome::Protected;
            }
            let path = format!("/crm/v8/users/{id}");
            let body = self.send(ProviderKind::Zoho, "DELETE", &path).value();
            let code = body["users"][0]["code"].as_str().or(body["code"].as_str());
            match code {
                Some("SUCCESS") => Outcome::Deleted,
                Some("ID_ALREADY_DELETED") => Outcome::AlreadyGone,
                Some("INVALID_DATA") => Outcome::NotFound,
                Some("INVALID_REQUEST" | "NOT_ALLOWED") => Outcome::Refused,
                other => panic!("{id}: {other:?}"),
            }
        }
    }

    fn rows() -> Vec<[String; 3]> {
        let mut reader = csv::Reader::from_reader(DEMO_CSV.as_bytes());
        reader
            .records()
            .map(|row| {
                let row = row.unwrap();
                [0, 1, 2].map(|column| row[column].to_owned())
            })
            .collect()
    }

    #[test]
    fn the_rows_of_the_demo_end_as_the_table_says() {
        let mut client = Client::new();
        let mut ends = BTreeMap::<String, u32>::new();
        for [id, account, action] in rows() {
            let outcome = client.outcome(&id, &account, &action);
            let key = match outcome {
                Outcome::Invalid => "invalid".to_owned(),
                outcome => format!("{account} {outcome}"),
            };
            *ends.entry(key).or_default() += 1;
        }
        let table = [
            ("chat deleted", 85),
            ("chat duplicate", 2),
            ("chat not_found", 7),
            ("crm already_gone", 5),
            ("crm deleted", 54),
            ("crm duplicate", 1),
            ("crm not_found", 3),
            ("crm protected", 1),
            ("crm refused", 4),
            ("invalid", 14),
            ("support already_gone", 6),
            ("support deleted", 114),
            ("support duplicate", 3),
            ("support not_found", 4),
            ("support protected", 7),
            ("support refused", 6),
        ];
        let table: BTreeMap<String, u32> = table.map(|(key, n)| (key.to_owned(), n)).into();
        assert_eq!(ends, table);
        assert_eq!(ends.values().sum::<u32>(), 316);
    }

    #[test]
    fn whom_no_row_names_still_stands_after_the_demo() {
        let mut client = Client::new();
        for [id, account, action] in rows() {
            client.outcome(&id, &account, &action);
        }
        let named: HashSet<String> = rows()
            .into_iter()
            .map(|[id, ..]| id.trim_start_matches("zcrm_").to_owned())
            .collect();
        let mut bystanders = 0;
        for state in client.tenant.states(NOW) {
            let external = state.external_id.as_ref();
            if !named.contains(&state.id) && external.is_none_or(|id| !named.contains(id)) {
                assert_eq!(
                    (state.state.as_str(), state.changes),
                    ("active", 0),
                    "{}",
                    state.id
                );
                bystanders += 1;
            }
        }
        // And the account's owner.
        assert_eq!(bystanders, 20 + 10 + 10 + 1);
    }

    #[test]
    fn every_row_has_a_reference_of_its_own() {
        let mut reader = csv::Reader::from_reader(DEMO_CSV.as_bytes());
        let references: HashSet<String> = reader
            .records()
            .map(|row| row.unwrap()[3].to_owned())
            .collect();
        assert_eq!(references.len(), 316);
    }
}
