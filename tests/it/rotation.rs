//! Zendesk's refresh tokens, of which each use makes the old pair void: the new one is on disk before
//! anything is sent with it, one process has it at a time, and what a crash leaves is said.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use userpurge::sandbox::Call;

use crate::support::World;
use crate::support::raw::{After, Raw, answer};
use crate::support::usual::{LEDGER, RUN};

const ROWS: u64 = 40;

/// Users whom an account with these two tokens deletes.
fn world(access: &str, refresh: &str) -> World {
    let world = World::of_users(ROWS);
    pair(&world, &world.base(), access, refresh);
    world
}

/// Has the account use this pair, at this address.
fn pair(world: &World, base: &str, access: &str, refresh: &str) {
    world.configure(&format!(
        "[accounts.acme]\nprovider = \"zendesk\"\nbase_url = \"{base}\"\noauth_token = \"{access}\"\n\
         refresh_token = \"{refresh}\"\nclient_id = \"sandbox-client\"\n\
         client_secret = \"sandbox-secret\"\n[accounts.acme.limits]\nrequests = \"100000/1s\"\n\
         permanently-delete = \"100000/1s\"\n"
    ));
}

fn folder(world: &World) -> PathBuf {
    world.path(".local/state/userpurge/tokens")
}

/// The one file with a pair; `None`: there is none.
fn kept(folder: &Path) -> Option<(PathBuf, Value)> {
    let files = fs::read_dir(folder).ok()?;
    let mut paths = files.map(|file| file.unwrap().path());
    let path = paths.find(|path| path.extension().is_some_and(|it| it == "json"))?;
    let text = fs::read_to_string(&path).ok()?;
    Some((path, serde_json::from_str(&text).ok()?))
}

#[test]
fn a_pair_is_replaced_by_the_one_that_is_kept_and_the_next_process_goes_on_from_there() {
    let world = world("sandbox-expired", "sandbox-refresh");
    world.call(&RUN).code(0);
    assert_eq!(world.calls(Call::Token).len(), 1);
    let (path, file) = kept(&folder(&world)).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(file["token"].is_string() && file["refresh"].is_string());
    assert_ne!(file["refresh"], "sandbox-refresh");
    // The configuration's pair is void by now, and the ledger knows of neither.
    world.call(&["verify", LEDGER]).code(0);
    assert_eq!(
        world.calls(Call::Token).len(),
        1,
        "the kept token still lives"
    );
    let ledger = world.read(LEDGER);
    for secret in ["sandbox-refresh", file["refresh"].as_str().unwrap()] {
        assert!(!ledger.contains(secret));
    }
    assert!(world.read("userpurge.toml").contains("sandbox-refresh"));
    // A pair that was authorized anew begins a file of its own.
    let (token, refresh) = (file["token"].clone(), file["refresh"].clone());
    fs::remove_file(&path).unwrap();
    pair(
        &world,
        &world.base(),
        token.as_str().unwrap(),
        refresh.as_str().unwrap(),
    );
    world.call(&["check"]).code(0);
}

#[test]
fn a_pair_that_still_lives_is_not_used_up() {
    let world = world("sandbox-access", "sandbox-refresh");
    world.call(&RUN).code(0);
    assert_eq!(world.calls(Call::Token).len(), 0);
    assert_eq!(world.deletions().len(), 1, "one job");
}

/// Tokens die sooner than they say, so that many are needed; each is on disk before it is sent.
#[test]
fn every_new_pair_is_on_disk_before_anything_is_sent_with_it() {
    let world = world("sandbox-expired", "sandbox-refresh");
    world.settings(json!({"token_lifetime": "150ms", "latency": "30ms"}));
    let (sandbox, folder) = (world.sandbox().addr(), folder(&world));
    let early = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&early);
    let front = Raw::start(move |heard, wire| {
        let bearer = heard.header("authorization").unwrap_or_default();
        let bearer = bearer.trim_start_matches("Bearer ").to_owned();
        if !heard.is_token() && bearer != "sandbox-expired" {
            // One request at a time: the file has the very token that this one came with.
            let is_kept = kept(&folder).is_some_and(|(_, file)| file["token"] == bearer);
            if !is_kept {
                seen.lock().unwrap().push(bearer);
            }
        }
        wire.send(heard.carry(sandbox));
        After::Keep
    });
    pair(&world, &front.base(), "sandbox-expired", "sandbox-refresh");
    let rows = "run users.csv --account acme --action purge --yes --concurrency 1";
    let args: Vec<_> = rows.split(' ').collect();
    world.call(&args).code(0);
    assert!(early.lock().unwrap().is_empty());
    assert!(world.calls(Call::Token).len() > 2);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], ROWS);
}

/// The first answer with a new pair is held up until the file is looked for: nothing but it can have
/// brought the token.
#[test]
fn a_pair_that_cannot_be_kept_is_not_used() {
    let world = world("sandbox-expired", "sandbox-refresh");
    let (sandbox, folder) = (world.sandbox().addr(), folder(&world));
    let front = Raw::start(move |heard, wire| {
        if heard.is_token() {
            // No folder, and none can be made.
            fs::remove_dir_all(&folder).unwrap();
            #[expect(clippy::disallowed_methods, reason = "a file in the way")]
            fs::write(&folder, "in the way").unwrap();
        }
        wire.send(heard.carry(sandbox));
        After::Keep
    });
    pair(&world, &front.base(), "sandbox-expired", "sandbox-refresh");
    let done = world.call(&RUN);
    assert!([2, 3].contains(&done.code), "{done:?}");
    done.says("the new refresh token cannot be kept in")
        .says("authorize anew");
    let heard = front.heard();
    let after = heard.iter().rposition(crate::support::raw::Heard::is_token);
    assert_eq!(after, Some(heard.len() - 1), "nothing is sent with it");
    assert!(world.deletions().is_empty());
}

/// The answer with the new pair never comes: what was used is void.
#[test]
fn an_answer_that_is_lost_with_the_new_pair_is_told_with_what_to_do() {
    let world = world("sandbox-expired", "sandbox-refresh");
    let sandbox = world.sandbox().addr();
    let lost = AtomicBool::new(false);
    let front = Raw::start(move |heard, wire| {
        let reply = heard.carry(sandbox);
        if heard.is_token() && !lost.swap(true, Ordering::SeqCst) {
            return After::Close;
        }
        wire.send(reply);
        After::Keep
    });
    pair(&world, &front.base(), "sandbox-expired", "sandbox-refresh");
    world
        .call(&RUN)
        .code(2)
        .says("Zendesk does not take the refresh token")
        .says("Authorize anew; write both new tokens to the configuration");
    assert!(world.deletions().is_empty());
    // A request that never arrived has used nothing up.
    let front = Raw::start({
        let failed = AtomicBool::new(false);
        move |heard, wire| {
            if heard.is_token() && !failed.swap(true, Ordering::SeqCst) {
                wire.send(answer("502 Bad Gateway", &[], ""));
                return After::Keep;
            }
            wire.send(heard.carry(sandbox));
            After::Keep
        }
    });
    world
        .sandbox()
        .with(|sandbox, now| sandbox.reset(None, now))
        .unwrap();
    world.wide();
    world.zendesk_users(1..=ROWS);
    pair(&world, &front.base(), "sandbox-expired", "sandbox-refresh");
    world.call(&RUN).code(0);
}

/// The first process waits for its first token until the second has been turned away.
#[test]
fn one_process_at_a_time_has_the_pair() {
    let world = world("sandbox-expired", "sandbox-refresh");
    let sandbox = world.sandbox().addr();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let front = Raw::start(move |heard, wire| {
        if heard.is_token() {
            let _ = wait.lock().unwrap().recv();
        }
        wire.send(heard.carry(sandbox));
        After::Keep
    });
    pair(&world, &front.base(), "sandbox-expired", "sandbox-refresh");
    let running = world.start(&RUN);
    let lock = || fs::read_dir(folder(&world)).is_ok_and(|mut it| it.next().is_some());
    world.until("the first has the pair", lock);
    let second = world.call(&["check"]).code(2);
    second.says("uses the same refresh token");
    assert!(world.calls(Call::Token).is_empty());
    drop(go);
    world.finish(running).code(0);
    world.call(&["check"]).code(0);
    assert_eq!(world.calls(Call::Token).len(), 1);
}

#[test]
fn without_a_place_to_keep_it_nothing_is_sent() {
    let world = world("sandbox-expired", "sandbox-refresh");
    let mut run = world.command(&RUN);
    run.env_remove("HOME");
    world
        .finish(crate::support::piped(&mut run))
        .code(2)
        .says("neither XDG_STATE_HOME nor HOME is set");
    // A file that was cut: its pair may be the only one that lives.
    world.call(&RUN).code(0);
    let (path, _) = kept(&folder(&world)).unwrap();
    #[expect(clippy::disallowed_methods, reason = "damage")]
    fs::write(&path, "{\"token\":").unwrap();
    world
        .call(&["check"])
        .code(2)
        .says("holds the one refresh token that is not void, cannot be read");
}

#[test]
fn a_refresh_token_goes_with_its_access_token_alone() {
    let world = world("sandbox-access", "sandbox-refresh");
    let config = world.read("userpurge.toml");
    world.configure(&config.replace("oauth_token = \"sandbox-access\"\n", ""));
    world
        .call(&["check"])
        .code(2)
        .says("it lacks `oauth_token`");
    world.configure(&config.replace("oauth_token", "email = \"a@b.example\"\napi_token"));
    world.call(&["check"]).code(2).says("exclude each other");
    // A public client has no secret.
    let public = config.replace("client_secret = \"sandbox-secret\"\n", "");
    world.configure(&public.replace("sandbox-access", "sandbox-expired"));
    world.call(&RUN).code(0);
}
