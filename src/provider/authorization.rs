//! Authorization headers, marked sensitive, and what tells credentials apart without showing them.

use ::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::BuildError;

/// Refuses a setting that would make a broken header or a broken request: an empty one, or one
/// with blanks, line ends or other characters that no provider's credentials have.
///
/// # Errors
///
/// [`BuildError::Setting`], naming `setting` and never its value.
pub(super) fn check_plain(setting: &'static str, value: &str) -> Result<(), BuildError> {
    let problem = if value.is_empty() {
        "is empty"
    } else if value.chars().any(char::is_whitespace) {
        "holds a blank or a line end; copy it again without"
    } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        "holds a character that is not printable ASCII; copy it again"
    } else {
        return Ok(());
    };
    Err(BuildError::Setting { setting, problem })
}

/// `Basic` with this name and password.
pub(super) fn basic(name: &str, password: &SecretString) -> HeaderValue {
    let pair = format!("{name}:{}", password.expose_secret());
    // Base64 is always a header value, so this never is the empty one.
    sensitive(&format!("Basic {}", STANDARD.encode(pair))).unwrap_or(EMPTY)
}

/// `scheme` with this token. A token that cannot stand in a header gives an empty header, which
/// every server rejects like a wrong token.
pub(super) fn token(scheme: &str, token: &SecretString) -> HeaderValue {
    sensitive(&format!("{scheme} {}", token.expose_secret())).unwrap_or(EMPTY)
}

/// A digest that tells one set of credentials from any other, in hexadecimal.
pub(super) fn digest(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("userpurge 2026 credentials of a token");
    for part in parts {
        // The length first, so that no two lists run together alike.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

const EMPTY: HeaderValue = HeaderValue::from_static("");

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{basic, check_plain, digest, token};

    #[test]
    fn headers_are_built_and_never_shown() {
        let header = basic("ops@acme.example/token", &"s3cret".into());
        assert_eq!(header, "Basic b3BzQGFjbWUuZXhhbXBsZS90b2tlbjpzM2NyZXQ=");
        assert!(header.is_sensitive());
        let header = token("Bearer", &"s3cret".into());
        assert_eq!(header, "Bearer s3cret");
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert_eq!(token("Bearer", &"s3\ncret".into()), "");
    }

    #[rstest]
    #[case("1000.abc-DEF_~+/=", true)]
    #[case("", false)]
    #[case("a b", false)]
    #[case("a\n", false)]
    #[case("ä", false)]
    fn a_credential_is_printable_ascii_without_blanks(#[case] value: &str, #[case] fit: bool) {
        assert_eq!(check_plain("client_id", value).is_ok(), fit);
    }

    #[test]
    fn digests_differ_also_where_parts_run_together_alike() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["ab", "c"]), digest(&["ab", "c"]));
        assert_eq!(digest(&[]).len(), 64);
    }
}
