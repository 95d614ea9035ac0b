//! Who may reach whom, written down a second time and knowing nothing of `hilum::turn`: maps with expiries, and what the
//! RFC says about them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hilum::addr::{Family, FiveTuple, Link, Transport};
use hilum::time::{Moment, Now};
use hilum::wire::TransactionId;

pub use crate::words::{Badge, Expected, Granted, Inside, Nonce, Proof, Said, Wish, Word};

pub const SHARDS: usize = 2;
pub const MOST_PERMISSIONS: usize = 4;
pub const MOST_CHANNELS: usize = 3;
pub const MOST_PER_USER: usize = 4;
pub const MOST_ALLOCATIONS: usize = 11;
pub const NONCE_LIFETIME: u64 = 500;
const DEFAULT_LIFETIME: u64 = 600;
const MAX_LIFETIME: u64 = 3600;
const PERMISSION: Duration = Duration::from_secs(300);
const CHANNEL: Duration = Duration::from_secs(600);
const GRACE: u64 = 30;
const RESERVED: Duration = Duration::from_secs(30);
const RETRANSMITTED: Duration = Duration::from_secs(40);
/// Seconds that clocks may be apart where tokens are judged.
const SKEW: u64 = 60;

#[derive(Clone, Debug)]
pub struct Allocation {
    pub user: String,
    badge: Option<Badge>,
    transaction: TransactionId,
    answer: Granted,
    pub relayed: BTreeMap<Family, (SocketAddr, Moment)>,
    permissions: BTreeMap<IpAddr, Moment>,
    channels: BTreeMap<u16, (SocketAddr, Moment)>,
}

/// Something that has run out and that the relay may notice up to a second later.
struct Lingering {
    /// Of a whole allocation.
    user: Option<String>,
    badge: Option<Badge>,
    client: FiveTuple,
    address: SocketAddr,
    second: u64,
}

struct Farewell {
    client: FiveTuple,
    user: String,
    transaction: TransactionId,
    until: Moment,
}

#[derive(Clone, Copy, Default)]
pub struct Rules {
    pub denying: bool,
    pub draining: bool,
}

#[derive(Default)]
pub struct Model {
    pub allocations: BTreeMap<FiveTuple, Allocation>,
    pub rules: [Rules; SHARDS],
    lingering: Vec<Lingering>,
    farewells: Vec<Farewell>,
    reserved: BTreeMap<[u8; 8], (String, Moment)>,
}

/// The shard that hears a client: the kernel chooses by the five-tuple, the gate by the connection.
pub fn shard_of(client: &FiveTuple) -> usize {
    let number = match client.link {
        Link::Udp(_) | Link::Proxied(_) => u64::from(client.client.socket().port()),
        Link::Stream(connection, _) => connection.0,
    };
    usize::try_from(number).unwrap() % SHARDS
}

pub fn is_own(ip: IpAddr) -> bool {
    ["198.51.100.1", "2001:db8:1::1"].iter().any(|own| own.parse() == Ok(ip))
}

/// The network that is denied now and then.
pub fn is_in_denied_network(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets()[..3] == [203, 0, 113] && ip.octets()[3] >= 64)
}

/// Whether those of one badge may speak with those of another: other parties of one call, or nobody's call at all.
fn meet(one: Option<Badge>, other: Option<Badge>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.call == other.call && one.party != other.party,
        (None, None) => true,
        _ => false,
    }
}

fn is_allowed(ip: IpAddr, rules: Rules) -> bool {
    let private = matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 10);
    !(private || rules.denying && is_in_denied_network(ip))
}

impl Allocation {
    fn permits(&self, ip: IpAddr, now: Moment) -> bool {
        self.permissions.get(&ip).is_some_and(|expires| now < *expires)
    }

    /// Whether a permission may be given: a call is only with clients of this relay.
    fn may_permit(&self, ip: IpAddr, rules: Rules) -> bool {
        is_allowed(ip, rules) && (self.badge.is_none() || is_own(ip))
    }

    fn channel_to(&self, peer: SocketAddr) -> Option<u16> {
        self.channels.iter().find(|(_, (bound, _))| *bound == peer).map(|(number, _)| *number)
    }

    fn from(&self, peer: SocketAddr) -> Option<SocketAddr> {
        self.relayed.get(&Family::of(peer.ip())).map(|(address, _)| *address)
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.relayed.values().map(|(address, _)| *address).collect()
    }

    fn forget_run_out(&mut self, now: Moment) {
        self.permissions.retain(|_, expires| now < *expires);
        self.channels.retain(|_, (_, expires)| now < *expires);
    }

    fn drop_family(&mut self, family: Family) {
        self.relayed.remove(&family);
        self.permissions.retain(|ip, _| Family::of(*ip) != family);
        self.channels.retain(|_, (peer, _)| Family::of(peer.ip()) != family);
    }

    /// Permits, within the bound.
    fn permit(&mut self, ip: IpAddr, now: Moment) -> bool {
        if !self.permissions.contains_key(&ip) && self.permissions.len() >= MOST_PERMISSIONS {
            return false;
        }
        self.permissions.insert(ip, now + PERMISSION);
        true
    }
}

/// Seconds until a credential grants nothing any more.
fn left(proof: &Proof, now: Now) -> u64 {
    proof.until.map_or(u64::MAX, |until| (until.as_secs() + GRACE).saturating_sub(now.unix.as_secs()))
}

impl Model {
    /// Lets run out what has run out by now.
    pub fn catch_up(&mut self, now: Now) {
        let second = now.moment.as_secs();
        let (lingering, moment) = (&mut self.lingering, now.moment);
        self.allocations.retain(|client, allocation| {
            let over: Vec<_> = allocation.relayed.iter().filter(|(_, (_, expires))| *expires <= moment).collect();
            let whole = over.len() == allocation.relayed.len();
            lingering.extend(over.iter().map(|(_, (address, expires))| Lingering {
                user: whole.then(|| allocation.user.clone()),
                badge: allocation.badge,
                client: *client,
                address: *address,
                second: expires.as_nanos().div_ceil(1_000_000_000),
            }));
            let over: Vec<Family> = over.into_iter().map(|(family, _)| *family).collect();
            over.into_iter().for_each(|family| allocation.drop_family(family));
            allocation.forget_run_out(moment);
            !whole
        });
        self.lingering.retain(|each| second < each.second);
        self.farewells.retain(|each| moment < each.until);
        self.reserved.retain(|_, (_, until)| moment < *until);
    }

    /// How many allocations a shard may have right now: at least and at most.
    pub fn bounds(&self, shard: usize) -> (usize, usize) {
        let live = self.allocations.keys().filter(|client| shard_of(client) == shard).count();
        let ghosts = self.ghosts(|each| shard_of(&each.client) == shard);
        (live, live + ghosts)
    }

    fn ghosts(&self, which: impl Fn(&Lingering) -> bool) -> usize {
        let mut ghosts: Vec<_> =
            self.lingering.iter().filter(|each| each.user.is_some() && which(each)).map(|each| each.client).collect();
        ghosts.sort_unstable();
        ghosts.dedup();
        ghosts.len()
    }

    /// Who has a relayed address.
    fn holder(&self, address: SocketAddr) -> Option<(&FiveTuple, &Allocation)> {
        let has = |each: &Allocation| each.relayed.values().any(|(relayed, _)| *relayed == address);
        self.allocations.iter().find(|(_, each)| has(each))
    }

    /// Whether somebody whom these may meet has this relayed address: certainly, and perhaps still.
    fn relays(&self, badge: Option<Badge>, address: SocketAddr) -> (bool, bool) {
        let live = self.holder(address).is_some_and(|(_, each)| meet(badge, each.badge));
        let lingers = |each: &Lingering| each.address == address && meet(badge, each.badge);
        (live, live || self.lingering.iter().any(lingers))
    }

    /// What must become of what a client said.
    pub fn hears(&self, said: &Said, now: Now) -> Expected {
        let allocation = self.allocations.get(&said.client);
        match (&said.word, &said.proof) {
            (Word::Channel(number, data), _) => {
                let bound = allocation.and_then(|found| Some((found, found.channels.get(number)?.0)));
                bound.map_or(Expected::Nothing, |(found, peer)| self.passes(said, found, peer, data, now))
            }
            (Word::Send(peer, data), _) => match allocation {
                Some(found) if is_own(peer.ip()) || peer.port() >= 1024 => self.passes(said, found, *peer, data, now),
                _ => Expected::Nothing,
            },
            (Word::Ask, _) | (_, None) => Expected::Answer(vec![401]),
            (_, Some(proof)) => {
                let age = now.moment.as_secs() - proof.nonce.second;
                if proof.nonce.client != said.client.client.socket() || age > NONCE_LIFETIME {
                    return Expected::Answer(vec![438]);
                }
                let skew = if proof.badge.is_some() { SKEW } else { 0 };
                if !proof.genuine || proof.until.is_some_and(|until| until.plus_secs(skew) <= now.unix) {
                    return Expected::Answer(vec![401]);
                }
                Expected::Answer(self.answers(said, proof, now))
            }
        }
    }

    fn passes(&self, said: &Said, allocation: &Allocation, peer: SocketAddr, data: &[u8], now: Now) -> Expected {
        let Some(from) = allocation.from(peer) else { return Expected::Nothing };
        let outside = (allocation.badge.is_none(), allocation.badge.is_none());
        let (surely, perhaps) = if is_own(peer.ip()) { self.relays(allocation.badge, peer) } else { outside };
        if !allocation.permits(peer.ip(), now.moment) || !perhaps {
            return Expected::Nothing;
        }
        if allocation.badge.is_some() {
            let lingering = self.lingering.iter().find(|each| each.address == peer).map(|each| each.client);
            let holder = self.holder(peer);
            let client = holder.map(|(client, _)| *client).or(lingering).expect("somebody has it");
            let way = match holder {
                _ if shard_of(&client) != shard_of(&said.client) => Inside::OtherShard { perhaps: !surely },
                Some((_, other)) if other.permits(from.ip(), now.moment) => {
                    Inside::Here(client, other.channel_to(from))
                }
                _ => Inside::Lost,
            };
            return Expected::Inside { from, to: peer, data: data.to_vec(), way };
        }
        Expected::ToPeer { from, to: peer, data: data.to_vec(), perhaps: !surely }
    }

    fn answers(&self, said: &Said, proof: &Proof, now: Now) -> Vec<u16> {
        let rules = self.rules[shard_of(&said.client)];
        let allocation = self.allocations.get(&said.client);
        if let Word::Allocate { wish, .. } = &said.word {
            return match allocation {
                Some(found) if found.transaction == said.transaction && found.user == proof.user => vec![0],
                Some(_) => vec![437],
                None if rules.draining => vec![508],
                None if proof.badge.is_some_and(|badge| badge.begins_until.plus_secs(SKEW) <= now.unix) => vec![403],
                None => self.answers_to_new(*wish, proof, now),
            };
        }
        if self.is_farewell(said, proof) {
            return vec![0];
        }
        let Some(allocation) = allocation else { return vec![437] };
        if allocation.user != proof.user {
            return vec![441];
        }
        match &said.word {
            Word::Refresh { family, lifetime } => match family {
                Some(family) if !allocation.relayed.contains_key(family) => vec![443],
                _ if *lifetime != Some(0) && left(proof, now) == 0 => vec![403],
                _ => vec![0],
            },
            Word::Permit(peers) => {
                if peers.iter().any(|peer| allocation.from(*peer).is_none()) {
                    return vec![443];
                }
                let mut trial = allocation.clone();
                let fault = peers.iter().find_map(|peer| {
                    if !allocation.may_permit(peer.ip(), rules) {
                        return Some(403);
                    }
                    (!trial.permit(peer.ip(), now.moment)).then_some(508)
                });
                vec![fault.unwrap_or(0)]
            }
            Word::Bind(number, peer) => self.answers_to_bind(allocation, *number, *peer, rules, now),
            Word::Ask | Word::Allocate { .. } | Word::Channel(..) | Word::Send(..) => unreachable!("no such request"),
        }
    }

    fn answers_to_new(&self, wish: Wish, proof: &Proof, now: Now) -> Vec<u16> {
        let user = proof.user.as_str();
        let held = self.allocations.values().filter(|each| each.user == user).count();
        let perhaps = held + self.ghosts(|each| each.user.as_deref() == Some(user));
        let total = self.allocations.len();
        let perhaps_total = total + self.ghosts(|_| true);
        if held >= MOST_PER_USER {
            return vec![486];
        }
        let fair = match wish {
            // The skew lets a token in that has nothing left to grant.
            _ if left(proof, now) == 0 => 403,
            Wish::Reserved(token) if self.reserved.get(&token).is_none_or(|(holder, _)| holder != user) => 508,
            _ => 0,
        };
        let mut answers = vec![if total >= MOST_ALLOCATIONS { 508 } else { fair }];
        if perhaps >= MOST_PER_USER {
            answers.push(486);
        }
        if perhaps_total >= MOST_ALLOCATIONS {
            answers.push(508);
        }
        answers
    }

    fn answers_to_bind(
        &self,
        allocation: &Allocation,
        number: u16,
        peer: SocketAddr,
        rules: Rules,
        now: Now,
    ) -> Vec<u16> {
        let other_peer = allocation.channels.get(&number).is_some_and(|(bound, _)| *bound != peer);
        let other_number = allocation.channels.iter().any(|(each, (bound, _))| *bound == peer && *each != number);
        if other_peer || other_number {
            return vec![400];
        }
        if allocation.from(peer).is_none() {
            return vec![443];
        }
        let outside = (peer.port() >= 1024 && allocation.badge.is_none(), false);
        let (surely, perhaps) = if is_own(peer.ip()) { self.relays(allocation.badge, peer) } else { outside };
        let mut answers = Vec::new();
        if !surely {
            answers.push(403);
        }
        if !allocation.may_permit(peer.ip(), rules) {
            return vec![403];
        }
        if surely || perhaps {
            let full = !allocation.channels.contains_key(&number) && allocation.channels.len() >= MOST_CHANNELS;
            let permitted = allocation.clone().permit(peer.ip(), now.moment);
            answers.push(if full || !permitted { 508 } else { 0 });
        }
        answers
    }

    fn is_farewell(&self, said: &Said, proof: &Proof) -> bool {
        let same = |each: &Farewell| {
            each.client == said.client && each.user == proof.user && each.transaction == said.transaction
        };
        matches!(said.word, Word::Refresh { .. }) && self.farewells.iter().any(same)
    }

    fn lifetime(&self, asked: Option<u32>, proof: &Proof, now: Now) -> u64 {
        let wish = asked.map_or(DEFAULT_LIFETIME, |asked| u64::from(asked).clamp(DEFAULT_LIFETIME, MAX_LIFETIME));
        wish.min(left(proof, now))
    }

    /// A request was granted: the model does the same. `granted` is what an Allocate's or a Refresh's answer said.
    pub fn does(&mut self, said: &Said, granted: Granted, now: Now) {
        let Some(proof) = &said.proof else { panic!("granted without credentials") };
        let farewell = self.is_farewell(said, proof);
        match &said.word {
            Word::Allocate { wish, lifetime } => self.allocate(said, proof, (*wish, *lifetime), granted, now),
            Word::Refresh { .. } if farewell => assert_eq!(granted.lifetime, 0),
            Word::Refresh { lifetime, family } => self.refresh(said, proof, (*lifetime, *family), granted, now),
            Word::Permit(peers) => {
                let allocation = self.allocations.get_mut(&said.client).unwrap();
                for peer in peers {
                    assert!(allocation.permit(peer.ip(), now.moment));
                }
            }
            Word::Bind(number, peer) => {
                let allocation = self.allocations.get_mut(&said.client).unwrap();
                assert!(allocation.permit(peer.ip(), now.moment));
                allocation.channels.insert(*number, (*peer, now.moment + CHANNEL));
            }
            Word::Ask | Word::Channel(..) | Word::Send(..) => panic!("nothing to grant"),
        }
    }

    fn allocate(&mut self, said: &Said, proof: &Proof, (wish, asked): (Wish, Option<u32>), granted: Granted, now: Now) {
        if let Some(allocation) = self.allocations.get(&said.client) {
            assert_eq!(allocation.answer, granted, "a retransmitted Allocate has the same answer");
            return;
        }
        assert_eq!(granted.lifetime, self.lifetime(asked, proof, now), "the lifetime of an allocation");
        let mut families: Vec<Family> = granted.relayed.iter().map(|address| Family::of(address.ip())).collect();
        match wish {
            Wish::One(family) => assert_eq!(families, [family]),
            Wish::Both => assert_eq!(families, [Family::V4, Family::V6]),
            Wish::EvenAndNext => {
                assert_eq!(granted.relayed[0].port() % 2, 0);
                let token = granted.token.expect("a token for the next port");
                self.reserved.insert(token, (proof.user.clone(), now.moment + RESERVED));
            }
            Wish::Reserved(token) => {
                assert_eq!(granted.relayed[0].port() % 2, 1);
                self.reserved.remove(&token).expect("a token counts once");
            }
        }
        for address in &granted.relayed {
            assert!(is_own(address.ip()));
            assert!(self.holder(*address).is_none(), "a relayed address belongs to one allocation");
            // An address of a call has no socket, and none of the numbers of those that have one.
            assert_eq!(address.port() < 49_152, proof.badge.is_some());
        }
        let expires = now.moment + Duration::from_secs(granted.lifetime);
        let relayed = families.drain(..).zip(granted.relayed.iter().map(|address| (*address, expires))).collect();
        let allocation = Allocation {
            user: proof.user.clone(),
            badge: proof.badge,
            transaction: said.transaction,
            answer: granted,
            relayed,
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
        };
        self.allocations.insert(said.client, allocation);
    }

    fn refresh(
        &mut self,
        said: &Said,
        proof: &Proof,
        (asked, family): (Option<u32>, Option<Family>),
        granted: Granted,
        now: Now,
    ) {
        let lifetime = if asked == Some(0) { 0 } else { self.lifetime(asked, proof, now) };
        assert_eq!(granted.lifetime, lifetime, "the lifetime of a refreshed allocation");
        let allocation = self.allocations.get_mut(&said.client).unwrap();
        if lifetime > 0 {
            for (each, (_, expires)) in &mut allocation.relayed {
                if family.is_none_or(|family| family == *each) {
                    *expires = now.moment + Duration::from_secs(lifetime);
                }
            }
            return;
        }
        let (client, user, transaction) = (said.client, proof.user.clone(), said.transaction);
        self.farewells.push(Farewell { client, user, transaction, until: now.moment + RETRANSMITTED });
        match family {
            Some(family) if allocation.relayed.len() > 1 => allocation.drop_family(family),
            _ => self.ends(&said.client),
        }
    }

    /// What must become of a datagram from a peer to a relayed address.
    pub fn hears_peer(&self, peer: SocketAddr, relayed: SocketAddr, data: &[u8], now: Now) -> Expected {
        // Nothing comes to an address of a call from outside, and nothing comes from one.
        let forged = self.holder(peer).is_some_and(|(_, each)| each.badge.is_some());
        let perhaps = self.lingering.iter().any(|each| each.address == peer && each.badge.is_some());
        match self.holder(relayed) {
            Some((client, allocation)) if allocation.badge.is_none() && !forged => {
                self.reaches(client, peer, data, perhaps, now)
            }
            _ => Expected::Nothing,
        }
    }

    fn reaches(&self, client: &FiveTuple, peer: SocketAddr, data: &[u8], perhaps: bool, now: Now) -> Expected {
        let allocation = &self.allocations[client];
        if !allocation.permits(peer.ip(), now.moment) {
            return Expected::Nothing;
        }
        Expected::ToClient { client: *client, channel: allocation.channel_to(peer), data: data.to_vec(), perhaps }
    }

    /// What must become of a datagram that comes from the other shard.
    pub fn hears_shard(&self, from: SocketAddr, to: SocketAddr, data: &[u8], now: Now) -> Expected {
        let Some((client, receiver)) = self.holder(to) else { return Expected::Nothing };
        let (surely, perhaps) = self.relays(receiver.badge, from);
        if perhaps { self.reaches(client, from, data, !surely, now) } else { Expected::Nothing }
    }

    /// How the client is connected whose relayed address this is.
    pub fn transport_at(&self, relayed: SocketAddr) -> Option<Transport> {
        self.holder(relayed).map(|(client, _)| client.link.transport())
    }

    /// The channels and the permitted IP addresses of a client, for those who want to use them.
    pub fn reach(&self, client: &FiveTuple) -> (Vec<u16>, Vec<IpAddr>) {
        let Some(allocation) = self.allocations.get(client) else { return (Vec::new(), Vec::new()) };
        (allocation.channels.keys().copied().collect(), allocation.permissions.keys().copied().collect())
    }

    /// When something runs out, anything at all.
    pub fn expiries(&self) -> Vec<Moment> {
        let of = |each: &Allocation| {
            let relayed = each.relayed.values().map(|(_, expires)| *expires);
            let channels = each.channels.values().map(|(_, expires)| *expires);
            relayed.chain(channels).chain(each.permissions.values().copied()).collect::<Vec<_>>()
        };
        self.allocations.values().flat_map(of).collect()
    }

    /// An allocation is gone at once.
    pub fn ends(&mut self, client: &FiveTuple) {
        self.allocations.remove(client);
    }

    /// Every allocation of a shard is gone at once.
    pub fn all_end(&mut self, shard: usize) {
        self.allocations.retain(|client, _| shard_of(client) != shard);
    }

    /// Another process takes over: connections are gone, and nobody remembers whose allocation was deleted when.
    pub fn restarts(&mut self) {
        self.allocations.retain(|client, _| !client.link.transport().is_stream());
        self.farewells.clear();
        self.rules.iter_mut().for_each(|rules| rules.draining = false);
    }

    /// A shard denies a network, or no longer does.
    pub fn reload(&mut self, shard: usize, denying: bool) {
        self.rules[shard].denying = denying;
        let rules = self.rules[shard];
        for (_, allocation) in self.allocations.iter_mut().filter(|(client, _)| shard_of(client) == shard) {
            allocation.permissions.retain(|ip, _| is_allowed(*ip, rules));
            allocation.channels.retain(|_, (peer, _)| is_allowed(peer.ip(), rules));
        }
    }
}
