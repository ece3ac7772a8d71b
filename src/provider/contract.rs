//! The trait every provider implements, and the values it speaks in.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::{Detail, Reply, Request, Seen, Verdict};
use crate::domain::{ProviderKind, Quota, Step, UserId};

/// A provider, as one account uses it. Pure: see the [module](super) for what it must do.
pub trait Provider: Send + Sync + fmt::Debug {
    /// Which provider this is.
    fn kind(&self) -> ProviderKind;

    /// How requests are authorized.
    fn authorize(&self) -> Authorize;

    /// Who are we: the read that tells the caller and the tenant.
    fn identify(&self, access: &Access) -> Request;

    /// Reads the answer to [`Provider::identify`]. Never `Ok` for an anonymous caller.
    ///
    /// # Errors
    ///
    /// The verdict: [`Verdict::Account`], [`Verdict::Moment`] or [`Verdict::TokenRejected`].
    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict>;

    /// The deleting request of `step` for `id`.
    ///
    /// # Panics
    ///
    /// For a step that none of this provider's actions has, and for an id that
    /// [`check_id`](super::check_id) would refuse and that would change the request's address: better no
    /// request than a wrong one.
    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request;

    /// What the answer to [`Provider::step`] means.
    fn judge(&self, step: Step, id: &UserId, reply: &Reply) -> Verdict;

    /// The read that tells how one user stands.
    fn look(&self, access: &Access, id: &UserId) -> Request;

    /// Reads the answer to [`Provider::look`].
    ///
    /// # Errors
    ///
    /// The verdict: [`Verdict::Account`], [`Verdict::Moment`] or [`Verdict::TokenRejected`].
    fn looked(&self, id: &UserId, reply: &Reply) -> Result<Seen, Verdict>;

    /// Whether a user whom `step` removed is answered as unknown from then on, like one who never
    /// was. Then "no such user" after a request of ours that was never answered is our doing.
    fn unknown_when_gone(&self, step: Step) -> bool;

    /// How roles are asked; `None`: this provider has no cheap read for it.
    fn roles(&self) -> Option<&dyn Roles>;

    /// What the headers of any answer say of limits. `step`: of which request; `None`: a read.
    fn rate_hints(&self, step: Option<Step>, headers: &HeaderMap) -> RateHints;

    /// The request for a token; called only under [`Authorize::Token`].
    fn mint(&self) -> Request;

    /// Reads the answer to [`Provider::mint`].
    ///
    /// # Errors
    ///
    /// Why there is no token, see [`TokenRefused`].
    fn minted(&self, reply: &Reply) -> Result<Token, TokenRefused>;

    /// The access that `token` gives; `None`: it names a place that no token may be sent to. One
    /// that was kept between processes is held to that like a fresh one.
    fn access(&self, token: &Token) -> Option<Access>;
}

/// Who has a role that should not be deleted by a row in a file: asked of many users at once.
pub trait Roles: Send + Sync {
    /// Whether roles are asked before `step`: a user of a protected role could be deleted by it.
    fn asked_before(&self, step: Step) -> bool;

    /// How many users one request can ask for.
    fn users_max(&self) -> usize;

    /// The read that tells the roles of `ids`.
    fn request(&self, access: &Access, ids: &[UserId]) -> Request;

    /// Reads the answer about `ids`: the users of a protected role, with that role. A user it does
    /// not list is of none.
    ///
    /// # Errors
    ///
    /// The verdict: [`Verdict::Account`], [`Verdict::Moment`] or [`Verdict::TokenRejected`]; also
    /// for an answer that lists anybody who is not in `ids`, which is an answer about others.
    fn protected(&self, ids: &[UserId], reply: &Reply) -> Result<Vec<(UserId, String)>, Verdict>;
}

/// How an account's requests are authorized.
#[derive(Debug, Clone)]
pub enum Authorize {
    /// With a header that stays the same.
    Fixed(Access),
    /// With a token that has to be fetched, and again when it ends.
    Token {
        /// How many may be fetched; `None`: the provider states no limit.
        quota: Option<Quota>,
        /// What tells these credentials from others without revealing them, for keeping a token
        /// between processes: a digest over the client and its secrets.
        key: String,
    },
}

/// Where requests go, and with what authorization.
#[derive(Clone)]
pub struct Access {
    /// The base of every URL: scheme, host, port, and a path prefix if there is one.
    pub base: Url,
    /// The authorization header's value, marked sensitive.
    pub authorization: HeaderValue,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

/// A token that was fetched.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token itself.
    pub secret: SecretString,
    /// Where the provider says its API is (Zoho); `None`: at the configured base.
    pub api_base: Option<Url>,
    /// How long it lives, from when it was asked for; `None`: until it is rejected.
    pub expires_in: Option<Duration>,
}

/// Why a token was not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRefused {
    /// The credentials are wrong; asking again changes nothing.
    Rejected(Detail),
    /// The token server's address is wrong, or its answer names a place that the token must not be
    /// sent to.
    Misplaced(Detail),
    /// Too many tokens were asked for, or the server is unwell; ask again later.
    Later(Detail),
}

/// Who the credentials belong to, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What tells this tenant from any other, e.g. `acme.zendesk.com`.
    pub tenant: String,
    /// The caller's user id; `None`: the credentials belong to no user.
    pub caller: Option<UserId>,
    /// The caller's name or the app's, to show; never written to a ledger.
    pub name: Option<String>,
    /// The caller's role in the provider's words.
    pub role: Option<String>,
    /// Leading digits that every id of this org has; `None`: any id may pass.
    pub id_prefix: Option<String>,
    /// What the caller lacks for the actions of this provider, each a sentence; empty: nothing
    /// that could be seen.
    pub lacks: Vec<String>,
}

/// The limits of an account whose configuration states none.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Every request of the account.
    pub requests: Quota,
    /// Limits of single endpoints beside it.
    pub steps: Vec<(Step, Quota)>,
    /// Requests under way at once.
    pub concurrency: u32,
}

/// What the headers of an answer say of limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateHints {
    /// Of the account's limit.
    pub account: Option<RateHint>,
    /// Of the limit of the endpoint that was called.
    pub endpoint: Option<RateHint>,
}

/// What a server says of one limit. `None`: it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateHint {
    /// Requests per span; which span is the provider's matter (Zendesk's account: a minute).
    pub limit: Option<Quota>,
    /// Requests left in the current span.
    pub remaining: Option<u64>,
    /// Until the span begins anew.
    pub resets_in: Option<Duration>,
}

/// A limit that is stated in this program.
///
/// # Panics
///
/// For a limit of none, or over none or too long a time; every caller states a constant.
pub(super) fn quota(requests: u32, span: Duration) -> Quota {
    NonZeroU32::new(requests)
        .and_then(|requests| Quota::try_new(requests, span))
        .expect("a limit stated in the program is one")
}
