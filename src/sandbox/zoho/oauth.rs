//! Zoho's accounts server: access tokens for a refresh token.

use std::time::Duration;

use serde_json::{Value, json};

use super::answers::json_reply;
use crate::domain::Time;
use crate::sandbox::message::{Reply, Request, find};
use crate::sandbox::options::Credentials;
use crate::sandbox::settings::Settings;
use crate::sandbox::tokens::Tokens;
use crate::sandbox::window::{Window, scaled};

/// Hands out access tokens and knows which live.
#[derive(Debug)]
pub(super) struct Accounts {
    tokens: Tokens,
    minted: Window,
}

impl Accounts {
    /// How many access tokens of a refresh token live at once; one more kills the oldest
    /// (<https://www.zoho.com/crm/developer/docs/api/v8/token-validity.html>).
    const LIVE_MAX: usize = 15;
    /// How long a token lives by what is said of it.
    const LIFE: Duration = Duration::from_hours(1);

    /// No tokens yet.
    pub(super) fn new(tenant: &str, settings: &Settings) -> Self {
        let quota = scaled(settings.zoho.token_quota, settings.scale_limits);
        Self {
            tokens: Tokens::new(&format!("zoho {tenant}"), Self::LIVE_MAX),
            minted: Window::new(quota, settings.quota_mode),
        }
    }

    /// Goes by other settings from now on.
    pub(super) fn configure(&mut self, settings: &Settings) {
        let quota = scaled(settings.zoho.token_quota, settings.scale_limits);
        self.minted.configure(quota, settings.quota_mode);
    }

    /// Whether `token` lives at `now`.
    pub(super) fn knows(&self, token: &str, now: Time) -> bool {
        self.tokens.scope(token, now).is_some()
    }

    /// `POST /oauth/v2/token`, its parameters in a form body or in the query.
    pub(super) fn token(
        &mut self,
        request: &Request,
        credentials: &Credentials,
        settings: &Settings,
        now: Time,
    ) -> Reply {
        let form = request.form();
        let given = |name| find(&form, name).or_else(|| request.query(name));
        // Errors come with status 200.
        let refused = |error: &str| json_reply(200, &json!({"error": error}));
        if given("client_id") != Some(credentials.zoho_client_id.as_str()) {
            return refused("invalid_client");
        }
        if given("client_secret") != Some(credentials.zoho_client_secret.as_str()) {
            return refused("invalid_client_secret");
        }
        if given("grant_type") != Some("refresh_token") {
            return refused("unsupported_grant_type");
        }
        if given("refresh_token") != Some(credentials.zoho_refresh_token.as_str()) {
            return refused("invalid_code");
        }
        if self.minted.take(now).is_err() {
            return throttled();
        }
        let life = settings.token_lifetime.map_or(Self::LIFE, |span| span.0);
        let token = self
            .tokens
            .mint("1000.", &settings.zoho.scopes.join(","), now, life);
        let body: Value = json!({
            "access_token": token,
            "api_domain": request.base_url,
            "token_type": "Bearer",
            "expires_in": Self::LIFE.as_secs(),
        });
        json_reply(200, &body)
    }
}

/// What a refresh token used too often answers: status 400, and no word of a limit in `error`.
fn throttled() -> Reply {
    json_reply(
        400,
        &json!({
            "error_description": "You have made too many requests continuously. Please try again \
                                  after some time.",
            "error": "Access Denied",
            "status": "failure",
        }),
    )
}
