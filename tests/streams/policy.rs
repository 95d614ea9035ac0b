//! What TLS is spoken, asked by a stranger: `openssl s_client`, with an RSA certificate, so that even the key exchanges that
//! need one could be chosen. Debian's package `openssl` has it; without it the test fails.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use hilum::addr::Transport;
use hilum::listen::Tls;
use tokio::task::spawn_blocking;

use crate::world::{Pair, World, eventually, generous};

/// A handshake with these options, beside those that take openssl's own floor away.
async fn ask(world: &World, options: &str) -> Output {
    let address = world.address(Transport::Tls).to_string();
    let options: Vec<String> = options.split_whitespace().map(str::to_owned).collect();
    let run = move || {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-connect", &address, "-servername", "localhost", "-alpn", "stun.turn"]);
        openssl.args(options).stdin(Stdio::null()).output().expect("Debian's package openssl")
    };
    spawn_blocking(run).await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn with_rsa() -> World {
    let pair = Pair::rsa();
    let tls = Arc::new(Tls::new(pair.load()).unwrap());
    World::with(&generous(), pair, tls)
}

#[tokio::test]
async fn tls_1_3_and_1_2_with_ephemeral_keys_and_authenticated_encryption_are_spoken() {
    let world = with_rsa();
    for (options, suite) in [
        ("-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
        ("-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
        ("-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
        ("-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        ("-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"),
    ] {
        let output = ask(&world, options).await;
        let said = said(&output);
        if cfg!(feature = "fips") && suite.contains("CHACHA20") {
            assert!(!output.status.success() && said.contains("alert"), "no algorithm of NIST's: {options}: {said}");
            continue;
        }
        assert!(output.status.success() && said.contains(&format!("Cipher is {suite}")), "{options}: {said}");
        assert!(said.contains("ALPN protocol: stun.turn") && said.contains("Compression: NONE"), "{options}: {said}");
    }
    // The newer of both is chosen.
    assert!(said(&ask(&world, "").await).contains("New, TLSv1.3"));
    assert_eq!(world.connections.failed_handshakes(), if cfg!(feature = "fips") { 2 } else { 0 });
}

#[tokio::test]
async fn nothing_older_and_nothing_weaker_is_spoken() {
    let world = with_rsa();
    for (count, options) in [
        "-tls1 -cipher ALL:@SECLEVEL=0",
        "-tls1_1 -cipher ALL:@SECLEVEL=0",
        // Key exchange by RSA, which keeps no secret when the key is lost: with GCM, CCM and CBC.
        "-tls1_2 -cipher AES256-GCM-SHA384:AES128-GCM-SHA256:AES128-CCM:AES256-SHA256:AES128-SHA:@SECLEVEL=0",
        // CBC.
        "-tls1_2 -cipher ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA:@SECLEVEL=0",
        // Finite fields, whose parameters servers choose badly.
        "-tls1_2 -cipher DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
        // Nobody shows who he is.
        "-tls1_2 -cipher aNULL:eNULL:@SECLEVEL=0",
        // Signatures with SHA-1.
        "-tls1_2 -sigalgs RSA+SHA1 -cipher ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
        "-tls1_3 -sigalgs RSA+SHA256",
        "-tls1_3 -ciphersuites TLS_AES_128_CCM_8_SHA256",
        "-tls1_3 -groups ffdhe2048",
    ]
    .into_iter()
    .enumerate()
    {
        let output = ask(&world, options).await;
        let said = said(&output);
        // The server refused it: an option that openssl does not know would never reach the server.
        assert!(!output.status.success() && said.contains("alert"), "{options}: {said}");
        let refused = u64::try_from(count + 1).unwrap();
        eventually("it is counted", || world.connections.failed_handshakes() == refused).await;
    }
}
