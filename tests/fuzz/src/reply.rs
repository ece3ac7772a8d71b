//! Providers' answers: what they may never be taken for, and what may be kept of them.

use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret as _;

use userpurge::domain::{ProviderKind, Quota, Said, Step, StopKind, UserId, UserState};
use userpurge::provider::{
    Access, LookupFor, Provider, ProviderSettings, RateHint, RateHints, Reply, RowEnd,
    SuncoSettings, Token, Transient, UserLookup, Verdict, ZendeskCredentials, ZendeskSettings,
    ZohoSettings, build,
};

/// The user that is asked for.
const ID: &str = "4876876000000225001";

/// The headers that are set by what comes before the body, a line each.
const HEADERS: [&str; 12] = [
    "retry-after",
    "date",
    "location",
    "content-type",
    "x-rate-limit",
    "x-rate-limit-remaining",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "zendesk-ratelimit-deleted-users-destroy",
    "zendesk-ratelimit-users-destroy",
    "x-request-id",
];

/// A provider of each kind. Zoho's base comes from the token's answer, Zendesk's token from an
/// endpoint.
pub(super) fn providers() -> [Box<dyn Provider>; 3] {
    let base: url::Url = "https://acme.example".parse().unwrap();
    let settings = |kind| match kind {
        ProviderKind::Zendesk => ProviderSettings::Zendesk(ZendeskSettings {
            base_url: base.clone(),
            credentials: ZendeskCredentials::Client {
                id: "purger".to_owned(),
                secret: "hunter2".into(),
            },
        }),
        ProviderKind::Sunco => ProviderSettings::Sunco(SuncoSettings {
            brand_id: None,
            base_url: base.clone(),
            app_id: "5d8cff3cd55b040010928b5b".to_owned(),
            key_id: "app_1".to_owned(),
            key_secret: "hunter2".into(),
            is_jwt: false,
        }),
        ProviderKind::Zoho | ProviderKind::Own(_) => ProviderSettings::Zoho(ZohoSettings {
            accounts_url: "https://accounts.zoho.eu".parse().unwrap(),
            base_url: None,
            version: "v8".to_owned(),
            client_id: "1000.AB".to_owned(),
            client_secret: "hunter2".into(),
            refresh_token: "1000.hunter3".into(),
        }),
    };
    ProviderKind::ALL.map(|kind| build(settings(kind)))
}

/// Two bytes of a status, lines of headers up to an empty one, and a body, as the answer to
/// everything that every provider is ever asked.
pub fn replies(data: &[u8]) {
    let Some((status, rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let (headers, body) = match rest.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&rest[..end], &rest[end + 2..]),
        None => (&b""[..], rest),
    };
    let reply = Reply {
        status: u16::from_be_bytes(*status) % 1_000,
        headers: headers_of(headers),
        body: body.to_vec().into(),
    };
    let access = Access {
        base: "https://acme.example".parse().unwrap(),
        authorization: HeaderValue::from_static("Bearer t"),
    };
    let id = UserId::new(ID);
    for provider in providers() {
        let kind = provider.kind();
        for step in kind.actions().iter().flat_map(|action| action.steps()) {
            check_judged(kind, &reply, &provider.judge(*step, &id, &reply));
        }
        match provider.identified(&access, &reply) {
            Err(verdict) => check_read(&verdict),
            Ok(identity) => {
                assert_eq!(reply.status, 200);
                assert!(is_object(&reply) && !identity.tenant.is_empty());
                for text in [&identity.name, &identity.role].into_iter().flatten() {
                    assert!(!text.contains(char::is_control), "{text:?}");
                }
            }
        }
        let asked = std::slice::from_ref(&id);
        match provider.found_primary_contact(&reply) {
            Err(verdict) => check_read(&verdict),
            Ok(Some(told)) => assert!(reply.status == 200 && is_object(&reply), "{told}"),
            Ok(None) => {}
        }
        for purpose in LookupFor::ALL {
            if provider.lookup_max(purpose) == 0 {
                continue;
            }
            let asked = UserLookup {
                purpose,
                ids: asked,
                primary_contact: None,
            };
            match provider.states_of(&asked, &reply) {
                Err(verdict) => check_read(&verdict),
                Ok(users) => {
                    assert_eq!(users.len(), 1);
                    if purpose == LookupFor::Roles {
                        // Zoho's word for nobody is an answer without content.
                        let nobody = kind == ProviderKind::Zoho && reply.status == 204;
                        assert!(nobody || reply.status == 200 && is_object(&reply));
                        let is_active = matches!(users[0], UserState::Active { .. });
                        assert!(!(nobody && is_active), "{users:?}");
                    }
                }
            }
        }
        if let Some(bulk) = provider.bulk() {
            match bulk.begun(&reply) {
                Err(verdict) => check_kept_of(&verdict),
                Ok(job) => {
                    assert_eq!((reply.status, is_object(&reply)), (200, true));
                    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                    assert!(!job.as_str().is_empty() && job.as_str().chars().all(plain));
                }
            }
            if let Err(verdict) = bulk.asked(&reply) {
                check_read(&verdict);
            }
            let _ = bulk.jobs_hint(&reply.headers);
        }
        match provider.minted(&reply) {
            Ok(token) => check_token(kind, &reply, &token),
            Err(verdict) => check_read(&verdict),
        }
    }
}

/// Lines of headers alone: waits and limits are never longer or larger than any there are.
pub fn limits(data: &[u8]) {
    let headers = headers_of(data);
    let steps = [
        Step::Delete,
        Step::PermanentlyDelete,
        Step::DeletePersonalInformation,
    ];
    for provider in providers() {
        for step in steps.map(Some).into_iter().chain([None]) {
            let RateHints {
                account, endpoint, ..
            } = provider.rate_hints(step, &headers);
            for hint in [account, endpoint].into_iter().flatten() {
                let RateHint {
                    limit, resets_in, ..
                } = hint;
                check_wait(resets_in);
                check_wait(limit.map(Quota::span));
            }
        }
        for status in [429, 503] {
            let reply = Reply {
                status,
                headers: headers.clone(),
                body: Vec::new().into(),
            };
            let verdict = provider.judge(Step::Delete, &UserId::new(ID), &reply);
            let goes_by = matches!(
                verdict,
                Verdict::Transient(..) | Verdict::Account(StopKind::QuotaGone, _)
            );
            assert!(goes_by, "{verdict:?}");
            check_kept_of(&verdict);
        }
    }
}

/// A line is the number of a header, as one byte, and its value.
fn headers_of(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').take(64) {
        if let Some((name, value)) = line.split_first()
            && let Ok(value) = HeaderValue::from_bytes(value)
        {
            let name = HEADERS[usize::from(*name) % HEADERS.len()];
            headers.append(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// Whether the body is a JSON object.
fn is_object(reply: &Reply) -> bool {
    std::str::from_utf8(&reply.body).is_ok_and(|text| {
        let text = text.trim_start_matches('\u{feff}').trim();
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok()
    })
}

/// What ends a row was said by the provider, in JSON; what makes it good, about this very user.
fn check_judged(kind: ProviderKind, reply: &Reply, verdict: &Verdict) {
    check_kept_of(verdict);
    let (Verdict::Row(end, _) | Verdict::Look(end, _)) = verdict else {
        return;
    };
    // Zoho's codes count whatever the status is.
    let is_of_a_proxy = matches!(reply.status, 300..=399 | 500..);
    assert!(!is_of_a_proxy || kind == ProviderKind::Zoho, "{verdict:?}");
    match end {
        RowEnd::Deleted => {
            assert_eq!(reply.status, 200);
            assert!(is_object(reply), "{verdict:?}");
            let body = String::from_utf8_lossy(&reply.body);
            // What escapes hide is JSON's matter.
            let says = |word: &str| body.contains(word) || body.contains('\\');
            match kind {
                ProviderKind::Zendesk => assert!(says(ID), "{verdict:?}"),
                // Zoho's documents have a success that names nobody.
                ProviderKind::Zoho | ProviderKind::Own(_) => {
                    assert!(says("users") && says_success(&body), "{verdict:?}");
                }
                ProviderKind::Sunco => assert!(says(ID) || names_nothing(&body), "{verdict:?}"),
            }
        }
        RowEnd::Ordered => panic!("{verdict:?}"),
        RowEnd::AlreadyGone | RowEnd::Refused => assert!(is_object(reply), "{verdict:?}"),
        // An empty 404 of the older Sunshine Conversations, and of nobody else.
        RowEnd::NotFound => assert!(is_object(reply) || kind == ProviderKind::Sunco),
    }
}

/// Zoho's word for it, however it is capitalised or escaped.
fn says_success(body: &str) -> bool {
    body.to_ascii_lowercase().contains("success") || body.contains('\\')
}

/// `{}`, with which Sunshine Conversations confirms a deletion.
fn names_nothing(body: &str) -> bool {
    let body = body.trim_start_matches('\u{feff}').trim();
    body.starts_with('{') && body.ends_with('}') && body[1..body.len() - 1].trim().is_empty()
}

/// A question is never answered about a row.
fn check_read(verdict: &Verdict) {
    check_kept_of(verdict);
    let of_a_row = matches!(verdict, Verdict::Row(..) | Verdict::Look(..));
    assert!(!of_a_row, "{verdict:?}");
}

fn check_kept_of(verdict: &Verdict) {
    let detail = match verdict {
        Verdict::Transient(moment, detail) => {
            match moment {
                Transient::Throttled { wait, .. } | Transient::ServerError { wait } => {
                    check_wait(*wait);
                }
                Transient::Conflict | Transient::Unrecognised => {}
            }
            detail
        }
        Verdict::Row(_, detail)
        | Verdict::Look(_, detail)
        | Verdict::Account(_, detail)
        | Verdict::TokenRejected(detail) => detail,
    };
    check_kept(detail);
}

/// What is kept names no address, acts on no terminal, and is short.
fn check_kept(detail: &Said) {
    let Said { code, message, .. } = detail;
    let code = code.as_deref().unwrap_or("x");
    assert!((1..=Said::CODE_CHARS_MAX).contains(&code.len()), "{code:?}");
    assert!(code.bytes().all(|byte| byte.is_ascii_graphic()), "{code:?}");
    let message = message.as_deref().unwrap_or("x");
    assert!(
        (1..=Said::MESSAGE_CHARS_MAX).contains(&message.chars().count()),
        "{message:?}"
    );
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!(!message.replace("***@***", "").contains('@'), "{message:?}");
}

fn check_token(kind: ProviderKind, reply: &Reply, token: &Token) {
    let secret = token.secret.expose_secret();
    assert!((200..=299).contains(&reply.status) && is_object(reply));
    assert!(!secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic()));
    check_wait(token.expires_in);
    if kind != ProviderKind::Zoho {
        assert_eq!(token.api_base, None);
        return;
    }
    let base = token.api_base.as_ref().unwrap();
    let host = base.host_str().unwrap();
    assert_eq!(
        (base.scheme(), base.path(), base.port()),
        ("https", "/", None)
    );
    assert!(host.split('.').nth(1) == Some("zohoapis"), "{base}");
    assert!(base.username().is_empty() && base.password().is_none() && base.query().is_none());
}

/// No wait is longer than times can be reckoned with: a hundred years.
fn check_wait(wait: Option<Duration>) {
    const MAX: Duration = Duration::from_hours(24 * 365 * 100);
    assert!(wait.unwrap_or_default() <= MAX, "{wait:?}");
}
