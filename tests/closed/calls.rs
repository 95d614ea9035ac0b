//! No byte of one call ever appears in another: a million random steps of clients that try.

use std::net::SocketAddr;
use std::time::Duration;

use hilum::auth::Revoked;
use hilum::policy::seal::Mode;
use hilum::time::UnixTime;
use hilum::wire::{AttributeType, Class, MessageWriter, Method};

use crate::life::{Asked, DELAY, Life, STREAMS, Seen};
use crate::people::{Group, NAMED, PEOPLE, UNNAMED, words};
use crate::scenario::{Request, START, channel_data};

/// Steps of one life, and of all lives together.
const STEPS: usize = 20_000;
const ALL_STEPS: usize = 1_000_000;
const DEVICES: usize = 14;
/// Fewer places than a life has clients over time, so that one comes to where another has been.
const PLACES: usize = 18;

fn place(life: &mut Life) -> SocketAddr {
    let mut number = life.below(PLACES);
    // One client at a place: two behind one NAT have two ports.
    while life.devices.iter().any(|device| device.client.five_tuple.client.socket() == at(number)) {
        number = (number + 1) % PLACES;
    }
    at(number)
}

fn at(number: usize) -> SocketAddr {
    let number = u8::try_from(number).unwrap();
    SocketAddr::from(([192, 0, 2, number], 4000 + u16::from(number)))
}

/// Whom to reach: most likely a party of one's own call, now and then anybody that a datagram can be sent to.
fn peer(life: &mut Life, person: usize) -> SocketAddr {
    let group = PEOPLE[person].group;
    let known: Vec<_> = life.known.iter().copied().collect();
    let friends: Vec<_> = known.iter().filter(|(_, each)| PEOPLE[*each].group == group && *each != person).collect();
    match life.below(20) {
        // The latest first: older addresses are mostly somebody else's by now.
        0..=11 if !friends.is_empty() => friends[friends.len() - 1 - life.below(friends.len().min(6))].0,
        12..=16 if !known.is_empty() => known[life.below(known.len())].0,
        17 if !known.is_empty() => {
            // The next number, or another spelling of the same address.
            let (address, _) = known[life.below(known.len())];
            match address.ip() {
                std::net::IpAddr::V4(v4) if life.one_in(2) => {
                    SocketAddr::new(v4.to_ipv6_mapped().into(), address.port())
                }
                ip => SocketAddr::new(ip, address.port() ^ 1),
            }
        }
        _ => [NAMED, NAMED, UNNAMED][life.below(3)].parse().unwrap(),
    }
}

/// Words of a group as they travel: plain ones, or what the seal lets pass, an ICE keep-alive that carries them.
fn message(life: &mut Life, group: Group) -> Vec<u8> {
    let length = if life.one_in(20) { 900 } else { 8 + life.below(60) };
    let words = words(group, length);
    let (mode, media) = (life.seal, life.one_in(2));
    match mode {
        // As a media packet begins, which the seal looks at in another place.
        Mode::Report if media => return [&[0x80, 96, 0, 0][..], &words].concat(),
        Mode::Report | Mode::Off => return words,
        Mode::Enforce => {}
    }
    let mut buffer = [0; 1200];
    let transaction = life.transaction();
    let mut writer = MessageWriter::new(&mut buffer, Class::Indication, Method::Binding, transaction);
    let length = writer.attribute(AttributeType(0xC0DE), &words).fingerprint().finish().unwrap();
    buffer[..length].to_vec()
}

fn request(life: &mut Life, device: usize, request: &Request, asked: Asked) {
    let transaction = life.transaction();
    let nonce = life.devices[device].nonce.clone();
    let bytes = match nonce {
        Some(nonce) => request.bytes(&life.devices[device].client, transaction, &nonce),
        None => return challenge(life, device),
    };
    life.ask(device, transaction, asked, &bytes);
}

fn challenge(life: &mut Life, device: usize) {
    let transaction = life.transaction();
    let bytes = Request::new(Method::Allocate).padding(80).unauthenticated(transaction);
    life.ask(device, transaction, Asked::Nonce, &bytes);
}

fn allocate(life: &mut Life, device: usize) {
    let wish = match life.below(10) {
        0..=6 => Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]),
        7 => Request::allocate().with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]),
        8 => Request::allocate().with(AttributeType::EVEN_PORT, &[0x80]),
        _ => Request::allocate(),
    };
    request(life, device, &wish, Asked::Allocate);
}

fn send_indication(life: &mut Life, device: usize, peer: SocketAddr, data: &[u8]) {
    let transaction = life.transaction();
    let mut buffer = [0; 1500];
    let mut writer = MessageWriter::new(&mut buffer, Class::Indication, Method::Send, transaction);
    writer.xor_address(AttributeType::XOR_PEER_ADDRESS, peer, transaction).attribute(AttributeType::DATA, data);
    let length = writer.finish().unwrap();
    life.send(device, &buffer[..length]);
}

/// A client says something.
fn speak(life: &mut Life) {
    let device = life.below(DEVICES);
    let person = life.devices[device].person;
    let group = PEOPLE[person].group;
    if life.devices[device].nonce.is_none() && !life.one_in(10) {
        return challenge(life, device);
    }
    if life.devices[device].relayed.is_empty() && !life.one_in(4) {
        if std::mem::take(&mut life.devices[device].in_the_way) {
            return request(life, device, &Request::refresh(0), Asked::Refresh { end: true });
        }
        return allocate(life, device);
    }
    let number = 0x4000 + u16::try_from(life.below(6)).unwrap();
    // Data proves nothing: what comes from the place of an allocation is that allocation's. So nobody speaks from where
    // another call has left one behind; asking is another matter.
    let most = if life.is_held_by_others(device) { 22 } else { 100 };
    match life.below(most) {
        0 => allocate(life, device),
        1 | 2 => {
            let end = life.one_in(3);
            let lifetime = if end { 0 } else { [1, 600, 700, 3600][life.below(4)] };
            request(life, device, &Request::refresh(lifetime), Asked::Refresh { end });
        }
        3..=9 => {
            let peers = (0..1 + life.below(2)).map(|_| peer(life, person)).collect::<Vec<_>>();
            let permit = Request::new(Method::CreatePermission);
            let permit = peers.iter().fold(permit, |permit, peer| permit.peer(&peer.to_string()));
            request(life, device, &permit, Asked::Permit);
        }
        10..=21 => {
            let peer = peer(life, person);
            request(life, device, &Request::bind(number, &peer.to_string()), Asked::Bind(number, peer));
        }
        22..=39 => {
            let (peer, data) = (peer(life, person), message(life, group));
            send_indication(life, device, peer, &data);
        }
        _ => {
            let bound: Vec<u16> = life.devices[device].channels.keys().copied().collect();
            let number = if bound.is_empty() || life.one_in(20) { number } else { bound[life.below(bound.len())] };
            let data = message(life, group);
            life.send(device, &channel_data(number, &data));
        }
    }
}

/// Somebody outside sends to a relayed address, under their own address or under a false one.
fn outside(life: &mut Life) {
    let known: Vec<_> = life.known.iter().copied().collect();
    if known.is_empty() {
        return;
    }
    let (relayed, _) = known[life.below(known.len())];
    let (from, group) = match life.below(6) {
        0..=2 => (NAMED.parse().unwrap(), Group::Named),
        3 | 4 => (UNNAMED.parse().unwrap(), Group::Unnamed),
        _ => {
            // A relayed address of ours, of a friend or of anybody. Who has no call may be cheated so; that is UDP.
            (known[life.below(known.len())].0, Group::Spoofed)
        }
    };
    if from.is_ipv4() == relayed.is_ipv4() {
        let data = message(life, group);
        life.sim.peer_sends(from, relayed, &data);
    }
}

/// A client moves, or leaves its place to somebody else.
fn change(life: &mut Life) {
    let device = life.below(DEVICES);
    life.hang_up(device);
    let stays = life.one_in(3) && !STREAMS.contains(&device);
    let place = if stays { life.devices[device].client.five_tuple.client.socket() } else { place(life) };
    let person = if life.one_in(2) { life.below(PEOPLE.len()) } else { life.devices[device].person };
    // What was said before has arrived by then.
    life.sim.advance(DELAY * 2);
    life.turn();
    life.tell(|| format!("device {device} is at {place} as person {person}"));
    life.devices[device] = life.device(device, place, person);
}

fn time_passes(life: &mut Life) {
    let by = match life.below(4000) {
        0 => Duration::from_secs(600 + life.below(3600) as u64),
        1..=4 => Duration::from_secs(60 + life.below(300) as u64),
        5..=100 => Duration::from_secs(life.below(10) as u64),
        _ => Duration::from_millis(life.below(20) as u64),
    };
    life.sim.advance(by);
}

fn disturb(life: &mut Life, denying: &mut bool) {
    match life.below(12) {
        0..=2 => {
            *denying = !*denying;
            life.reload(*denying);
        }
        3..=6 => {
            let wall = START.as_secs() + life.below(2 * 86_400) as u64;
            life.tell(|| format!("the wall clock is set to {wall}"));
            life.sim.set_wall(UnixTime::from_secs(wall));
        }
        7 if life.one_in(4) => {
            let shard = life.below(2);
            life.end_all(shard);
        }
        _ => {
            let wall = START.plus_secs(life.below(1000) as u64);
            life.sim.set_wall(wall);
        }
    }
}

fn people_with(id: &str) -> Vec<usize> {
    let holds = |each: &usize| PEOPLE[*each].id.starts_with(id);
    (0..PEOPLE.len()).filter(holds).collect()
}

fn the_brief_call() -> (Revoked, Vec<usize>) {
    let (issuer, call) = ("clinic".parse().unwrap(), "brief".parse().unwrap());
    (Revoked::Call { issuer, call }, people_with("brief-"))
}

fn a_token_of_the_blue_call() -> (Revoked, Vec<usize>) {
    let (issuer, id) = ("clinic".parse().unwrap(), "blue-c".parse().unwrap());
    (Revoked::Token { issuer, id }, people_with("blue-c"))
}

fn run(seed: u64) -> Seen {
    // What the seal is told is another matter; the call is asked for in every mode.
    let mode = Mode::ALL[usize::try_from(seed % 3).unwrap()];
    let mut life = Life::new(seed, mode);
    for number in 0..DEVICES {
        let place = place(&mut life);
        // The calls first, so that each has parties from the start.
        let person = if number < 13 { number } else { life.below(PEOPLE.len()) };
        let device = life.device(number, place, person);
        life.devices.push(device);
    }
    let mut denying = false;
    for step in 0..STEPS {
        match life.below(1000) {
            0..=2 => change(&mut life),
            3..=4 => disturb(&mut life, &mut denying),
            5..=70 => outside(&mut life),
            _ => speak(&mut life),
        }
        time_passes(&mut life);
        life.turn();
        if step == STEPS / 3 || step == STEPS / 4 * 3 {
            let what = if step == STEPS / 3 { the_brief_call() } else { a_token_of_the_blue_call() };
            life.revoke(what.0, &what.1);
        }
        if step == STEPS - 500 && seed.is_multiple_of(4) {
            life.drain();
        }
    }
    life.finish();
    for group in [Group::Red, Group::Green, Group::Blue] {
        let delivered = life.seen.delivered.get(&group).copied().unwrap_or(0);
        assert!(delivered > 50, "only {delivered} datagrams of {group:?} arrived");
    }
    life.seen.clone()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn no_byte_of_one_call_ever_appears_in_another() {
    if let Some(seed) = number("HILUM_CALLS_SEED") {
        println!("{:#?}", run(seed));
        return;
    }
    let steps = number("HILUM_CALLS_STEPS").unwrap_or(ALL_STEPS as u64);
    let lives = steps.div_ceil(STEPS as u64);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get()).min(8);
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let live = |first| move || (first..lives).step_by(threads).map(run).collect::<Vec<_>>();
        let threads: Vec<_> = (0..threads as u64).map(|first| scope.spawn(live(first))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("the life that failed is told above")).collect()
    });
    let mut all = Seen::default();
    seen.iter().for_each(|seen| all.add(seen));
    if steps < ALL_STEPS as u64 {
        return;
    }
    // Those who may be heard were heard, and those who may not have tried.
    for group in [Group::Open, Group::Brief, Group::Named, Group::Unnamed] {
        assert!(all.delivered.get(&group).is_some_and(|count| *count > 10), "{group:?}: {all:?}");
    }
    assert!(all.left.keys().copied().collect::<Vec<_>>() == [Group::Open, Group::Green], "{all:?}");
    assert!(all.ended > lives / 2, "{all:?}");
    assert!(all.reused > lives && all.refused.iter().all(|count| *count > 10 * lives), "{all:?}");
    println!("{all:?}");
}
