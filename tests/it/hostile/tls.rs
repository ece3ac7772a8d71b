//! TLS that does not fit, or breaks off.

use std::net::SocketAddr;
use std::sync::Arc;

use rstest::rstest;
use rustls::ServerConfig;

use super::{First, LEDGER, honest};
use crate::support::certificates::{Authority, Flaw};
use crate::support::raw::{After, Heard, Raw, Wire};
use crate::support::usual::RUN;
use crate::support::{Done, World, ids, piped};

/// A sandbox for Zendesk users 1 to 3 behind a server that speaks TLS.
struct Secure {
    world: World,
    front: Raw,
}

impl Secure {
    fn new(
        tls: impl FnOnce(&Authority) -> Vec<Arc<ServerConfig>>,
        answer: impl Fn(&Heard, &mut Wire, SocketAddr) -> After + Send + Sync + 'static,
    ) -> Self {
        let world = World::of_users(3);
        let authority = Authority::new();
        authority.save(&world.path("authority.pem"));
        let sandbox = world.sandbox().addr();
        let front = Raw::start_with(tls(&authority), move |heard, wire| {
            answer(heard, wire, sandbox)
        });
        world.ask_at(&front.base());
        Self { world, front }
    }

    fn run(&self) -> Done {
        let how = ["--concurrency", "1", "--progress", "none"];
        let mut command = self.world.command(&[&RUN[..], &how].concat());
        command.env("SSL_CERT_FILE", self.world.path("authority.pem"));
        self.world.finish(piped(&mut command))
    }

    fn ends(&self) -> Vec<String> {
        let outcomes = self.world.outcomes(LEDGER);
        let told = |entry: &serde_json::Value| {
            let settled = if entry["settled"] == true { "+" } else { "" };
            format!("{}{settled}", entry["outcome"].as_str().unwrap())
        };
        outcomes.values().map(told).collect()
    }
}

const HOME: &str = "127.0.0.1";

#[test]
fn a_certificate_that_fits_is_trusted() {
    let tls = |authority: &Authority| vec![authority.server(HOME, Flaw::None, &["http/1.1"])];
    let secure = Secure::new(tls, honest);
    secure.run().code(0);
    assert_eq!(secure.ends(), ["deleted"; 3]);
}

#[rstest]
#[case(HOME, Flaw::SelfSigned)]
#[case(HOME, Flaw::Expired)]
#[case(HOME, Flaw::NotYet)]
#[case("other.example", Flaw::None)]
#[case("127.0.0.2", Flaw::None)]
fn a_certificate_that_does_not_fit_ends_it_before_anything_is_said(
    #[case] name: &'static str,
    #[case] flaw: Flaw,
) {
    let tls = move |authority: &Authority| vec![authority.server(name, flaw, &[])];
    let secure = Secure::new(tls, honest);
    secure.run().code(2).says("certificate cannot be trusted");
    assert!(secure.front.heard().is_empty(), "not a byte of a request");
    assert_eq!(secure.front.connections(), 1, "no second try");
    assert!(!secure.world.path(LEDGER).exists());
}

#[test]
fn an_authority_that_nobody_knows_is_not_trusted() {
    let stranger = |_: &Authority| vec![Authority::new().server(HOME, Flaw::None, &[])];
    let secure = Secure::new(stranger, honest);
    secure.run().code(2).says("certificate cannot be trusted");
    assert!(secure.front.heard().is_empty());
}

/// From the first deletion on, every new connection shows a certificate that has run out.
#[test]
fn a_certificate_that_stops_fitting_stops_the_account() {
    let tls = |authority: &Authority| {
        vec![
            authority.server(HOME, Flaw::None, &[]),
            authority.server(HOME, Flaw::Expired, &[]),
        ]
    };
    let first = First::default();
    let secure = Secure::new(tls, move |heard, wire, sandbox| {
        let after = honest(heard, wire, sandbox);
        if heard.is_deletion() && first.is("any") {
            return After::Close;
        }
        after
    });
    secure.run().code(3).says("certificate").says("resume");
    assert_eq!(secure.ends(), ["deleted"], "the others are pending");
    assert_eq!(secure.world.status(LEDGER)["outcomes"]["pending"], 2);
    assert_eq!(secure.world.deletions().len(), 1);
}

/// Waiting for a token server that nobody may trust would only look like patience.
#[test]
fn a_token_servers_certificate_counts_as_much() {
    let tls = |authority: &Authority| vec![authority.server(HOME, Flaw::Expired, &[])];
    let secure = Secure::new(tls, honest);
    let credentials = "email = \"ops@acme.example\"\napi_token = \"sandbox-token\"";
    let client = "client_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"";
    let config = secure.world.config().replace(credentials, client);
    let config = config.replace(&secure.world.base(), &secure.front.base());
    secure.world.configure(&config);
    secure.run().code(2).says("certificate cannot be trusted");
    assert!(secure.front.heard().is_empty());
}

/// How an answer over TLS ends too early.
#[derive(Debug, Clone, Copy)]
enum Early {
    /// Without an answer.
    Nothing,
    /// In the middle of a body whose length is known.
    Middle,
    /// A whole body whose end is only the connection's, and that is not said in TLS: anybody on
    /// the way could have cut it there.
    Unsaid,
}

#[rstest]
fn a_connection_that_ends_without_a_word_confirms_nothing(
    #[values(Early::Nothing, Early::Middle, Early::Unsaid)] early: Early,
) {
    let tls = |authority: &Authority| vec![authority.server(HOME, Flaw::None, &[])];
    let first = First::default();
    let secure = Secure::new(tls, move |heard, wire, sandbox| {
        if !heard.is_deletion() || !first.is(heard.user()) {
            return honest(heard, wire, sandbox);
        }
        let whole = heard.carry(sandbox);
        let at = whole
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap()
            + 4;
        match early {
            Early::Nothing => true,
            Early::Middle => wire.send(&whole[..whole.len() - 1]),
            Early::Unsaid => wire.send([b"HTTP/1.1 200 OK\r\n\r\n", &whole[at..]].concat()),
        };
        After::Close
    });
    secure.run().code(0);
    assert_eq!(secure.ends(), ["deleted+"; 3]);
}

#[test]
fn an_end_that_is_said_and_a_length_that_is_kept_are_whole_answers() {
    let tls = |authority: &Authority| vec![authority.server(HOME, Flaw::None, &[])];
    let secure = Secure::new(
        tls,
        |heard: &Heard, wire: &mut Wire, sandbox: SocketAddr| {
            let whole = heard.carry(sandbox);
            if heard.is_deletion() && heard.user() == "1" {
                let at = whole
                    .windows(4)
                    .position(|four| four == b"\r\n\r\n")
                    .unwrap()
                    + 4;
                wire.send([b"HTTP/1.1 200 OK\r\n\r\n", &whole[at..]].concat());
                wire.close_notify();
            } else {
                wire.send(whole);
            }
            After::Close
        },
    );
    secure.run().code(0);
    assert_eq!(secure.ends(), ["deleted"; 3]);
}

/// HTTP/2 lets a server say that it has not touched a request. Whether that is to be believed is
/// the row's business, under its quota and with its intent, not a library's.
#[test]
fn a_refused_stream_is_not_sent_again_behind_the_ledgers_back() {
    const REFUSED: u8 = 7;
    let tls = |authority: &Authority| vec![authority.server(HOME, Flaw::None, &["h2"])];
    let world = World::new();
    let authority = Authority::new();
    authority.save(&world.path("authority.pem"));
    let asked = Arc::new(std::sync::Mutex::new(0));
    let counted = Arc::clone(&asked);
    // The preface reads like a request for `*`; what follows are frames.
    let front = Raw::start_with(tls(&authority), move |heard, wire| {
        assert_eq!((heard.method.as_str(), heard.target.as_str()), ("PRI", "*"));
        wire.send([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        let mut bytes = heard.body.clone();
        while let Some(more) = wire.read(4_096) {
            bytes.extend(more);
            // The first bytes are the rest of the preface: `SM` and two line ends.
            let mut at = 6;
            let mut streams = Vec::new();
            while bytes.len() >= at + 9 {
                let size = u32::from_be_bytes([0, bytes[at], bytes[at + 1], bytes[at + 2]]);
                let stream: [u8; 4] = bytes[at + 5..at + 9].try_into().unwrap();
                if bytes[at + 3] == 1 {
                    streams.push(stream);
                }
                at += 9 + size as usize;
            }
            let mut counted = counted.lock().unwrap();
            for stream in streams.iter().skip(*counted) {
                wire.send([&[0, 0, 4, 3, 0][..], stream, &[0, 0, 0, REFUSED]].concat());
            }
            *counted = streams.len();
        }
        After::Close
    });
    world.ask_at(&front.base());
    world.write("users.csv", ids(1..=1));
    let mut command = world.command(&[&RUN[..], &["--attempts", "1"]].concat());
    command.env("SSL_CERT_FILE", world.path("authority.pem"));
    world.finish(piped(&mut command)).code(2);
    assert_eq!(*asked.lock().unwrap(), 1);
}
