//! The door as strangers find it: `curl` and `openssl s_client`, of Debian's packages of those names; without them the
//! tests fail.

use std::process::{Command, Stdio};

use hilum::listen::Arrival;
use tokio::task::spawn_blocking;

use crate::world::{NAME, World, generous};

async fn run(mut command: Command) -> (bool, String) {
    let output =
        spawn_blocking(move || command.stdin(Stdio::null()).output().expect("Debian's package")).await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// What curl says to these options and this path.
async fn curl(world: &World, options: &[&str], scheme: &str, path: &str) -> (bool, String) {
    let port = world.door.port();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20", "--resolve", &format!("{NAME}:{port}:127.0.0.1")]);
    curl.arg("--cacert").arg(world.folder.path().join("certificate.pem"));
    curl.args(["--write-out", " %{http_code} %{http_version} %{num_redirects}"]).args(options);
    curl.arg(format!("{scheme}://{NAME}:{port}{path}"));
    run(curl).await
}

#[tokio::test]
async fn curl_gets_the_page_over_each_version_and_finds_it_from_the_clear() {
    let world = World::start(&generous());
    for (options, scheme, expected) in [
        (&["--http2"][..], "https", "the page 200 2 0"),
        (&["--http1.1"], "https", "the page 200 1.1 0"),
        (&["--no-alpn"], "https", "the page 200 1.1 0"),
        (&["--tls-max", "1.2", "--http2"], "https", "the page 200 2 0"),
        (&["--location"], "http", "the page 200 2 1"),
    ] {
        assert_eq!(curl(&world, options, scheme, "/").await, (true, expected.to_owned()), "{options:?}");
    }
    let (worked, said) = curl(&world, &["--http2", "--data", "a body"], "https", "/echo").await;
    assert!(worked && said.starts_with("a body 200 2"), "{said}");
    let (worked, said) = curl(&world, &["--head"], "https", "/").await;
    assert!(
        worked && said.contains("strict-transport-security: max-age=31536000") && !said.contains("server:"),
        "{said}"
    );
}

#[tokio::test]
async fn openssl_agrees_on_the_protocols_of_the_door() {
    let world = World::start(&generous());
    for (offered, agreed) in [
        ("stun.turn", "ALPN protocol: stun.turn"),
        ("h2,http/1.1", "ALPN protocol: h2"),
        ("http/1.1", "ALPN protocol: http/1.1"),
        ("h3", "no application protocol"),
    ] {
        let mut openssl = Command::new("openssl");
        let address = world.door.to_string();
        openssl.args(["s_client", "-connect", &address, "-servername", NAME, "-alpn", offered]);
        let (worked, said) = run(openssl).await;
        assert!(said.contains(agreed) && worked == (offered != "h3"), "{offered}: {said}");
    }
    world.arrived(Arrival::Http2, 1).await;
}
