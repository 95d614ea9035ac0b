//! Ports that are open and not yet anybody's. The driver fills it; an allocation never waits for the system.

use crate::addr::Family;

use super::{Opened, Pool, Port};

/// Open ports in stock, by pool.
#[derive(Debug, Default)]
pub(super) struct Supply {
    v4: Shelf,
    v6: Shelf,
}

#[derive(Debug, Default)]
struct Shelf {
    singles: Vec<Port>,
    pairs: Vec<(Port, Port)>,
}

impl Supply {
    fn shelf(&self, family: Family) -> &Shelf {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    fn shelf_mut(&mut self, family: Family) -> &mut Shelf {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    /// How many openings of a pool are in stock.
    pub(super) fn stock(&self, pool: Pool) -> usize {
        match pool {
            Pool::Single(family) => self.shelf(family).singles.len(),
            Pool::Pair(family) => self.shelf(family).pairs.len(),
        }
    }

    /// Open ports in stock, all pools together.
    pub(super) fn ports(&self) -> usize {
        [&self.v4, &self.v6].iter().map(|shelf| shelf.singles.len() + 2 * shelf.pairs.len()).sum()
    }

    /// Takes in what the driver opened.
    pub(super) fn put(&mut self, opened: Opened) {
        match opened {
            Opened::Single(port) => self.shelf_mut(port.relayed().family()).singles.push(port),
            Opened::Pair(even, odd) => self.shelf_mut(even.relayed().family()).pairs.push((even, odd)),
        }
    }

    /// Any port.
    pub(super) fn take(&mut self, family: Family) -> Option<Port> {
        self.shelf_mut(family).singles.pop()
    }

    /// A port with an even number (RFC 8656 §18.7).
    pub(super) fn take_even(&mut self, family: Family) -> Option<Port> {
        let shelf = self.shelf_mut(family);
        if let Some(index) = shelf.singles.iter().rposition(|port| port.relayed().port() % 2 == 0) {
            return Some(shelf.singles.swap_remove(index));
        }
        let (even, odd) = shelf.pairs.pop()?;
        shelf.singles.push(odd);
        Some(even)
    }

    /// An even port and the next higher one.
    pub(super) fn take_pair(&mut self, family: Family) -> Option<(Port, Port)> {
        self.shelf_mut(family).pairs.pop()
    }
}
