//! The common form of a token endpoint's answer, RFC 6749 section 5.

use std::time::Duration;

use secrecy::SecretString;

use super::body::{Body, Object, text};
use super::{Detail, Reply, TokenRefused};
use crate::domain::Quota;

/// The longest life of a token taken; one that claims more is asked for anew by then.
const LIFE_MAX: Duration = Quota::SPAN_MAX;

/// The longest token taken. It stands in a header of every request, and servers take some 8 kB of
/// all headers together.
const TOKEN_BYTES_MAX: usize = 4_096;

/// The access token in `answer`; `None`: there is none, or none that can stand in a header.
pub(super) fn access_token(answer: &Object) -> Option<SecretString> {
    text(answer, "access_token")
        .filter(|token| (1..=TOKEN_BYTES_MAX).contains(&token.len()))
        .filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(SecretString::from)
}

/// How long the token lives by the field `name`, a number of seconds or a text of one.
pub(super) fn life_secs(answer: &Object, name: &str) -> Option<Duration> {
    let value = answer.get(name)?;
    let secs = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    Some(Duration::from_secs(secs).min(LIFE_MAX))
}

/// What an answer without a token says: `error` and `error_description`; `None`: neither.
pub(super) fn refusal(answer: &Object) -> Option<Detail> {
    let message = ["error_description", "description", "message"]
        .into_iter()
        .find_map(|name| text(answer, name));
    let said = Detail::said(text(answer, "error"), message);
    (!said.is_empty()).then_some(said)
}

/// The words for an answer in JSON that says neither token nor error: it is no provider's.
pub(super) fn neither(reply: &Reply) -> TokenRefused {
    TokenRefused::Later(Detail::ours(
        "no_token",
        format!(
            "HTTP {} with JSON that holds neither a token nor an error",
            reply.status
        ),
    ))
}

/// What a redirect means, whatever it says beside; `None`: it is none.
pub(super) fn redirected(reply: &Reply) -> Option<TokenRefused> {
    matches!(reply.status, 300..=399).then(|| {
        TokenRefused::Misplaced(Detail::ours(
            "redirect",
            "the token address redirects, which it never does; look at the address in the settings",
        ))
    })
}

/// What an answer means that is no JSON object: only addresses that do not exist stay as they
/// are, everything else passes.
pub(super) fn no_object(reply: &Reply, body: &Body<'_>) -> TokenRefused {
    match reply.status {
        404 | 405 | 410 => TokenRefused::Misplaced(Detail::ours(
            "no_token_endpoint",
            format!(
                "HTTP {} from the token address; look at the address in the settings",
                reply.status
            ),
        )),
        401 | 403 if !matches!(body, Body::Markup) => TokenRefused::Rejected(Detail::ours(
            "token_refused",
            format!(
                "HTTP {} from the token address, without a word why",
                reply.status
            ),
        )),
        status => TokenRefused::Later(Detail::ours(
            "no_token",
            format!("HTTP {status} from the token address, with something that is not its JSON"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::{TOKEN_BYTES_MAX, access_token};

    #[rstest]
    #[case("1000.abc", true)]
    #[case(&"a".repeat(TOKEN_BYTES_MAX), true)]
    #[case(&"a".repeat(TOKEN_BYTES_MAX + 1), false)]
    #[case("", false)]
    #[case("a b", false)]
    #[case("a\r\nx: y", false)]
    #[case("ä", false)]
    fn a_token_is_what_can_stand_in_a_header(#[case] token: &str, #[case] fit: bool) {
        let answer = json!({"access_token": token});
        assert_eq!(access_token(answer.as_object().unwrap()).is_some(), fit);
    }
}
