//! Credentials as requests carry them. Judges none of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::message::Request;

/// What an `Authorization` header holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// No header, or one of a scheme that is not known here.
    Nothing,
    /// `Basic`, taken apart at the first colon.
    Basic {
        /// The part before the colon.
        user: String,
        /// The part after it.
        password: String,
    },
    /// `Bearer`.
    Bearer(String),
    /// `Zoho-oauthtoken`.
    Zoho(String),
}

impl Presented {
    /// What `request` shows.
    pub(super) fn of(request: &Request) -> Self {
        let Some((scheme, rest)) = request
            .header("authorization")
            .and_then(|value| value.split_once(' '))
        else {
            return Self::Nothing;
        };
        let rest = rest.trim();
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => Self::basic(rest).unwrap_or(Self::Nothing),
            "bearer" => Self::Bearer(rest.to_owned()),
            "zoho-oauthtoken" => Self::Zoho(rest.to_owned()),
            _ => Self::Nothing,
        }
    }

    fn basic(encoded: &str) -> Option<Self> {
        let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (user, password) = pair.split_once(':')?;
        Some(Self::Basic {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Presented;
    use crate::sandbox::message::Request;

    #[test]
    fn basic_is_taken_apart_at_the_first_colon() {
        let request = Request::new("GET", "/").basic("ops@acme.example/token", "a:b");
        assert_eq!(
            Presented::of(&request),
            Presented::Basic {
                user: "ops@acme.example/token".to_owned(),
                password: "a:b".to_owned(),
            }
        );
    }

    #[rstest]
    #[case("Bearer abc", Presented::Bearer("abc".to_owned()))]
    #[case("bearer abc", Presented::Bearer("abc".to_owned()))]
    #[case("Zoho-oauthtoken 1000.x", Presented::Zoho("1000.x".to_owned()))]
    #[case("Basic !!!", Presented::Nothing)]
    #[case("Digest x", Presented::Nothing)]
    #[case("Bearer", Presented::Nothing)]
    fn schemes_are_told_apart(#[case] header: &str, #[case] shown: Presented) {
        let request = Request::new("GET", "/").with("authorization", header);
        assert_eq!(Presented::of(&request), shown);
    }
}
