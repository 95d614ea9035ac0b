//! The container's recipe, read as text: what runs, as whom, and from which images. Building it needs an engine and a
//! registry; what can go wrong without either is checked here.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

use std::path::Path;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Instructions as (word, rest), continued lines joined.
fn instructions(recipe: &str) -> Vec<(String, String)> {
    let joined = recipe.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').unwrap_or((line, "")))
        .map(|(word, rest)| (word.to_ascii_uppercase(), rest.trim().to_owned()))
        .collect()
}

/// What is wrong with a recipe.
fn faults(recipe: &str, compiler: &str) -> Vec<String> {
    let all = instructions(recipe);
    let of =
        |word: &str| all.iter().filter(|(name, _)| name == word).map(|(_, rest)| rest.as_str()).collect::<Vec<_>>();
    let mut faults = Vec::new();
    for image in of("FROM") {
        let name = image.split_whitespace().next().unwrap_or_default();
        match name.rsplit_once(':') {
            None => faults.push(format!("{name}: no tag")),
            Some((_, "latest")) => faults.push(format!("{name}: whatever is latest")),
            Some(_) => {}
        }
    }
    let stages = of("FROM").len();
    if stages < 2 {
        faults.push("the build tools are in the final image".into());
    }
    if !of("FROM").first().is_some_and(|image| image.starts_with(&format!("rust:{compiler}-"))) {
        faults.push(format!("the builder is not rust:{compiler}"));
    }
    let start = all.iter().rposition(|(word, _)| word == "FROM").unwrap_or(0);
    let last: Vec<_> = all[start..].iter().collect();
    let user = last.iter().filter(|(word, _)| word == "USER").map(|(_, user)| user.as_str()).next_back();
    if user.is_none_or(|user| ["root", "0"].iter().any(|name| user.split(':').next() == Some(name))) {
        faults.push("runs as root".into());
    }
    if last.iter().any(|(word, _)| word == "RUN") {
        faults.push("a distroless image has no shell to RUN with".into());
    }
    let copied = |place: &str| {
        last.iter().any(|(word, rest)| word == "COPY" && rest.contains("--from=") && rest.ends_with(place))
    };
    let entry = last.iter().find(|(word, _)| word == "ENTRYPOINT").map_or("", |(_, rest)| rest.as_str());
    let program = entry.trim_matches(['[', ']', '"']);
    if program.is_empty() || !copied(program) {
        faults.push(format!("ENTRYPOINT {entry} is not copied from the builder"));
    }
    if !of("RUN").iter().any(|command| command.contains("--locked")) {
        faults.push("the build may change Cargo.lock".into());
    }
    faults
}

fn compiler() -> String {
    let cargo: toml::Table = file("Cargo.toml").parse().unwrap();
    format!("{}.0", cargo["package"]["rust-version"].as_str().unwrap())
}

#[test]
fn the_recipe_is_pinned_small_and_ordinary() {
    let recipe = file("docker/Dockerfile");
    assert_eq!(faults(&recipe, &compiler()), Vec::<String>::new());

    let with = |from: &str, to: &str| {
        assert!(recipe.contains(from), "the recipe has {from}");
        faults(&recipe.replace(from, to), &compiler()).len()
    };
    assert_eq!(with("distroless/cc-debian12:nonroot", "distroless/cc-debian12:latest"), 1);
    assert_eq!(with("distroless/cc-debian12:nonroot", "distroless/cc-debian12"), 1);
    assert_eq!(with("USER nonroot:nonroot", "USER root"), 1);
    assert_eq!(with("USER nonroot:nonroot", "RUN true"), 2);
    assert_eq!(with("release/hilum /usr/local/bin/hilum", "release/hilum /hilum"), 1);
    assert_eq!(with(" --locked", ""), 1);
    assert_eq!(faults(&recipe, "1.0.0").len(), 1);
}

#[test]
fn the_container_exposes_what_the_configuration_opens() {
    let recipe = file("docker/Dockerfile");
    let all = instructions(&recipe);
    let exposed = all.iter().find(|(word, _)| word == "EXPOSE").map(|(_, ports)| ports.as_str()).unwrap();
    let exposed: Vec<&str> = exposed.split_whitespace().collect();
    let config: toml::Table = file("config/hilum.toml").parse().unwrap();
    for transport in ["udp", "tcp"] {
        for address in config["listen"][transport].as_array().unwrap() {
            let port = address.as_str().unwrap().rsplit(':').next().unwrap();
            assert!(exposed.contains(&format!("{port}/{transport}").as_str()), "{port}/{transport} in {exposed:?}");
        }
    }
    let relayed = format!("{}/udp", config["relay"]["ports"].as_str().unwrap());
    assert!(exposed.contains(&relayed.as_str()), "{relayed} in {exposed:?}");
}

#[test]
fn the_builder_gets_everything_cargo_reads_and_no_more() {
    let ignore = file(".dockerignore");
    let lines: Vec<&str> = ignore.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert_eq!(lines.first(), Some(&"*"), "everything is left out that is not named");
    for needed in ["Cargo.toml", "Cargo.lock", ".cargo", "src", "config", "tests", "benches"] {
        assert!(lines.contains(&format!("!{needed}").as_str()), "{needed}");
    }
    assert!(lines.iter().skip(1).all(|line| line.starts_with('!')));
}

// What was revoked must be revoked in the next container, too.
#[test]
fn the_container_keeps_its_state_on_the_volume() {
    let recipe = file("docker/Dockerfile");
    let all = instructions(&recipe);
    let of =
        |word: &str| all.iter().filter(|(name, _)| name == word).map(|(_, rest)| rest.as_str()).collect::<Vec<_>>();
    let volumes = of("VOLUME");
    let kept = of("ENV").into_iter().find_map(|variable| variable.strip_prefix("STATE_DIRECTORY="));
    assert!(kept.is_some_and(|directory| volumes.contains(&directory)), "{kept:?} {volumes:?}");
}
