//! A configuration that others may write, or that is another user's, runs no command.

use std::os::unix::fs::{PermissionsExt as _, chown};

use rstest::rstest;

use crate::support::World;
use crate::support::usual::{RUN, plan_of};

/// Has acme's token printed by a command that leaves a mark.
fn with_command(world: &World) {
    world.write("secret.sh", "echo ran >> mark\nprintf sandbox-token\n");
    let given = "api_token = \"sandbox-token\"";
    let command = "api_token = { command = [\"sh\", \"secret.sh\"] }";
    world.configure(&world.config().replace(given, command));
}

fn set_mode(world: &World, mode: u32) {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(world.path("userpurge.toml"), permissions).unwrap();
}

#[rstest]
#[case::group(0o620)]
#[case::world(0o602)]
#[case::both(0o666)]
fn a_configuration_that_others_may_write_runs_no_command(#[case] mode: u32) {
    let world = World::of_users(2);
    with_command(&world);
    set_mode(&world, mode);
    for args in [&RUN[..], &["check"]] {
        world
            .call(args)
            .code(2)
            .says("other users may write the file")
            .says("chmod go-w");
        assert!(!world.path("mark").exists());
    }
    assert!(world.sandbox().log(None).is_empty());
    // What needs no secret runs nothing anyway.
    world.call(&plan_of("users.csv")).code(0);
    assert!(!world.path("mark").exists());
    // The help works as it stands.
    let file = world.path("userpurge.toml");
    let mended = std::process::Command::new("chmod")
        .arg("go-w")
        .arg(file)
        .status();
    assert!(mended.unwrap().success());
    world.call(&RUN).code(0);
    assert!(world.path("mark").exists());
}

#[test]
fn a_configuration_of_another_user_runs_no_command() {
    let world = World::of_users(2);
    with_command(&world);
    // Only root can give files away; for others this machine has no such file.
    if chown(world.path("userpurge.toml"), Some(65_534), None).is_err() {
        return;
    }
    world
        .call(&RUN)
        .code(2)
        .says("belongs to another user (uid 65534)")
        .says("cp ");
    assert!(!world.path("mark").exists());
    assert!(world.sandbox().log(None).is_empty());
}

#[test]
fn a_configuration_without_commands_is_taken_as_it_is() {
    let world = World::of_users(2);
    set_mode(&world, 0o666);
    world.call(&RUN).code(0);
}
