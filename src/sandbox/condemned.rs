//! What a provider says that condemns a whole account in mid-run: the answer to one request, which
//! changes nothing. Planned for one user, it comes at a known row, and the next request fares well:
//! the cause is mended.

use std::time::Duration;

use serde_json::json;

use super::auth::Presented;
use super::faults::Fault;
use super::message::{Reply, Request};
use super::sunco::Conversations;
use super::zendesk::answers as zendesk;
use super::zoho::answers as zoho;
use crate::domain::ProviderKind;

/// What [`Fault::LongWait`] asks for: most of a day, as a daily quota would.
const LONG_WAIT: Duration = Duration::from_hours(20);

/// What `provider` answers to `request` when `fault` befalls it; `None`: it condemns nobody.
pub(super) fn answer(provider: ProviderKind, fault: Fault, request: &Request) -> Option<Reply> {
    Some(match fault {
        Fault::Unauthorized => unauthorized(provider, request),
        Fault::Forbidden => forbidden(provider),
        Fault::Payment => payment(provider),
        Fault::WrongPath => wrong_path(provider),
        Fault::LongWait => long_wait(provider),
        Fault::Error500
        | Fault::Error503
        | Fault::Throttle
        | Fault::Html
        | Fault::Reset
        | Fault::ResetAfter
        | Fault::Cut
        | Fault::Slow
        | Fault::WrongId => return None,
    })
}

fn unauthorized(provider: ProviderKind, request: &Request) -> Reply {
    match (provider, Presented::of(request)) {
        (ProviderKind::Zendesk, Presented::Bearer(_)) => zendesk::bad_token(),
        (
            ProviderKind::Zendesk,
            Presented::Basic { .. } | Presented::Zoho(_) | Presented::Nothing,
        ) => zendesk::unauthenticated(),
        (ProviderKind::Sunco, _) => {
            Conversations::error(401, "unauthorized", "Authorization is required")
        }
        (ProviderKind::Zoho, _) => zoho::bad_token(),
    }
}

fn forbidden(provider: ProviderKind) -> Reply {
    match provider {
        ProviderKind::Zendesk => zendesk::forbidden(),
        ProviderKind::Sunco => Conversations::error(403, "forbidden", "Forbidden"),
        ProviderKind::Zoho => zoho::no_permission("Crm_Implied_Manage_Users"),
    }
}

/// Only Sunshine Conversations documents it; the others' bodies are made up in their form.
fn payment(provider: ProviderKind) -> Reply {
    match provider {
        ProviderKind::Zendesk => zendesk::error(402, "PaymentRequired", "Payment required"),
        ProviderKind::Sunco => {
            Conversations::error(402, "payment_required", "Upgrade to use this feature")
        }
        ProviderKind::Zoho => {
            zoho::Verdict::top(402, "PAYMENT_REQUIRED", "payment required", json!({})).reply()
        }
    }
}

fn wrong_path(provider: ProviderKind) -> Reply {
    match provider {
        ProviderKind::Zendesk => zendesk::no_endpoint(),
        ProviderKind::Sunco => Conversations::error(404, "app_not_found", "App not found"),
        ProviderKind::Zoho => zoho::no_path(),
    }
}

fn long_wait(provider: ProviderKind) -> Reply {
    let reply = match provider {
        ProviderKind::Zendesk => zendesk::error(
            429,
            "APIRateLimitExceeded",
            "Number of allowed API requests per day exceeded",
        ),
        ProviderKind::Sunco => Conversations::throttled(),
        ProviderKind::Zoho => zoho::no_credits(),
    };
    reply.with("retry-after", LONG_WAIT.as_secs().to_string())
}

#[cfg(test)]
mod tests {
    use super::{Fault, ProviderKind, Request, answer};

    #[test]
    fn every_condemnation_has_its_status_and_changes_nothing() {
        let request = Request::new("DELETE", "/api/v2/users/7");
        for fault in Fault::ALL {
            let status = match fault {
                Fault::Unauthorized => Some(401),
                Fault::Forbidden => Some(403),
                Fault::Payment => Some(402),
                Fault::WrongPath => Some(404),
                Fault::LongWait => Some(429),
                _ => None,
            };
            for provider in ProviderKind::ALL {
                let reply = answer(provider, fault, &request);
                assert_eq!(
                    reply.as_ref().map(|reply| reply.status),
                    status,
                    "{fault:?}"
                );
                assert!(reply.is_none_or(|reply| !reply.effect));
            }
        }
    }
}
