//! The runner of the tables of replies, verdicts in a few words, and any reply there may be.

use ::http::{HeaderMap, HeaderName, HeaderValue};

use proptest::prelude::*;
use secrecy::ExposeSecret;

use userpurge::domain::{Said, Step, StopKind, UserId, UserState};
use userpurge::provider::{
    Access, Identity, ItemEnd, JobState, LookupFor, Provider, Reply, Token, Transient, UserLookup,
    Verdict,
};

/// Headers from `name: value` pairs with ` | ` between.
pub(super) fn headers(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(" | ").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        let name: HeaderName = name.trim().parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// A reply.
pub(super) fn reply(status: u16, lines: &str, body: impl Into<String>) -> Reply {
    Reply {
        status,
        headers: headers(lines),
        body: body.into().into(),
    }
}

/// A verdict in a few words, without its detail: `row deleted`, `account not_permitted`,
/// `moment throttled endpoint 27s`.
pub(super) fn describe(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Row(end, _) => format!("row {}", end.outcome().name()),
        Verdict::Look(end, _) => format!("look {}", end.outcome().name()),
        Verdict::Account(kind, _) => format!("account {}", stop_word(*kind)),
        Verdict::TokenRejected(_) => "token rejected".to_owned(),
        Verdict::Transient(moment, _) => {
            let (scope, wait) = match moment {
                Transient::Throttled { scope, wait } => {
                    (format!(" {scope:?}").to_lowercase(), *wait)
                }
                Transient::ServerError { wait } => (String::new(), *wait),
                Transient::Conflict | Transient::Unrecognised => (String::new(), None),
            };
            let wait = wait.map_or_else(String::new, |wait| format!(" {}s", wait.as_secs()));
            format!("moment {}{scope}{wait}", moment.name())
        }
    }
}

/// The detail of a verdict.
pub(super) fn detail(verdict: &Verdict) -> &Said {
    match verdict {
        Verdict::Row(_, detail)
        | Verdict::Look(_, detail)
        | Verdict::Account(_, detail)
        | Verdict::Transient(_, detail)
        | Verdict::TokenRejected(detail) => detail,
    }
}

fn stop_word(kind: StopKind) -> String {
    let json = serde_json::to_string(&kind).unwrap();
    json.trim_matches('"').to_owned()
}

/// One line of a table of replies under `fixtures/replies/`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// What the row shows.
    name: String,
    /// A step's name, or `look`, `identity`, `principal`, `token`, `begin`, `jobs` or a purpose's word.
    ask: String,
    /// The user asked for; the table's usual one if absent.
    #[serde(default)]
    id: Option<String>,
    status: u16,
    #[serde(default)]
    headers: String,
    /// The body as JSON; or `text`.
    #[serde(default)]
    body: Option<serde_json::Value>,
    #[serde(default)]
    text: String,
    /// What it means, as [`describe`] and its like have it.
    means: String,
    /// The detail's code.
    #[serde(default)]
    code: Option<String>,
    /// The detail's message; absent: it is ours, and not compared.
    #[serde(default)]
    message: Option<String>,
}

/// Runs every row of `table` through `provider`, and tells all that differ at once.
pub(super) fn check_replies(provider: &dyn Provider, base: &str, usual_id: &str, table: &str) {
    let rows: Vec<Row> = serde_json::from_str(table).unwrap();
    let access = access(base);
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let body = match &row.body {
                Some(body) => body.to_string(),
                None => row.text.clone(),
            };
            let reply = reply(row.status, &row.headers, body);
            let id = UserId::new(row.id.as_deref().unwrap_or(usual_id));
            let (means, detail) = answer(provider, &access, &row.ask, &id, &reply);
            let same = means == row.means
                && detail.code == row.code
                && (row.message.is_none() || detail.message == row.message);
            (!same).then(|| format!("{}\n  is:   {means} {detail:?}\n  want: {row:?}", row.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.len() > 20, "the table is read whole");
}

fn answer(
    provider: &dyn Provider,
    access: &Access,
    ask: &str,
    id: &UserId,
    reply: &Reply,
) -> (String, Said) {
    let failed = |verdict: Verdict| (describe(&verdict), detail(&verdict).clone());
    let fine = |means: String| (means, Said::default());
    let states_of = |purpose, ids: &[UserId], tell: &dyn Fn(Vec<UserState>) -> String| {
        let asked = UserLookup {
            purpose,
            ids,
            primary_contact: Some(PRIMARY_CONTACT),
        };
        let states = provider.states_of(&asked, reply);
        states.map_or_else(failed, |states| fine(tell(states)))
    };
    let many = MANY_ASKED.map(UserId::new);
    match ask {
        "identity" => provider
            .identified(access, reply)
            .map_or_else(failed, |identity| fine(describe_identity(&identity))),
        "roles" => states_of(LookupFor::Roles, &many, &|states| {
            let active = |(id, state): (_, _)| match state {
                UserState::Active { role: None } => Some(format!("{id}")),
                UserState::Active { role: Some(role) } => Some(format!("{id}={role}")),
                _ => None,
            };
            let active = many.iter().zip(states).filter_map(active);
            active.collect::<Vec<_>>().join(" ")
        }),
        "standing" if provider.lookup_max(LookupFor::Verification) > 1 => {
            states_of(LookupFor::Verification, &many, &|states| {
                let states = states.iter().map(describe_state);
                states.collect::<Vec<_>>().join(", ")
            })
        }
        "principal" => provider
            .found_primary_contact(reply)
            .map_or_else(failed, |found| {
                fine(found.unwrap_or_else(|| "nobody".to_owned()))
            }),
        "token" => match provider.minted(reply) {
            Ok(token) => fine(describe_token(&token)),
            Err(Verdict::Account(StopKind::CredentialsRejected, detail)) => {
                ("rejected".to_owned(), detail)
            }
            Err(Verdict::Account(StopKind::WrongTenant, detail)) => {
                ("misplaced".to_owned(), detail)
            }
            Err(Verdict::Transient(_, detail)) => ("later".to_owned(), detail),
            Err(verdict) => failed(verdict),
        },
        "begin" => provider
            .bulk()
            .unwrap()
            .begun(reply)
            .map_or_else(failed, |job| fine(job.as_str().to_owned())),
        "jobs" => provider
            .bulk()
            .unwrap()
            .asked(reply)
            .map_or_else(failed, |jobs| {
                let jobs = jobs
                    .iter()
                    .map(|(id, state)| describe_job(id.as_str(), state));
                fine(jobs.collect::<Vec<_>>().join("; "))
            }),
        ask => {
            let word = if ask == "look" { "user" } else { ask };
            match LookupFor::ALL.into_iter().find(|it| it.name() == word) {
                Some(purpose) => {
                    let one = std::slice::from_ref(id);
                    states_of(purpose, one, &|states| describe_state(&states[0]))
                }
                None => failed(provider.judge(step_named(ask), id, reply)),
            }
        }
    }
}

/// A job and what it says of its users, in a few words.
fn describe_job(id: &str, state: &JobState) -> String {
    let JobState::Ended(items) = state else {
        return format!("{id} under way");
    };
    let tell = |(user, end): &(UserId, ItemEnd)| match end {
        ItemEnd::Deleted => format!("{user} deleted"),
        ItemEnd::Refused(said) => format!(
            "{user} refused {}: {}",
            said.code.as_deref().unwrap_or("-"),
            said.message.as_deref().unwrap_or("-")
        ),
    };
    let mut items: Vec<String> = items.iter().map(tell).collect();
    items.sort_unstable();
    format!("{id} ended: {}", items.join(", "))
}

/// An access to `base`.
pub(super) fn access(base: &str) -> Access {
    Access {
        base: base.parse().unwrap(),
        authorization: HeaderValue::from_static("Bearer t"),
    }
}

/// Who is known to have the role that no list tells.
const PRIMARY_CONTACT: &str = "60411002";

/// Whom the tables of replies ask about together.
const MANY_ASKED: [&str; 4] = ["1", "2", "3", "4"];

/// The step of that name.
pub(super) fn step_named(name: &str) -> Step {
    STEPS
        .into_iter()
        .find(|step| step.name() == name)
        .unwrap_or_else(|| panic!("no step {name}"))
}

/// Every step.
pub(super) const STEPS: [Step; 3] = [
    Step::Delete,
    Step::PermanentlyDelete,
    Step::DeletePersonalInformation,
];

/// How a user stands, in a few words.
pub(super) fn describe_state(state: &UserState) -> String {
    let role = state
        .role()
        .map_or_else(String::new, |role| format!(" {role}"));
    format!("{}{role}", state.name())
}

fn describe_identity(identity: &Identity) -> String {
    let caller = identity.caller.as_ref().map_or("nobody", UserId::as_str);
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "{caller} at {} name {} role {} prefix {} lacks {}",
        identity.tenant,
        or_dash(&identity.name),
        or_dash(&identity.role),
        or_dash(&identity.id_prefix),
        identity.lacks.len()
    )
}

fn describe_token(token: &Token) -> String {
    let life = token.expires_in.map_or_else(
        || "for ever".to_owned(),
        |life| format!("{}s", life.as_secs()),
    );
    let base = token
        .api_base
        .as_ref()
        .map_or_else(String::new, |base| format!(" at {base}"));
    format!("{} {life}{base}", token.secret.expose_secret())
}

/// The bodies that every status is tried with.
pub(super) const BODIES: [(&str, &str); 4] = [
    ("empty", ""),
    ("html", "<html><body>Sorry</body></html>"),
    ("json", "{\"hello\":\"world\"}"),
    ("code", "{\"code\":\"SOMETHING_NEW\",\"status\":\"error\"}"),
];

/// What every status from 100 to 599 means with this body: runs of statuses that mean the same, a
/// line each.
pub(super) fn every_status(body: &str, means: impl Fn(&Reply) -> String) -> String {
    let mut runs: Vec<(u16, u16, String)> = Vec::new();
    for status in 100..=599 {
        let meaning = means(&reply(status, "", body));
        match runs.last_mut() {
            Some((_, last, same)) if *same == meaning => *last = status,
            _ => runs.push((status, status, meaning)),
        }
    }
    let lines = runs.into_iter().map(|(first, last, meaning)| {
        let span = if first == last {
            format!("{first}")
        } else {
            format!("{first}-{last}")
        };
        format!("{span:<7} {meaning}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Any JSON value: words that providers use as keys and texts, nested a little, so that a random
/// body comes near the real ones.
pub(super) fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        Just(35_436.into()),
        Just(4_876_876_000_000_225_001_u64.into()),
        prop::sample::select(vec![
            "4876876000000225001",
            "SUCCESS",
            "RecordNotFound",
            "user_not_found",
            "Jane Doe <jane.doe@example.com> is requester on 2 tickets",
        ])
        .prop_map(Into::into),
        ".{0,40}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let key = "user users deleted_user id externalId active code status details message error \
                   errors title description base permissions";
        let key = prop::sample::select(key.split(' ').collect::<Vec<_>>());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
            prop::collection::hash_map(key.prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Any reply: any status, the headers that matter, and a body of JSON or of anything.
pub(super) fn any_reply() -> impl Strategy<Value = Reply> {
    let status = prop_oneof![
        4 => Just(200_u16),
        4 => prop::sample::select(vec![400_u16, 401, 403, 404, 409, 422, 429, 500, 503]),
        2 => 100_u16..=599,
    ];
    let body = prop_oneof![
        8 => any_json().prop_map(|json| json.to_string()),
        1 => ".{0,200}",
        1 => Just("<html>jane.doe@example.com</html>".to_owned()),
    ];
    (status, any_headers(), body).prop_map(|(status, headers, body)| Reply {
        status,
        headers,
        body: body.into(),
    })
}

/// Any headers under the names that are looked at, each any number of times with anything that a
/// header may hold.
pub(super) fn any_headers() -> impl Strategy<Value = HeaderMap> {
    let names = "retry-after date content-type location www-authenticate x-request-id x-rate-limit \
                 x-rate-limit-remaining ratelimit-reset zendesk-ratelimit-deleted-users-destroy \
                 zendesk-rate-limit- x-api-credits-remaining";
    let name = prop::sample::select(names.split(' ').collect::<Vec<_>>());
    let value = prop_oneof![
        prop::sample::select(vec![
            "7",
            "0",
            "-1",
            "inf",
            "99999999999999999999",
            "Sun, 22 Nov 2026 09:01:33 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "total=0; remaining=18446744073709551616; resets=-1",
            "total=700; remaining=0; resets=99999999999",
            "https://evil.example/",
            "text/html",
        ])
        .prop_map(HeaderValue::from_static),
        prop::collection::vec(32_u8..=255, 0..60)
            .prop_filter_map("no header value", |bytes| HeaderValue::from_bytes(&bytes)
                .ok()),
    ];
    prop::collection::vec((name, value), 0..5).prop_map(|pairs| {
        pairs
            .into_iter()
            .fold(HeaderMap::new(), |mut all, (name, value)| {
                all.append(HeaderName::from_static(name), value);
                all
            })
    })
}

/// `text` with a few of its bytes taken out, put in, changed, or its end cut off.
pub(super) fn spoilt(text: String) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), 0..4, any::<u8>());
    prop::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut bytes = text.clone().into_bytes();
        for (at, kind, byte) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, byte),
                2 => bytes[at] = byte,
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

/// Asserts that `verdict` keeps nothing that it must not.
pub(super) fn assert_fit_to_keep(verdict: &Verdict) {
    let detail = detail(verdict);
    let message = detail.message.as_deref().unwrap_or_default();
    assert!(message.chars().count() <= Said::MESSAGE_CHARS_MAX);
    assert!(!message.replace("***@***", "").contains('@'), "{message}");
    assert!(!message.contains("jane.doe"), "{message}");
    let code = detail.code.as_deref().unwrap_or_default();
    assert!(code.len() <= Said::CODE_CHARS_MAX && !code.contains('@'));
}
