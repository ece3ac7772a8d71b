//! The rules of all three providers, as tables through the one contract.

mod ids_and_texts;
mod replies;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};
use url::Url;

use self::replies::{
    BODIES, access, any_headers, any_reply, assert_fit_to_keep, check_replies, describe,
    every_status, headers, reply, spoilt,
};
use ProviderKind::{Sunco, Zendesk, Zoho};
use userpurge::domain::{ProviderKind, Step, StopKind, UserId, UserState};
use userpurge::provider::{
    Authorize, JobsHint, LookupFor, Provider, ProviderSettings, RateHint, Reply, Request, RowEnd,
    SuncoSettings, Token, UserLookup, Verdict, ZendeskCredentials, ZendeskSettings, ZohoSettings,
    build, check_id, defaults,
};

const BASE: &str = "https://acme.example";
const APP: &str = "5d8cff3cd55b040010928b5b";
/// A user whose id each provider could have.
const ID: &str = "4876876000000225001";

fn zendesk_settings(credentials: ZendeskCredentials) -> ProviderSettings {
    ProviderSettings::Zendesk(ZendeskSettings {
        base_url: BASE.parse().unwrap(),
        credentials,
    })
}

fn api_token(email: &str, token: &str) -> ProviderSettings {
    zendesk_settings(ZendeskCredentials::ApiToken {
        email: email.to_owned(),
        token: token.into(),
    })
}

fn sunco_settings(app_id: &str, key_id: &str, is_jwt: bool) -> SuncoSettings {
    SuncoSettings {
        brand_id: None,
        base_url: BASE.parse().unwrap(),
        app_id: app_id.to_owned(),
        key_id: key_id.to_owned(),
        key_secret: "hunter2".into(),
        is_jwt,
    }
}

fn zoho_settings(accounts_url: &str, base_url: Option<&str>, version: &str) -> ZohoSettings {
    ZohoSettings {
        accounts_url: accounts_url.parse().unwrap(),
        base_url: base_url.map(|url| url.parse().unwrap()),
        version: version.to_owned(),
        client_id: "1000.AB".to_owned(),
        client_secret: "hunter2".into(),
        refresh_token: "1000.hunter3".into(),
    }
}

fn zoho(accounts_url: &str, base_url: Option<&str>) -> Box<dyn Provider> {
    let settings = zoho_settings(accounts_url, base_url, "v8");
    build(ProviderSettings::Zoho(settings))
}

fn settings(kind: ProviderKind, base: &str) -> ProviderSettings {
    let base_url: Url = base.parse().unwrap();
    match kind {
        Zendesk => ProviderSettings::Zendesk(ZendeskSettings {
            base_url,
            credentials: ZendeskCredentials::Client {
                id: "purger".to_owned(),
                secret: "hunter2".into(),
            },
        }),
        Sunco => ProviderSettings::Sunco(SuncoSettings {
            base_url,
            ..sunco_settings(APP, "app_1", false)
        }),
        Zoho | ProviderKind::Own(_) => ProviderSettings::Zoho(zoho_settings(base, None, "v8")),
    }
}

fn provider(kind: ProviderKind) -> Box<dyn Provider> {
    build(settings(kind, BASE))
}

fn all() -> [Box<dyn Provider>; 3] {
    ProviderKind::ALL.map(provider)
}

/// The authorization of every request; of tokens, of one that was fetched.
fn authorization(provider: &dyn Provider) -> String {
    let access = match provider.authorize() {
        Authorize::Fixed(access) => access,
        Authorize::Token { .. } => provider.access(&token(Some(BASE))).unwrap(),
    };
    assert!(access.authorization.is_sensitive());
    access.authorization.to_str().unwrap().to_owned()
}

fn token(api_base: Option<&str>) -> Token {
    Token {
        secret: "1000.tok".into(),
        api_base: api_base.map(|url| url.parse().unwrap()),
        refresh: None,
        expires_in: None,
    }
}

// ---- Answers ------------------------------------------------------------------------------------

#[test]
fn every_reply_of_the_tables_means_what_it_says() {
    let zendesk = build(api_token("ops@acme.example", "hunter2"));
    for (provider, base, id, table) in [
        (
            zendesk,
            "https://acme.example/t/acme/",
            "35436",
            include_str!("../../../fixtures/replies/zendesk/replies.json"),
        ),
        (
            provider(Sunco),
            "https://acme.example/sc",
            "5963c0d619a30a2e00de36b8",
            include_str!("../../../fixtures/replies/sunco/replies.json"),
        ),
        (
            zoho("https://accounts.zoho.eu", None),
            BASE,
            ID,
            include_str!("../../../fixtures/replies/zoho/replies.json"),
        ),
    ] {
        check_replies(provider.as_ref(), base, id, table);
    }
}

#[test]
fn an_id_never_passes_through_a_float_and_a_body_of_too_many_values_is_no_answer() {
    let access = access(BASE);
    let caller = |id: &str, more: usize| {
        let zeros = ",0".repeat(more);
        // A byte order mark in front changes nothing.
        let body =
            format!("\u{feff}{{\"user\":{{\"id\":{id},\"role\":\"admin\",\"x\":[0{zeros}]}}}}");
        let identity = provider(Zendesk).identified(&access, &reply(200, "", body));
        identity.ok()?.caller.map(|it| it.as_str().to_owned())
    };
    for id in ["18446744073709551615", "123"] {
        assert_eq!(caller(id, 0).as_deref(), Some(id));
        assert_eq!(caller(&format!("\"{id}\""), 0).as_deref(), Some(id));
    }
    for other in ["1.0", "1e3", "-1", "18446744073709551616", "null", "true"] {
        assert_eq!(caller(other, 0), None, "{other}");
    }
    assert!(caller("77", 99_994).is_some() && caller("77", 99_995).is_none());
}

/// In the order of [`UserState::ALL`].
#[test]
fn a_lookup_settles_what_the_answer_left_open() {
    for standing in [RowEnd::Refused, RowEnd::NotFound] {
        let ends = UserState::ALL.map(|state| RowEnd::after_lookup(&state, standing));
        let (gone, unknown) = (RowEnd::AlreadyGone, RowEnd::NotFound);
        let expected = [standing, standing, gone, standing, gone, gone, unknown];
        assert_eq!(ends, expected);
    }
}

/// What every status means at each provider, without any words of the provider's: tables that are the
/// same stand once.
fn rules_of_statuses() -> String {
    let mut tables: Vec<(String, String)> = Vec::new();
    for provider in all() {
        for (name, body) in BODIES {
            let id = UserId::new(ID);
            let table = every_status(body, |reply| {
                describe(&provider.judge(Step::Delete, &id, reply))
            });
            let name = format!("{} {name}", provider.kind());
            match tables.iter_mut().find(|(same, _)| *same == table) {
                Some((_, names)) => *names = format!("{names}, {name}"),
                None => tables.push((table, name)),
            }
        }
    }
    let tables = tables
        .iter()
        .map(|(table, names)| format!("{names}\n{table}\n"));
    tables.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_status_has_a_rule_without_the_providers_words() {
    insta::assert_snapshot!(rules_of_statuses(), @r#"
    zendesk empty, zendesk json, zendesk code
    100-299 moment unrecognised
    300-399 account wrong_tenant
    400     moment unrecognised
    401     account credentials_rejected
    402     account payment_required
    403     account not_permitted
    404-406 account wrong_tenant
    407     moment unrecognised
    408     moment server_error
    409     moment conflict
    410     account wrong_tenant
    411-414 moment unrecognised
    415     account wrong_tenant
    416-422 moment unrecognised
    423     moment conflict
    424-428 moment unrecognised
    429     moment throttled account
    430-499 moment unrecognised
    500-599 moment server_error

    zendesk html, sunco html, zoho empty, zoho html, zoho json
    100-299 moment unrecognised
    300-399 account wrong_tenant
    400-407 moment unrecognised
    408     moment server_error
    409-428 moment unrecognised
    429     moment throttled account
    430-499 moment unrecognised
    500-599 moment server_error

    sunco empty
    100-299 moment unrecognised
    300-399 account wrong_tenant
    400     moment unrecognised
    401     account credentials_rejected
    402     account payment_required
    403     account not_permitted
    404     row not_found
    405-406 account wrong_tenant
    407     moment unrecognised
    408     moment server_error
    409     moment conflict
    410     account wrong_tenant
    411-414 moment unrecognised
    415     account wrong_tenant
    416-428 moment unrecognised
    429     moment throttled account
    430-499 moment unrecognised
    500-599 moment server_error

    sunco json, sunco code
    100-299 moment unrecognised
    300-399 account wrong_tenant
    400     moment unrecognised
    401     account credentials_rejected
    402     account payment_required
    403     account not_permitted
    404     moment unrecognised
    405-406 account wrong_tenant
    407     moment unrecognised
    408     moment server_error
    409     moment conflict
    410     account wrong_tenant
    411-414 moment unrecognised
    415     account wrong_tenant
    416-428 moment unrecognised
    429     moment throttled account
    430-499 moment unrecognised
    500-599 moment server_error

    zoho code
    100-199 moment unrecognised
    200     row refused
    201-299 moment unrecognised
    300-399 account wrong_tenant
    400     row refused
    401     account credentials_rejected
    402     account payment_required
    403     account not_permitted
    404-406 account wrong_tenant
    407     row refused
    408     moment server_error
    409     moment conflict
    410     account wrong_tenant
    411-412 row refused
    413     account wrong_tenant
    414     row refused
    415     account wrong_tenant
    416-428 row refused
    429     moment throttled account
    430-499 row refused
    500-599 moment server_error
    "#);
}

#[test]
fn an_invalid_token_is_told_from_other_wrong_credentials() {
    let by_body = reply(401, "", "{\"error\":\"invalid_token\"}");
    let by_header = reply(401, "www-authenticate: Bearer error=\"invalid_token\"", "");
    let other = reply(401, "", "{\"error\":\"Couldn't authenticate you\"}");
    let provider = provider(Zendesk);
    for (reply, means) in [
        (&by_body, "token rejected"),
        (&by_header, "token rejected"),
        (&other, "account credentials_rejected"),
    ] {
        let verdict = provider.judge(Step::Delete, &UserId::new("1"), reply);
        assert_eq!(describe(&verdict), means);
    }
}

#[test]
fn every_spelling_of_a_limit_is_read() {
    let hint = |limit: &str, remaining, resets: Option<u64>| RateHint {
        limit: Some(limit)
            .filter(|it| !it.is_empty())
            .map(|it| it.parse().unwrap()),
        remaining: Some(remaining),
        resets_in: resets.map(Duration::from_secs),
    };
    let of_zendesk = |lines: &str| {
        let hints = provider(Zendesk).rate_hints(Some(Step::PermanentlyDelete), &headers(lines));
        (hints.account, hints.endpoint)
    };
    let reset =
        |at: &str| format!("ratelimit-limit: 400 | ratelimit-remaining: 0 | ratelimit-reset: {at}");
    for (lines, account) in [
        (
            "x-rate-limit: 400 | x-rate-limit-remaining: 399",
            hint("400/1m", 399, None),
        ),
        (
            "rate-limit: 700 | rate-limit-remaining: 0 | rate-limit-reset: 48",
            hint("700/1m", 0, Some(48)),
        ),
        (
            // The first name that holds a number.
            "x-rate-limit: many | ratelimit-limit: 700, 700;w=60 | rate-limit: 1 | rate-limit-remaining: 9",
            hint("700/1m", 9, None),
        ),
        (&reset("3"), hint("400/1m", 0, Some(3))),
        (&reset("1795339800"), hint("400/1m", 0, None)),
        (&reset("18446744073709551615"), hint("400/1m", 0, None)),
    ] {
        assert_eq!(of_zendesk(lines), (Some(account), None));
    }
    let said = "total=700; remaining=3; resets=41";
    for (lines, endpoint) in [
        (
            format!("zendesk-ratelimit-deleted-users-destroy: {said}"),
            hint("700/10m", 3, Some(41)),
        ),
        (
            format!("zendesk-rate-limit-deleted-users-destroy: {said}"),
            hint("700/10m", 3, Some(41)),
        ),
        (
            "zendesk-ratelimit-deleted-users-destroy: Total = 30 ;REMAINING=29;x=1".to_owned(),
            hint("30/10m", 29, None),
        ),
        // Which span it is for is not guessed; the tightest counts, and jobs are no endpoint's.
        (
            format!(
                "zendesk-ratelimit-a: total=9; remaining=5; resets=1 | zendesk-ratelimit-b: {said} | \
                 zendesk-ratelimit-inflight-jobs: total=30; remaining=0; resets=60"
            ),
            hint("", 3, Some(41)),
        ),
    ] {
        assert_eq!(of_zendesk(&lines), (None, Some(endpoint)));
    }
    for said in ["remaining=-1; total=a", "700", ""] {
        let header = format!("zendesk-ratelimit-deleted-users-destroy: {said}");
        assert_eq!(of_zendesk(&header), (None, None), "{said}");
    }
    assert_eq!(of_zendesk("content-type: text/plain"), (None, None));
    let hints = provider(Zoho).rate_hints(None, &headers("x-api-credits-remaining: 2417"));
    assert_eq!((hints.day_left, hints.account), (Some(2_417), None));
    for (line, hint) in [
        (
            "zendesk-ratelimit-inflight-jobs: total=30; remaining=4; resets=60",
            Some((30, 4)),
        ),
        (
            "zendesk-rate-limit-inflight-jobs: total=30; remaining=4; resets=60",
            Some((30, 4)),
        ),
        ("zendesk-ratelimit-inflight-jobs: total=30", None),
        ("x-rate-limit: 30", None),
    ] {
        let hint = hint.map(|(total, remaining)| JobsHint { total, remaining });
        assert_eq!(
            provider(Zendesk).bulk().unwrap().jobs_hint(&headers(line)),
            hint
        );
    }
    let defaults = ProviderKind::ALL.map(defaults);
    let limits =
        defaults.map(|it| format!("{} {} {}", it.requests, it.concurrency, it.steps.len()));
    assert_eq!(limits, ["400/1m 8 1", "600/1m 8 0", "600/1m 4 0"]);
}

#[test]
fn retry_after_is_seconds_or_a_date_against_the_servers_own() {
    const HUNDRED_YEARS: u64 = 24 * 365 * 100 * 3_600;
    let asked = |lines: &str| reply(429, lines, "").retry_after().map(|it| it.as_secs());
    for (value, secs) in [
        ("93", Some(93)),
        ("0", Some(0)),
        ("1.2", Some(2)),
        ("99999999999999999999999999", Some(HUNDRED_YEARS)),
        ("Sun, 22 Nov 2026 09:01:33 GMT", Some(93)),
        ("Wed, 22 Nov 2028 09:00:00 GMT", Some(731 * 86_400)),
        ("Sunday, 22-Nov-26 09:01:33 GMT", Some(93)),
        ("Sun Nov 22 09:01:33 2026", Some(93)),
        ("Sun, 22 Nov 2026 08:00:00 GMT", Some(0)),
        ("-5", None),
        ("+5", None),
        ("", None),
        ("soon", None),
        ("1e3", None),
        ("1 2", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(HUNDRED_YEARS)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("Sun, 32 Foo 99999 08:49:37 GMT", None),
        // Of several the longest.
        ("5 | retry-after: x | retry-after: 7", Some(7)),
    ] {
        let lines = format!("date: Sun, 22 Nov 2026 09:00:00 GMT | retry-after: {value}");
        assert_eq!(asked(&lines), secs, "{value}");
    }
    for date in ["", "date: yesterday | "] {
        let lines = format!("{date}retry-after: Sun, 22 Nov 2026 09:01:33 GMT");
        assert_eq!(asked(&lines), None, "{date}");
    }
}

// ---- Settings and requests ----------------------------------------------------------------------

#[test]
fn settings_make_their_own_provider_and_show_no_secret() {
    let jwt = sunco_settings(APP, "app_1", true);
    let others = [
        ProviderSettings::Sunco(jwt),
        api_token("ops@acme.example", "hunter2"),
    ];
    let settings = ProviderKind::ALL.map(|kind| settings(kind, BASE));
    for settings in settings.into_iter().chain(others) {
        let kind = settings.kind();
        let provider = build(settings);
        assert_eq!(provider.kind(), kind);
        let request = match provider.authorize() {
            Authorize::Fixed(access) => provider.identify(&access),
            Authorize::Token { .. } => provider.mint(None),
        };
        let text = format!("{provider:?} {:?} {request:?}", provider.authorize());
        for secret in ["hunter", "aHVudGVyM", "YXBwXzE6", "b3BzQGFjb", "eyJ"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn requests_go_to_the_base_with_its_prefix() {
    let access = access("https://acme.example/t/acme/");
    let ids = [UserId::new("11"), UserId::new("shop/42")];
    let mut lines = Vec::new();
    for provider in all() {
        let kind = provider.kind();
        let mut tell = |what: &str, request: &Request| {
            let path = &request.url[url::Position::BeforePath..];
            lines.push(format!("{kind} {what}: {} {path}", request.method));
            assert_eq!(request.headers["authorization"], access.authorization);
            let is_json = request.method == "DELETE" && kind == Zendesk;
            assert_eq!(request.headers.contains_key("content-type"), is_json);
        };
        tell("identity", &provider.identify(&access));
        if let Some(request) = provider.primary_contact(&access) {
            tell("contact", &request);
        }
        for step in kind.actions().iter().flat_map(|action| action.steps()) {
            tell(step.name(), &provider.step(&access, *step, &ids[1]));
        }
        for purpose in LookupFor::ALL {
            let max = provider.lookup_max(purpose);
            if max > 0 {
                let what = format!("{} {max}", purpose.name());
                let ids = if max > 1 { &ids[..1] } else { &ids[1..] };
                tell(&what, &provider.lookup(&access, purpose, ids));
            }
        }
    }
    lines.sort_unstable();
    lines.dedup();
    insta::assert_snapshot!(lines.join("\n"), @"
    sunco delete-personal-information: DELETE /t/acme/v2/apps/5d8cff3cd55b040010928b5b/users/shop%2F42/personalinformation
    sunco delete: DELETE /t/acme/v2/apps/5d8cff3cd55b040010928b5b/users/shop%2F42
    sunco identity: GET /t/acme/v2/apps/5d8cff3cd55b040010928b5b
    sunco standing 1: GET /t/acme/v2/apps/5d8cff3cd55b040010928b5b/users/shop%2F42
    sunco user 1: GET /t/acme/v2/apps/5d8cff3cd55b040010928b5b/users/shop%2F42
    zendesk delete: DELETE /t/acme/api/v2/users/shop%2F42
    zendesk deleted 1: GET /t/acme/api/v2/deleted_users/shop%2F42
    zendesk erasure 1: GET /t/acme/api/v2/users/shop%2F42/compliance_deletion_statuses
    zendesk identity: GET /t/acme/api/v2/users/me
    zendesk permanently-delete: DELETE /t/acme/api/v2/deleted_users/shop%2F42
    zendesk role 1: GET /t/acme/api/v2/deleted_users/shop%2F42
    zendesk roles 100: GET /t/acme/api/v2/users/show_many?ids=11
    zendesk standing 100: GET /t/acme/api/v2/users/show_many?ids=11
    zendesk user 1: GET /t/acme/api/v2/users/shop%2F42
    zoho contact: GET /t/acme/crm/v8/org
    zoho delete: DELETE /t/acme/crm/v8/users/shop%2F42
    zoho identity: GET /t/acme/crm/v8/users?type=CurrentUser
    zoho roles 100: GET /t/acme/crm/v8/users?ids=11
    zoho standing 100: GET /t/acme/crm/v8/users?ids=11
    zoho user 1: GET /t/acme/crm/v8/users/shop%2F42
    ");
    let before =
        [Step::Delete, Step::PermanentlyDelete].map(|step| provider(Zendesk).lookup_before(step));
    assert_eq!(
        before,
        [Some(LookupFor::Roles), Some(LookupFor::SoftDeletedRoles)]
    );
}

#[test]
fn an_id_is_one_segment_in_which_all_but_the_unreserved_is_encoded() {
    let access = access("http://127.0.0.1:8080/t/acme/");
    let step = |id: &str| {
        let url = provider(Zendesk)
            .step(&access, Step::Delete, &UserId::new(id))
            .url;
        url.as_str().to_owned()
    };
    for (id, encoded) in [
        ("%2e%2e", "%252e%252e"),
        ("a/b?c#d", "a%2Fb%3Fc%23d"),
        ("a\\b", "a%5Cb"),
        ("+ x", "%2B%20x"),
        ("ü", "%C3%BC"),
        ("...", "..."),
        ("a:b@c;d=e,f", "a%3Ab%40c%3Bd%3De%2Cf"),
    ] {
        let url = format!("http://127.0.0.1:8080/t/acme/api/v2/users/{encoded}");
        assert_eq!(step(id), url);
    }
    // Such a segment would collapse, and the request be one about all: there is none.
    for id in ["", ".", ".."] {
        assert!(std::panic::catch_unwind(|| step(id)).is_err(), "{id}");
    }
}

#[test]
fn each_kind_of_credentials_makes_its_header() {
    let fixed = zendesk_settings(ZendeskCredentials::OAuthToken {
        token: "hunter2".into(),
    });
    for (settings, header) in [
        (
            api_token("ops@acme.example", "hunter2"),
            "Basic b3BzQGFjbWUuZXhhbXBsZS90b2tlbjpodW50ZXIy",
        ),
        (fixed, "Bearer hunter2"),
        (settings(Zendesk, BASE), "Bearer 1000.tok"),
        (settings(Sunco, BASE), "Basic YXBwXzE6aHVudGVyMg=="),
    ] {
        assert_eq!(authorization(build(settings).as_ref()), header);
    }
    let configured = zoho("https://accounts.zoho.eu", Some(BASE));
    assert_eq!(
        authorization(configured.as_ref()),
        "Zoho-oauthtoken 1000.tok"
    );
    for (key_id, scope) in [("app_1", "app"), ("act_1", "account"), ("svc_1", "account")] {
        let settings = sunco_settings(APP, key_id, true);
        let header = authorization(build(ProviderSettings::Sunco(settings)).as_ref());
        let token = header.strip_prefix("Bearer ").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let parts = signed
            .split('.')
            .map(|part| serde_json::from_slice(&decoded(part)).unwrap());
        let expected = [
            json!({"typ": "JWT", "alg": "HS256", "kid": key_id}),
            json!({"scope": scope}),
        ];
        assert_eq!(parts.collect::<Vec<Value>>(), expected);
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"hunter2");
        hmac::verify(&key, signed.as_bytes(), &decoded(signature)).unwrap();
    }
}

#[test]
fn tokens_are_asked_for_in_the_body_and_kept_apart() {
    let key = |provider: &dyn Provider| match provider.authorize() {
        Authorize::Token { key, quota, .. } => (key, quota.map(|quota| quota.to_string())),
        Authorize::Fixed(_) => panic!("tokens are fetched"),
    };
    let zendesk = provider(Zendesk).mint(None);
    assert_eq!(zendesk.url.as_str(), "https://acme.example/oauth/tokens");
    let body: Value = serde_json::from_slice(&zendesk.body.unwrap()).unwrap();
    let expected = json!({"grant_type": "client_credentials", "client_id": "purger",
        "client_secret": "hunter2", "scope": "users:read users:write", "expires_in": 1800});
    assert_eq!(body, expected);
    let eu = zoho("https://accounts.zoho.eu", None);
    let request = eu.mint(None);
    assert_eq!(
        request.url.as_str(),
        "https://accounts.zoho.eu/oauth/v2/token"
    );
    assert_eq!(
        request.body.unwrap(),
        "grant_type=refresh_token&client_id=1000.AB&client_secret=hunter2&refresh_token=1000.hunter3"
    );
    let (one, quota) = key(eu.as_ref());
    assert_eq!(quota.as_deref(), Some("8/10m"));
    assert_eq!(one, key(zoho("https://accounts.zoho.eu", None).as_ref()).0);
    assert_ne!(one, key(zoho("https://accounts.zoho.com", None).as_ref()).0);
    assert_ne!(one, key(provider(Zendesk).as_ref()).0);
}

#[test]
fn a_token_is_what_can_stand_in_a_header() {
    for (secret, fits) in [
        ("1000.abc-DEF_~+/=", true),
        (&"a".repeat(4_096), true),
        (&"a".repeat(4_097), false),
        ("", false),
        ("a b", false),
        ("a\r\nx: y", false),
        ("ä", false),
    ] {
        let body = json!({"access_token": secret}).to_string();
        let minted = provider(Zendesk).minted(&reply(200, "", body));
        assert_eq!(minted.is_ok(), fits, "{secret}");
    }
}

#[test]
fn a_token_goes_to_the_configured_base_or_its_data_centres_hosts() {
    let (eu, own, local) = (
        "https://accounts.zoho.eu",
        "https://accounts.gateway.example",
        "http://127.0.0.1:8080/accounts",
    );
    for (accounts, api, fits) in [
        (eu, "https://www.zohoapis.eu", true),
        (eu, "https://sandbox.zohoapis.eu/", true),
        (eu, "https://developer.zohoapis.eu", true),
        (eu, "https://WWW.ZohoAPIs.EU", true),
        (eu, "https://www.zohoapis.com", false),
        (eu, "https://www.zohoapis.eu:8443", false),
        (eu, "http://www.zohoapis.eu", false),
        (eu, "https://www.zohoapis.eu.example.com", false),
        (eu, "https://evil.zohoapis.eu", false),
        (eu, "https://zohoapis.eu", true),
        (eu, "https://zohoapis.com", false),
        (eu, "https://eu", false),
        (eu, "https://notzohoapis.eu", false),
        (eu, "https://www.zohoapis.eu./", false),
        (eu, "https://www.zohoapis.eu@evil.example", false),
        (eu, "https://x@www.zohoapis.eu", false),
        (eu, "https://www.zohoapis.eu/path", false),
        (eu, "https://www.zohoapis.eu/?q", false),
        (eu, "https://www.zohoapis.eu\\@evil.example", false),
        (eu, "https://[::1]", false),
        (eu, "http://127.0.0.1:8080", false),
        (
            "https://accounts.zoho.eu:8443",
            "https://www.zohoapis.com",
            false,
        ),
        (
            "https://accounts.zoho.com.au",
            "https://www.zohoapis.com.au",
            true,
        ),
        (
            "https://accounts.zoho.com.au",
            "https://www.zohoapis.com",
            false,
        ),
        (own, "https://www.zohoapis.ca", true),
        (own, "https://zoho.gateway.example", false),
        (own, "http://127.0.0.1:8080", false),
        (local, "http://127.0.0.1:9090/api", true),
        (local, "http://x.localhost:9090", false),
        (local, "http://10.0.0.1:9090", false),
        (local, "http://x@127.0.0.1:9090", false),
        (local, "https://www.zohoapis.com", true),
    ] {
        let access = zoho(accounts, None).access(&token(Some(api)));
        assert_eq!(access.is_some(), fits, "{accounts} {api}");
        let body = json!({"access_token": "t", "api_domain": api}).to_string();
        match zoho(accounts, None).minted(&reply(200, "", body)) {
            Ok(token) => assert!(fits && token.api_base.is_some()),
            Err(refused) => {
                assert!(!fits && matches!(refused, Verdict::Account(StopKind::WrongTenant, _)));
            }
        }
    }
    // A configured base wins, and what an answer says of it is not read.
    let configured = zoho(eu, Some("https://api.own.example/z"));
    for said in [
        Some("https://www.zohoapis.eu"),
        Some("https://evil.example"),
        None,
    ] {
        let access = configured.access(&token(said)).unwrap();
        assert_eq!(access.base.as_str(), "https://api.own.example/z");
    }
    assert!(zoho(eu, None).access(&token(None)).is_none());
    let evil = provider(Zendesk).access(&token(Some("https://evil.example")));
    assert_eq!(evil.unwrap().base.as_str(), "https://acme.example/");
}

// ---- Ids ----------------------------------------------------------------------------------------

#[test]
fn ids_are_taken_as_they_are_or_refused_by_name() {
    for (kind, texts) in [
        (
            Zendesk,
            "1 26773422 6164068886000 616406888604000 18446744073709551615",
        ),
        (
            Sunco,
            "5963c0d619a30a2e00de36b8 jane@example.com a/b?c#d 1/merge 1;x 1%00 100% ... a..b .a",
        ),
        (
            Zoho,
            "300000000071587 4876876000000225001 4876876000000225000",
        ),
    ] {
        for text in texts.split(' ') {
            assert_eq!(check_id(kind)(text).unwrap(), text);
        }
    }
    assert_eq!(check_id(Sunco)("ü 世").unwrap(), "ü 世");
    for prefix in ["zcrm_", "ZCRM_"] {
        assert_eq!(check_id(Zoho)(&format!("{prefix}{ID}")).unwrap(), ID);
    }
    for (kind, code, texts) in [
        (
            Zendesk,
            "too_long",
            "18446744073709551616 999999999999999999999",
        ),
        (Zendesk, "rounded", "6164068886040000"),
        (Zendesk, "scientific_notation", "6.16407E+12"),
        (Zendesk, "leading_zero", "06164068886042"),
        (
            Sunco,
            "dots",
            ". .. ../x x/.. x/./y ..\\x ..;a=b/x %2e%2e %2E. %252e%252E ..%2fx x%5C..",
        ),
        (
            Sunco,
            "dots",
            "/ %2F //;x ;x /x x/ x//y x%2f %2F1 x/;y x\\ x/personalInformation",
        ),
        (Sunco, "dots", "%25252525252525252525252541"),
        (Sunco, "control_character", "a\0b a\u{85}b"),
        (Sunco, "empty", ""),
        (Zoho, "zuid", "12345678 123456789"),
        (Zoho, "too_short", "1234567 12345678901234"),
        (Zoho, "too_long", "12345678901234567890"),
        (Zoho, "scientific_notation", "5.54E+17"),
        (Zoho, "decimal_point", "554023000000691003.00"),
        (Zoho, "empty", "zcrm_"),
        (Zoho, "not_digits", "zcrm_zcrm_4876876000000225001 äöü"),
        (Zoho, "leading_zero", "0876876000000225001"),
    ] {
        for text in texts.split(' ') {
            assert_eq!(check_id(kind)(text).unwrap_err().code, code, "{text}");
        }
    }
    for text in [" .. ", "x/ "] {
        assert_eq!(check_id(Sunco)(text).unwrap_err().code, "dots");
    }
    assert!(check_id(Sunco)(&"ü".repeat(1_024)).is_ok());
    let long = "ü".repeat(1_025);
    assert_eq!(check_id(Sunco)(&long).unwrap_err().code, "too_long");
}

// ---- Any answer ---------------------------------------------------------------------------------

/// A lookup tells of each user or of none.
fn states_of(
    provider: &dyn Provider,
    purpose: LookupFor,
    id: &UserId,
    reply: &Reply,
) -> Result<Vec<UserState>, Verdict> {
    let asked = UserLookup {
        purpose,
        ids: std::slice::from_ref(id),
        primary_contact: Some("7"),
    };
    let states = provider.states_of(&asked, reply);
    if let Ok(states) = &states {
        assert_eq!(states.len(), 1);
    }
    states
}

fn is_of_a_read(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Account(..) | Verdict::Transient(..) | Verdict::TokenRejected(_) => true,
        Verdict::Row(..) | Verdict::Look(..) => false,
    }
}

#[test]
fn no_status_alone_identifies_anybody_or_tells_how_a_user_stands() {
    let (access, id) = (access(BASE), UserId::new(ID));
    for provider in all() {
        for (_, body) in BODIES {
            every_status(body, |reply| {
                assert!(provider.identified(&access, reply).is_err());
                let states = states_of(provider.as_ref(), LookupFor::UnclearAnswer, &id, reply);
                // No content is how Zoho says that nobody matches.
                let is_nobody = provider.kind() == Zoho && reply.status == 204;
                assert_eq!(
                    states.is_ok(),
                    is_nobody,
                    "{} {}",
                    provider.kind(),
                    reply.status
                );
                String::new()
            });
        }
    }
}

/// Every success there is, for every provider and step, and a token, each a little spoilt.
fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let token = json!({"access_token": "t", "expires_in": 3600,
        "api_domain": "https://www.zohoapis.com"});
    let zoho = |details: Value| {
        json!({"users": [{"code": "SUCCESS", "details": details,
            "message": "User deleted", "status": "success"}]})
    };
    [
        json!({"user": {"id": ID, "active": false}}),
        json!({"user": {"id": 4_876_876_000_000_225_001_u64, "active": false}}),
        json!({"deleted_user": {"id": 4_876_876_000_000_225_001_u64}}),
        json!({}),
        json!({"user": {"id": ID, "profile": {}}}),
        json!({"user": {"id": "x", "externalId": ID}}),
        zoho(json!({})),
        zoho(json!({"id": ID})),
        token,
    ]
    .into_iter()
    .map(|json| spoilt(json.to_string()))
    .collect::<Vec<_>>()
}

/// Whether `reply` is a success of `step` as `kind` has it, about the user if it names one.
fn confirms(kind: ProviderKind, step: Step, reply: &Reply) -> bool {
    let text = String::from_utf8_lossy(&reply.body);
    let text = text.trim_start_matches('\u{feff}').trim();
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let named = |value: &Value| {
        let number = value.as_u64().map(|id| id.to_string());
        value.as_str() == Some(ID) || number.as_deref() == Some(ID)
    };
    let user = &json["user"];
    let by_either = named(&user["id"]) || named(&user["externalId"]);
    let said = match (kind, step) {
        (ProviderKind::Zendesk, Step::Delete) => {
            named(&user["id"]) && user["active"] == json!(false)
        }
        (ProviderKind::Zendesk, _) => named(&json["deleted_user"]["id"]),
        (ProviderKind::Sunco, Step::Delete) => json == json!({}) || by_either,
        (ProviderKind::Sunco, _) => by_either,
        (ProviderKind::Own(_), _) => false,
        (ProviderKind::Zoho, _) => {
            let entry = &json["users"][0];
            let id = &entry["details"]["id"];
            let code = entry["code"].as_str().unwrap_or_default();
            code.eq_ignore_ascii_case("SUCCESS") && (id.is_null() || named(id))
        }
    };
    said && reply.status == 200
}

proptest! {
    #[test]
    fn a_question_is_never_answered_about_a_row(reply in any_reply()) {
        let access = access(BASE);
        let id = UserId::new("35436");
        for provider in all() {
            let answers = [
                provider.identified(&access, &reply).err(),
                provider.found_primary_contact(&reply).err(),
            ];
            let lookups = LookupFor::ALL
                .map(|purpose| states_of(provider.as_ref(), purpose, &id, &reply).err());
            for verdict in answers.into_iter().chain(lookups).flatten() {
                prop_assert!(is_of_a_read(&verdict), "{}", describe(&verdict));
                assert_fit_to_keep(&verdict);
            }
            let _ = provider.minted(&reply);
            let _ = provider.rate_hints(None, &reply.headers);
        }
    }

    #[test]
    fn no_answer_whatever_breaks_the_reading_or_confirms_what_it_does_not_say(
        status in prop_oneof![3 => Just(200_u16), 1 => 0_u16..=999],
        headers in any_headers(),
        bodies in bodies(),
    ) {
        let id = UserId::new(ID);
        let access = access(BASE);
        for provider in all() {
            for body in &bodies {
                let reply = Reply {
                    status,
                    headers: headers.clone(),
                    body: body.clone().into(),
                };
                for step in provider.kind().actions().iter().flat_map(|action| action.steps()) {
                    let verdict = provider.judge(*step, &id, &reply);
                    assert_fit_to_keep(&verdict);
                    if matches!(verdict, Verdict::Row(RowEnd::Deleted, _)) {
                        prop_assert!(confirms(provider.kind(), *step, &reply));
                    }
                    let _ = provider.rate_hints(Some(*step), &reply.headers);
                }
                let _ = provider.identified(&access, &reply);
                for purpose in LookupFor::ALL {
                    let states = states_of(provider.as_ref(), purpose, &id, &reply);
                    prop_assert!(states.is_err() || matches!(status, 200 | 204 | 400 | 404));
                }
                if let Ok(token) = provider.minted(&reply) {
                    prop_assert!((200..=299).contains(&status));
                    prop_assert!(provider.access(&token).is_some());
                }
                let _ = reply.request_id();
            }
        }
    }

    #[test]
    fn any_id_that_passes_stays_one_segment_below_the_app(text in "\\PC{1,40}|[./%\\\\2eE?#+ ]{1,12}") {
        let sunco = provider(Sunco);
        let Ok(id) = check_id(Sunco)(&text).map(UserId::new) else { return Ok(()); };
        let access = access("https://acme.example/sc");
        let request = sunco.step(&access, Step::DeletePersonalInformation, &id);
        let segments: Vec<&str> = request.url.path_segments().unwrap().collect();
        prop_assert_eq!(&segments[..5], &["sc", "v2", "apps", APP, "users"]);
        prop_assert_eq!(segments[6..].to_vec(), vec!["personalinformation"]);
        let decoded = percent_decode_str(segments[5]).decode_utf8().unwrap();
        prop_assert_eq!(decoded.as_ref(), id.as_str());
        prop_assert_eq!(request.url.host_str(), Some("acme.example"));
        prop_assert_eq!((request.url.query(), request.url.fragment()), (None, None));
    }
}
