//! A revocation is a letter, and a shard reads its letters in every turn before it looks at a datagram.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use hilum::auth::{Revocation, Revocations, Revoked};
use hilum::plane::sim::{Sent, Sim, SimNet};
use hilum::plane::{Fact, Mail, RelayAddress, Settings, Shard, ShardHandle, Tuning};
use hilum::policy::Quota;
use hilum::time::Lifetime;
use hilum::turn::{Common, EndCause, Event, Relay};
use hilum::wire::{AttributeType, ErrorCode, TransactionId};

use crate::scenario::{
    Answer, Client, RELAY_V4, Request, START, Setup, Token, authenticator_but_for, channel_data, policy,
};

struct World {
    sim: Sim,
    shard: Shard<SimNet>,
    handle: ShardHandle,
    facts: Receiver<Fact>,
    revocations: Arc<Revocations>,
    asked: u8,
}

impl World {
    fn new() -> Self {
        let address = RelayAddress { local: [10, 0, 0, 5].into(), external: RELAY_V4.parse().unwrap() };
        let settings = Settings {
            udp: Vec::new(),
            relay: vec![address],
            ports: 50_000..=50_999,
            shards: 1,
            tuning: Tuning::default(),
        };
        let sim = Sim::new(7, &settings, START);
        let common = Common::new(Quota { total: 1000, per_subject: 1000 }, &[address.external]);
        let revocations = Arc::new(Revocations::new());
        let authenticator = authenticator_but_for(Lifetime::from_secs(600), Arc::clone(&revocations));
        let policy = Arc::new(policy(&Setup::default()));
        let relay = Relay::new(hilum::turn::Settings::default(), Arc::new(authenticator), policy, common, [1; 32]);
        let (net, _) = sim.net(0);
        let (sender, facts) = sync_channel(1000);
        let (shard, handle) = Shard::new(0, net, relay, sim.waker(), sender);
        let mut world = Self { sim, shard, handle, facts, revocations, asked: 0 };
        world.settle();
        world
    }

    fn settle(&mut self) {
        assert!(self.shard.turn());
        while self.shard.net_mut().is_busy() {
            assert!(self.shard.turn());
        }
    }

    fn exchange(&mut self, client: &Client, bytes: &[u8]) -> Answer {
        self.sim.client_sends(client.five_tuple.client.socket(), 0, bytes);
        self.settle();
        match self.sim.take_sent() {
            Some(Sent::ToClient { bytes, .. }) => Answer(bytes),
            other => panic!("an answer, and not {other:?}"),
        }
    }

    fn request(&mut self, client: &Client, request: Request) -> Answer {
        let mut transaction = || {
            self.asked += 1;
            TransactionId([self.asked; 12])
        };
        let (first, second) = (transaction(), transaction());
        let challenge = self.exchange(client, &Request::allocate().padding(80).unauthenticated(first));
        let nonce = challenge.value(AttributeType::NONCE).unwrap();
        let bytes = request.bytes(client, second, &nonce);
        self.exchange(client, &bytes)
    }
}

#[test]
fn a_revocation_takes_effect_in_one_turn_and_before_what_came_with_it() {
    let mut world = World::new();
    let party = |number, party| Client::number(number).holding(&Token::new("visit", party));
    let (ada, ben) = (party(1, "a"), party(2, "b"));
    let of_ada = world.request(&ada, Request::allocate()).relayed()[0];
    let of_ben = world.request(&ben, Request::allocate()).relayed()[0];
    world.request(&ada, Request::bind(0x4001, &of_ben.to_string())).expect_success();
    world.request(&ben, Request::bind(0x4001, &of_ada.to_string())).expect_success();
    let heard = world.exchange(&ada, &channel_data(0x4001, b"hello"));
    assert_eq!(heard.0, channel_data(0x4001, b"hello"));
    world.facts.try_iter().for_each(drop);

    let what = Revoked::Call { issuer: "clinic".parse().unwrap(), call: "visit".parse().unwrap() };
    let revocation = Revocation::new(what, START, None);
    world.revocations.add(&revocation, hilum::time::Now { unix: START, ..Default::default() }).unwrap();
    let (reply, answer) = sync_channel(1);
    world.handle.send(Mail::Revoke { revocation, reply }).unwrap();
    world.sim.client_sends(ada.five_tuple.client.socket(), 0, &channel_data(0x4001, b"too late"));
    assert!(world.shard.turn());
    assert_eq!(answer.try_recv(), Ok(2));
    world.settle();
    assert!(world.sim.take_sent().is_none(), "nothing is carried any more");
    let causes: Vec<EndCause> = world
        .facts
        .try_iter()
        .filter_map(|fact| match fact.event {
            Event::Ended { cause, .. } => Some(cause),
            _ => None,
        })
        .collect();
    assert_eq!(causes, [EndCause::Revoked; 2]);
    world.request(&ada, Request::allocate()).expect_error(ErrorCode::FORBIDDEN);
}

#[test]
fn whoever_has_stopped_waiting_holds_nobody_up() {
    let mut world = World::new();
    let revocation = Revocation::new(Revoked::Key { kid: Token::KID.parse().unwrap() }, START, None);
    let (reply, answer) = sync_channel(1);
    drop(answer);
    world.handle.send(Mail::Revoke { revocation, reply }).unwrap();
    let (reply, answer) = sync_channel(0);
    world.handle.send(Mail::Survey { of: None, from: 0, reply }).unwrap();
    assert!(world.shard.turn(), "a shard never waits for who asks");
    assert!(answer.try_recv().is_err());
}
