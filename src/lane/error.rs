//! Why a request brought nothing, in words for the person who waits for it.

use thiserror::Error;

use crate::domain::StopKind;
use crate::provider::Detail;

/// Why a read brought nothing, or a lane cannot go on.
#[derive(Debug, Clone, Error)]
pub enum RequestError {
    /// The run is stopping.
    #[error("the run is stopping")]
    Stopping,
    /// The account is condemned.
    #[error("{}", told(*.reason, detail))]
    Account {
        /// Why.
        reason: StopKind,
        /// The HTTP status that said so.
        status: Option<u16>,
        /// The provider's words.
        detail: Detail,
    },
    /// Every attempt at a read met a passing error.
    #[error("{attempts} attempts failed, the last with {}", brief(.class, *.status, detail))]
    Passing {
        /// How many attempts were made.
        attempts: u32,
        /// The stable word for the last error.
        class: &'static str,
        /// The last HTTP status; `None`: no answer came.
        status: Option<u16>,
        /// The provider's words, or the network's.
        detail: Detail,
    },
}

impl RequestError {
    /// The account is condemned for `reason`, as an answer of `status` says.
    pub(super) const fn account(reason: StopKind, status: Option<u16>, detail: Detail) -> Self {
        Self::Account {
            reason,
            status,
            detail,
        }
    }
}

fn told(reason: StopKind, detail: &Detail) -> String {
    let words = [detail.code.as_deref(), detail.message.as_deref()];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    if words.is_empty() {
        reason.told().to_owned()
    } else {
        format!("{}: {}", reason.told(), words.join(": "))
    }
}

fn brief(class: &str, status: Option<u16>, detail: &Detail) -> String {
    let mut text = status.map_or_else(|| class.to_owned(), |status| format!("{class} ({status})"));
    if let Some(message) = &detail.message {
        text.push_str(": ");
        text.push_str(message);
    }
    text
}
