//! A saved plan: where it may be saved.

use rstest::rstest;

use crate::support::{World, ids};

const PLAN: [&str; 6] = [
    "plan",
    "users.csv",
    "--account",
    "acme",
    "--action",
    "purge",
];

#[rstest]
#[case("users.csv", "does not end in `.plan.json`")]
#[case("userpurge.toml", "does not end in `.plan.json`")]
#[case("new.plan", "does not end in `.plan.json`")]
#[case("/dev/stdout", "does not end in `.plan.json`")]
#[case("old.plan.json", "is there already and is no saved plan")]
#[case("link.plan.json", "is there already and is no saved plan")]
#[case("folder.plan.json", "is there already and is no saved plan")]
fn a_plan_takes_the_place_of_an_older_plan_and_of_nothing_else(
    #[case] output: &str,
    #[case] why: &str,
) {
    let world = World::new();
    world.write("users.csv", ids(1..=3));
    world.write("old.plan.json", "[1,2,3]");
    std::os::unix::fs::symlink(world.path("users.csv"), world.path("link.plan.json")).unwrap();
    std::fs::create_dir(world.path("folder.plan.json")).unwrap();
    let kept = ["users.csv", "userpurge.toml", "old.plan.json"];
    let before = kept.map(|file| world.read(file));
    world
        .call(&[&PLAN[..], &["-o", output]].concat())
        .code(2)
        .says(&format!("`{output}` {why}"))
        .says("; nothing was written")
        .says("`-o FILE.plan.json`");
    assert_eq!(kept.map(|file| world.read(file)), before);
    assert!(!world.path("new.plan").exists());

    let save = [&PLAN[..], &["-o", "users.plan.json"]].concat();
    world.call(&save).code(0);
    world.call(&save).code(0);
}
