//! A provider of the simulation: its pure side.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use userpurge::domain::{ProviderKind, Quota, Said, Step, StopKind, UserId, UserState};
use userpurge::provider::{
    Access, Authorize, Bulk, Identity, LookupFor, Provider, RateHint, RateHints, Reply, Request,
    RowEnd, Scope, Token, Transient, UserLookup, Verdict,
};

/// The pure side.
#[derive(Debug)]
pub(super) struct FakeProvider {
    pub(super) tokens: bool,
    /// How many tokens there are; `None`: they count like all requests.
    pub(super) token_quota: Option<Quota>,
}

fn base() -> Access {
    Access {
        base: Url::parse("http://127.0.0.1/").unwrap(),
        authorization: HeaderValue::from_static("fixed"),
    }
}

fn at(access: &Access, path: &str) -> Request {
    Request::new(Method::DELETE, access.base.join(path).unwrap())
        .authorized(access.authorization.clone())
}

impl Provider for FakeProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Zendesk
    }

    fn authorize(&self) -> Authorize {
        if self.tokens {
            Authorize::Token {
                quota: self.token_quota,
                first: None,
                key: String::new(),
            }
        } else {
            Authorize::Fixed(base())
        }
    }

    fn identify(&self, access: &Access) -> Request {
        at(access, "identity/me")
    }

    fn identified(&self, _: &Access, _: &Reply) -> Result<Identity, Verdict> {
        unreachable!()
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        at(access, &format!("{step}/{id}"))
    }

    fn judge(&self, _: Step, _: &UserId, reply: &Reply) -> Verdict {
        let none = Said::default();
        let wait = || {
            reply
                .header("retry-after")
                .and_then(|it| it.parse().ok())
                .map(Duration::from_secs)
        };
        match reply.status {
            200 => Verdict::Row(RowEnd::Deleted, none),
            203 => Verdict::Transient(Transient::Unrecognised, none),
            401 => Verdict::TokenRejected(none),
            403 => Verdict::Account(StopKind::NotPermitted, none),
            404 => Verdict::Row(RowEnd::NotFound, none),
            410 => Verdict::Row(RowEnd::AlreadyGone, none),
            422 => Verdict::Look(RowEnd::Refused, none),
            429 => Verdict::Transient(
                Transient::Throttled {
                    scope: match reply.header("x-at-once") {
                        Some(_) => Scope::Concurrency,
                        None => Scope::Account,
                    },
                    wait: wait(),
                },
                none,
            ),
            _ => Verdict::Transient(Transient::ServerError { wait: None }, none),
        }
    }

    fn lookup_before(&self, _: Step) -> Option<LookupFor> {
        None
    }

    fn lookup_max(&self, purpose: LookupFor) -> usize {
        match purpose {
            LookupFor::Verification => 10,
            LookupFor::UnclearAnswer | LookupFor::CloserVerification => 1,
            _ => 0,
        }
    }

    fn lookup(&self, access: &Access, purpose: LookupFor, ids: &[UserId]) -> Request {
        let what = match purpose {
            LookupFor::UnclearAnswer => "look",
            _ => "stands",
        };
        let ids: Vec<&str> = ids.iter().map(UserId::as_str).collect();
        at(access, &format!("{what}/{}", ids.join(",")))
    }

    fn states_of(&self, asked: &UserLookup<'_>, reply: &Reply) -> Result<Vec<UserState>, Verdict> {
        let UserLookup { purpose, ids, .. } = *asked;
        let detail = Said::default();
        let (scope, wait) = (Scope::Account, None);
        match (reply.status, purpose) {
            (200, LookupFor::UnclearAnswer) => {
                return Ok(vec![UserState::Active { role: None }]);
            }
            (410, LookupFor::UnclearAnswer) => return Ok(vec![UserState::Gone]),
            (200, _) => {}
            (401, _) => return Err(Verdict::TokenRejected(detail)),
            (403, _) => return Err(Verdict::Account(StopKind::NotPermitted, detail)),
            (429, _) => {
                return Err(Verdict::Transient(
                    Transient::Throttled { scope, wait },
                    detail,
                ));
            }
            _ => {
                return Err(Verdict::Transient(
                    Transient::ServerError { wait: None },
                    detail,
                ));
            }
        }
        let here = String::from_utf8(reply.body.to_vec()).unwrap();
        let state = |id: &UserId| {
            if here.split(',').any(|it| it == id.as_str()) {
                UserState::Active { role: None }
            } else {
                UserState::NotListed
            }
        };
        Ok(ids.iter().map(state).collect())
    }

    fn unknown_when_gone(&self, _: Step) -> bool {
        false
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        None
    }

    fn rate_hints(&self, _: Option<Step>, headers: &HeaderMap) -> RateHints {
        let account = headers.get("x-limit").map(|limit| RateHint {
            limit: limit.to_str().ok().and_then(|it| it.parse().ok()),
            ..RateHint::default()
        });
        RateHints {
            account,
            ..RateHints::default()
        }
    }

    fn mint(&self, _refresh: Option<&secrecy::SecretString>) -> Request {
        at(&base(), "token")
    }

    fn minted(&self, reply: &Reply) -> Result<Token, Verdict> {
        if reply.status != 200 {
            let later = Transient::ServerError { wait: None };
            return Err(Verdict::Transient(later, Said::default()));
        }
        let secret = String::from_utf8(reply.body.to_vec()).unwrap();
        Ok(Token {
            secret: SecretString::from(secret),
            api_base: None,
            refresh: None,
            expires_in: None,
        })
    }

    fn access(&self, token: &Token) -> Option<Access> {
        let authorization = HeaderValue::from_str(token.secret.expose_secret()).unwrap();
        Some(Access {
            authorization,
            ..base()
        })
    }
}
