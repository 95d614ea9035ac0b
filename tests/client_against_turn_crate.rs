//! The client against a server that is not ours: the `turn` crate on loopback. What works here does not work only
//! because client and server share an error.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hilum::client::{ClientError, Credential, Options, RequestFailure, Schedule, Source, TurnClient, TurnUri};
use hilum::time::Lifetime;
use hilum::wire::{ChannelNumber, ErrorCode};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use turn::auth::{AuthHandler, generate_auth_key};
use turn::relay::relay_static::RelayAddressGeneratorStatic;
use turn::server::Server;
use turn::server::config::{ConnConfig, ServerConfig};
use webrtc_util::vnet::net::Net;

const REALM: &str = "stranger";

struct OneUser;

impl AuthHandler for OneUser {
    fn auth_handle(&self, username: &str, realm: &str, _source: SocketAddr) -> Result<Vec<u8>, turn::Error> {
        if username == "clinic" {
            Ok(generate_auth_key(username, realm, "a long password"))
        } else {
            Err(turn::Error::ErrNoSuchUser)
        }
    }
}

async fn stranger() -> (Server, TurnUri) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("turn:{}", socket.local_addr().unwrap()).parse().unwrap();
    let server = Server::new(ServerConfig {
        conn_configs: vec![ConnConfig {
            conn: Arc::new(socket),
            relay_addr_generator: Box::new(RelayAddressGeneratorStatic {
                relay_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                address: "127.0.0.1".to_owned(),
                net: Arc::new(Net::new(None)),
            }),
        }],
        realm: REALM.to_owned(),
        auth_handler: Arc::new(OneUser),
        channel_bind_timeout: Duration::ZERO,
        alloc_close_notify: None,
    })
    .await
    .unwrap();
    (server, uri)
}

async fn receive_at(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    let (length, from) = timeout(Duration::from_secs(10), peer.recv_from(&mut buffer)).await.unwrap().unwrap();
    (buffer[..length].to_vec(), from)
}

#[tokio::test]
async fn allocation_permission_indications_channel_refresh_and_deletion_work_against_a_stranger() {
    let (server, uri) = stranger().await;
    let credential = Credential::new("clinic", "a long password").unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let peer_address = peer.local_addr().unwrap();

    let mut client = TurnClient::connect(&uri, &credential, &Options::plain()).await.unwrap();
    assert_eq!(client.binding().await.unwrap(), client.local());
    let allocation = client.allocate(None, None).await.unwrap();
    assert_eq!(allocation.mapped, client.local());
    assert!(allocation.lifetime >= Lifetime::from_secs(600));
    assert_eq!(client.session().challenge().unwrap().realm(), REALM.as_bytes());

    client.create_permission(&[peer_address]).await.unwrap();
    client.send_to(peer_address, b"by indication").await.unwrap();
    assert_eq!(receive_at(&peer).await, (b"by indication".to_vec(), allocation.relayed));
    peer.send_to(b"back", allocation.relayed).await.unwrap();
    let received = timeout(Duration::from_secs(10), client.receive()).await.unwrap().unwrap();
    assert_eq!((received.from, received.data), (Source::Peer(peer_address), b"back".to_vec()));

    let channel = ChannelNumber::FIRST;
    client.channel_bind(channel, peer_address).await.unwrap();
    client.send_channel(channel, b"by channel").await.unwrap();
    assert_eq!(receive_at(&peer).await, (b"by channel".to_vec(), allocation.relayed));
    // Data that comes while an answer is awaited is not lost.
    peer.send_to(b"in between", allocation.relayed).await.unwrap();
    assert!(client.refresh(Lifetime::from_secs(600)).await.unwrap() > Lifetime::ZERO);
    let received = timeout(Duration::from_secs(10), client.receive()).await.unwrap().unwrap();
    assert_eq!((received.from, received.data), (Source::Channel(channel), b"in between".to_vec()));

    client.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn two_allocations_of_a_stranger_reach_each_other() {
    let (server, uri) = stranger().await;
    let credential = Credential::new("clinic", "a long password").unwrap();
    let mut near = TurnClient::connect(&uri, &credential, &Options::plain()).await.unwrap();
    let mut far = TurnClient::connect(&uri, &credential, &Options::plain()).await.unwrap();
    let near_relayed = near.allocate(None, None).await.unwrap().relayed;
    let far_relayed = far.allocate(None, None).await.unwrap().relayed;
    near.channel_bind(ChannelNumber::LAST, far_relayed).await.unwrap();
    far.create_permission(&[near_relayed]).await.unwrap();
    near.send_channel(ChannelNumber::LAST, b"there").await.unwrap();
    let there = timeout(Duration::from_secs(10), far.receive()).await.unwrap().unwrap();
    assert_eq!((there.from, there.data), (Source::Peer(near_relayed), b"there".to_vec()));
    far.send_to(near_relayed, b"and back").await.unwrap();
    let back = timeout(Duration::from_secs(10), near.receive()).await.unwrap().unwrap();
    assert_eq!((back.from, back.data), (Source::Channel(ChannelNumber::LAST), b"and back".to_vec()));
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_explained_although_the_stranger_does_not_sign_its_refusal() {
    let (server, uri) = stranger().await;
    let credential = Credential::new("clinic", "a wrong password").unwrap();
    let schedule = Schedule { initial: Duration::from_millis(50), sends: 2, last_wait: 2 };
    let options = Options { schedule, ..Options::plain() };
    let mut client = TurnClient::connect(&uri, &credential, &options).await.unwrap();
    match client.allocate(None, None).await.unwrap_err() {
        ClientError::Request(RequestFailure::Silent { unproven, .. }) => {
            assert_eq!(unproven, Some(ErrorCode::BAD_REQUEST));
        }
        other => panic!("{other}"),
    }
    assert!(client.first_answer().is_some());
    server.close().await.unwrap();
}
