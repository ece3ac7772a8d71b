//! A redirect is never followed, neither with a deletion nor with a question or a request for a
//! token, and no credentials are shown to another host.

use rstest::rstest;
use serde_json::json;

use crate::support::World;
use crate::support::raw::{After, Heard, Raw, answer};
use crate::support::usual::{self, LEDGER};

/// Which request is redirected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Identity,
    Roles,
    Deletion,
    Look,
    Token,
}

impl Asked {
    fn is(self, heard: &Heard) -> bool {
        match self {
            Self::Identity => heard.is_identity(),
            Self::Roles => heard.is_roles(),
            Self::Deletion => heard.is_deletion(),
            Self::Look => heard.is_look(),
            Self::Token => heard.is_token(),
        }
    }
}

/// Where it points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// Another host, which would say yes to everything.
    Elsewhere,
    /// The same host, another path.
    OtherPath,
    /// Nowhere: no `Location` at all.
    Nowhere,
}

/// Acme's Zendesk and Zoho behind a server that redirects what is asked, `status` and a body in
/// the provider's own form with it.
fn run(asked: Asked, status: &str, to: To) -> (World, Raw, Raw, crate::support::Done) {
    let world = World::new();
    world.wide();
    let zoho = asked == Asked::Token;
    let (account, id) = if zoho {
        ("crm", "5725767000000412001")
    } else {
        ("acme", "1001")
    };
    world.seed(json!({"zendesk": [{"id": "1001"}], "zoho": [{"id": "5725767000000412001"}]}));
    let sandbox = world.sandbox().addr();
    let elsewhere = Raw::start(move |heard, wire| {
        wire.send(heard.carry(sandbox));
        After::Keep
    });
    let location = match to {
        To::Elsewhere => format!("location: {}/api/v2/users/1001", elsewhere.base()),
        To::OtherPath => "location: /api/v2/users/me".to_owned(),
        To::Nowhere => "x: y".to_owned(),
    };
    let status = format!("{status} Moved");
    let front = Raw::start(move |heard, wire| {
        // A look follows only where the deletion's answer leaves something open.
        if asked == Asked::Look && heard.is_deletion() {
            return After::Reset;
        }
        if !asked.is(heard) {
            wire.send(heard.carry(sandbox));
            return After::Keep;
        }
        let body = if heard.is_token() {
            json!({"access_token": "1000.x", "api_domain": "https://www.zohoapis.com"})
        } else {
            json!({"user": {"id": 1001, "active": false, "role": "admin"}})
        };
        wire.send(answer(&status, &[&location], body.to_string()));
        After::Keep
    });
    world.ask_at(&front.base());
    world.write("users.csv", format!("id\n{id}\n"));
    let run = usual::run("users.csv", account, "delete");
    let done = world.call(&[&run[..], &["--attempts", "1"]].concat());
    (world, front, elsewhere, done)
}

#[rstest]
fn a_redirect_stops_the_account_and_is_not_followed(
    #[values(Asked::Roles, Asked::Deletion, Asked::Look)] asked: Asked,
    #[values(
        ("301", To::Elsewhere),
        ("302", To::Elsewhere),
        ("303", To::Elsewhere),
        ("307", To::Elsewhere),
        ("308", To::Elsewhere),
        ("307", To::OtherPath),
        ("300", To::Nowhere)
    )]
    (status, to): (&str, To),
) {
    let (world, front, elsewhere, done) = run(asked, status, to);
    done.code(3).says("redirects").says("resume");
    let state = world.status(LEDGER);
    assert_eq!(
        (&state["state"], &state["outcomes"]["pending"]),
        (&json!("stopped"), &json!(1))
    );
    assert_eq!(elsewhere.connections(), 0);
    assert_eq!(world.deletions().len(), 0);
    let asked = front.heard().iter().filter(|it| asked.is(it)).count();
    assert_eq!(asked, 1, "nor is it asked again");
}

#[rstest]
fn a_redirect_before_anything_was_sent_ends_the_run(
    #[values(Asked::Identity, Asked::Token)] asked: Asked,
    #[values(
        ("301", To::Elsewhere),
        ("302", To::Elsewhere),
        ("303", To::Elsewhere),
        ("307", To::Elsewhere),
        ("308", To::Elsewhere),
        ("302", To::OtherPath),
        ("304", To::Nowhere)
    )]
    (status, to): (&str, To),
) {
    let (world, front, elsewhere, done) = run(asked, status, to);
    done.code(2).says("redirects");
    assert!(!world.path(LEDGER).exists());
    assert_eq!(elsewhere.connections(), 0);
    assert_eq!(front.heard().iter().filter(|it| asked.is(it)).count(), 1);
}
