//! A flat hash table from five-tuples to places in the table of allocations. A look-up is one probe, and nearly always
//! one cache line: an entry has eight bytes, because the five-tuple itself stands at the place.

/// The table before the first entry.
const FEWEST: usize = 16;
/// No place.
pub(super) const NOBODY: u32 = u32::MAX;

/// Open addressing with linear probing, at most half full. An entry is found from the highest bits of its tag on.
#[derive(Debug)]
pub(super) struct Flat {
    entries: Vec<Entry>,
    live: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// 32 bits of the key's hash, keyed so that nobody outside can choose what collides.
    tag: u32,
    /// [`NOBODY`] in an empty entry.
    place: u32,
}

impl Entry {
    const EMPTY: Self = Self { tag: 0, place: NOBODY };
}

impl Flat {
    pub(super) fn new() -> Self {
        Self { entries: vec![Entry::EMPTY; FEWEST], live: 0 }
    }

    /// Entries.
    pub(super) const fn len(&self) -> usize {
        self.live
    }

    /// The places with this tag: the one that is looked for, if it is there, and hardly ever another one.
    #[inline]
    pub(super) fn places(&self, tag: u32) -> impl Iterator<Item = u32> {
        let home = self.home(tag);
        let probes = (0..self.entries.len()).map(move |step| self.entry(home.wrapping_add(step)));
        probes.take_while(|entry| entry.place != NOBODY).filter(move |entry| entry.tag == tag).map(|entry| entry.place)
    }

    /// Puts a place in. It must not be in yet.
    pub(super) fn insert(&mut self, tag: u32, place: u32) {
        if self.live >= self.entries.len() / 2 {
            let larger = vec![Entry::EMPTY; self.entries.len().saturating_mul(2)];
            let before = core::mem::replace(&mut self.entries, larger);
            before.into_iter().filter(|entry| entry.place != NOBODY).for_each(|entry| self.put(entry));
        }
        self.put(Entry { tag, place });
        self.live += 1;
    }

    /// Takes a place out.
    pub(super) fn remove(&mut self, tag: u32, place: u32) {
        let mask = self.mask();
        let home = self.home(tag);
        let mut probes = (0..self.entries.len()).map(|step| home.wrapping_add(step));
        let found = probes.find(|&at| matches!(self.entry(at).place, found if found == place || found == NOBODY));
        let Some(found) = found.filter(|&at| self.entry(at).place == place) else { return };
        self.live -= 1;
        // What comes behind and may stand in the hole moves there, so that no probe ends too early.
        let mut hole = found;
        for next in (1..self.entries.len()).map(|step| found.wrapping_add(step)) {
            let entry = self.entry(next);
            if entry.place == NOBODY {
                break;
            }
            let from_home = next.wrapping_sub(self.home(entry.tag)) & mask;
            if from_home >= next.wrapping_sub(hole) & mask {
                self.set(hole, entry);
                hole = next;
            }
        }
        self.set(hole, Entry::EMPTY);
    }

    fn put(&mut self, entry: Entry) {
        let home = self.home(entry.tag);
        let mut probes = (0..self.entries.len()).map(|step| home.wrapping_add(step));
        if let Some(at) = probes.find(|&at| self.entry(at).place == NOBODY) {
            self.set(at, entry);
        }
    }

    /// Where a probe begins. The number of entries is a power of two.
    #[inline]
    fn home(&self, tag: u32) -> usize {
        let bits = self.entries.len().trailing_zeros();
        usize::try_from(tag >> u32::BITS.saturating_sub(bits)).unwrap_or(0)
    }

    #[inline]
    fn entry(&self, at: usize) -> Entry {
        self.entries.get(at & self.mask()).copied().unwrap_or(Entry::EMPTY)
    }

    fn set(&mut self, at: usize, entry: Entry) {
        let mask = self.mask();
        if let Some(place) = self.entries.get_mut(at & mask) {
            *place = entry;
        }
    }

    const fn mask(&self) -> usize {
        self.entries.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha12Rng;
    use rand_core::{RngCore, SeedableRng};

    // Few tags, so that most of them collide, and some at the end of the table, so that probes go round it.
    #[test]
    fn whatever_comes_and_goes_what_is_in_is_found_and_nothing_else() {
        let mut chance = ChaCha12Rng::from_seed([3; 32]);
        for tags in [1, 7, 200] {
            let mut flat = Flat::new();
            let mut model: Vec<(u32, u32)> = Vec::new();
            for place in 0..4000 {
                let tag = (chance.next_u32() % tags).wrapping_mul(0xffff_ffff / tags).wrapping_sub(5);
                if chance.next_u32() % 8 < 5 {
                    flat.insert(tag, place);
                    model.push((tag, place));
                } else if let Some(at) = chance.next_u32().checked_rem(u32::try_from(model.len()).unwrap()) {
                    let (tag, place) = model.swap_remove(usize::try_from(at).unwrap());
                    flat.remove(tag, place);
                    flat.remove(tag, place);
                }
                assert_eq!(flat.len(), model.len());
                let mut found: Vec<u32> = flat.places(tag).collect();
                let mut there: Vec<u32> = model.iter().filter(|each| each.0 == tag).map(|each| each.1).collect();
                found.sort_unstable();
                there.sort_unstable();
                assert_eq!(found, there, "{tags} tags, tag {tag}");
            }
        }
    }
}
