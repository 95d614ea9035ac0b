//! What the words of clients look like on the wire, and how what comes back is read.

use std::net::SocketAddr;

use hilum::addr::{Family, FiveTuple, Link};
use hilum::wire::{AttributeType, ChannelData, Class, Message, MessageWriter, Method, TransactionId};

use crate::model::{Proof, Said, Wish, Word};
use crate::scenario::{self, Client, Request};

/// What a client gets from a peer: ChannelData where a channel is bound, a Data indication otherwise.
pub fn check_data(out: &[u8], client: &FiveTuple, peer: SocketAddr, channel: Option<u16>, data: &[u8]) {
    let Some(number) = channel else {
        let message = Message::parse(out).expect("what the relay sends is well-formed");
        assert_eq!((message.class(), message.method()), (Class::Indication, Method::Data));
        assert_eq!(message.value(AttributeType::DATA), Some(data));
        assert_eq!(message.xor_address(AttributeType::XOR_PEER_ADDRESS).unwrap().unwrap(), peer);
        return;
    };
    assert!(!client.link.transport().is_stream() || out.len().is_multiple_of(4), "padded on streams");
    let parsed = ChannelData::parse(out).expect("what the relay sends is well-formed");
    assert_eq!((out[..2].to_vec(), parsed.data), (number.to_be_bytes().to_vec(), data));
}

pub fn method_of(word: &Word) -> Method {
    match word {
        Word::Ask | Word::Allocate { .. } => Method::Allocate,
        Word::Refresh { .. } => Method::Refresh,
        Word::Permit(_) => Method::CreatePermission,
        Word::Bind(..) => Method::ChannelBind,
        Word::Channel(..) | Word::Send(..) => Method::Send,
    }
}

/// Addresses of the simulation are made up and may be told.
pub fn name(client: &FiveTuple) -> String {
    let socket = client.client.socket();
    match client.link {
        Link::Udp(_) | Link::Proxied(_) => format!("{socket}"),
        Link::Stream(connection, _) => format!("{socket} on connection {}", connection.0),
    }
}

pub fn client_of(proof: &Proof, five_tuple: FiveTuple) -> Client {
    let plain = Client { five_tuple, username: proof.user.clone(), password: scenario::PASSWORD.into() };
    match proof.until {
        _ if proof.badge.is_some() => plain.with_username(proof.user.clone()),
        Some(until) => {
            let label = proof.user.split_once(':').unwrap().1;
            plain.ephemeral(until, label)
        }
        None => plain,
    }
}

pub fn bytes_of(said: &Said, client: &Client) -> Vec<u8> {
    let request = match &said.word {
        Word::Channel(number, data) => return scenario::channel_data(*number, data),
        Word::Send(peer, data) => return send_indication(*peer, data, said.transaction),
        Word::Ask => return Request::new(Method::Allocate).padding(80).unauthenticated(said.transaction),
        Word::Allocate { wish, lifetime } => {
            let request = lifetime.iter().fold(Request::allocate(), |request, asked| request.lifetime(*asked));
            match wish {
                Wish::One(Family::V4) => request,
                Wish::One(Family::V6) => request.with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]),
                Wish::Both => request.with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]),
                Wish::EvenAndNext => request.with(AttributeType::EVEN_PORT, &[0x80]),
                Wish::Reserved(token) => request.with(AttributeType::RESERVATION_TOKEN, token),
            }
        }
        Word::Refresh { lifetime, family } => {
            let request = Request::new(Method::Refresh);
            let request = lifetime.iter().fold(request, |request, asked| request.lifetime(*asked));
            family.iter().fold(request, |request, family| {
                let number = if *family == Family::V4 { 1 } else { 2 };
                request.with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[number, 0, 0, 0])
            })
        }
        Word::Permit(peers) => {
            peers.iter().fold(Request::new(Method::CreatePermission), |request, peer| request.peer(&peer.to_string()))
        }
        Word::Bind(number, peer) => Request::bind(*number, &peer.to_string()),
    };
    let proof = said.proof.as_ref().expect("a request has credentials");
    let mut signer = client.clone();
    if !proof.genuine {
        signer.password = "some other password".into();
    }
    let mut bytes = request.bytes(&signer, said.transaction, &proof.nonce.bytes);
    bytes.shrink_to_fit();
    bytes
}

fn send_indication(peer: SocketAddr, data: &[u8], transaction: TransactionId) -> Vec<u8> {
    let mut buffer = vec![0; 2000];
    let mut writer = MessageWriter::new(&mut buffer, Class::Indication, Method::Send, transaction);
    writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer, transaction).attribute(AttributeType::DATA, data);
    let length = writer.finish().unwrap();
    buffer.truncate(length);
    buffer
}
