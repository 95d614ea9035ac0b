//! On which day each API key was last used: for reviews of who has access. A day is written once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::control::Control;
use crate::api::{ApiKeys, KeyId};
use crate::store::{Shelf, Store, StoreError};
use crate::time::UnixTime;

const DAY: u64 = 86_400;

/// See the module. There are as many entries as keys.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// The day of each key, and whether it is on its way to the disk or there.
    days: Mutex<BTreeMap<KeyId, (UnixTime, bool)>>,
    control: OnceLock<Arc<Control>>,
}

impl Uses {
    /// What is written of these keys; of others it is forgotten.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub(super) fn read(store: Option<&Store>, keys: &ApiKeys) -> Result<Self, StoreError> {
        let Some(store) = store else { return Ok(Self::default()) };
        let (mut days, mut over) = (BTreeMap::new(), Vec::new());
        for (name, bytes) in store.shelf(Shelf::ApiKeys)? {
            let day = <[u8; 8]>::try_from(bytes.as_slice()).map(|day| UnixTime::from_secs(u64::from_be_bytes(day)));
            let known = name.parse().ok().filter(|id| keys.iter().any(|key| key.id == *id));
            match (known, day) {
                (Some(id), Ok(day)) => drop(days.insert(id, (day, true))),
                _ => over.push((name, None)),
            }
        }
        store.put(Shelf::ApiKeys, &over)?;
        Ok(Self { days: Mutex::new(days), control: OnceLock::new() })
    }

    /// Days are written through this from now on.
    pub(super) fn write_through(&self, control: &Arc<Control>) {
        self.control.set(Arc::clone(control)).ok();
    }

    /// A key was used.
    pub(super) fn note(self: &Arc<Self>, id: KeyId, now: UnixTime) {
        let day = UnixTime::from_secs(now.as_secs() / DAY * DAY);
        let due = {
            let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
            let before = days.insert(id, (day, true));
            before != Some((day, true))
        };
        let (Some(control), Ok(runtime)) = (self.control.get(), tokio::runtime::Handle::try_current()) else { return };
        if due {
            let (uses, control) = (Arc::clone(self), Arc::clone(control));
            // Nobody waits for the disk. What it does not take is tried again with the next use.
            runtime.spawn_blocking(move || {
                let entry = (id.as_str().to_owned(), Some(day.as_secs().to_be_bytes().to_vec()));
                if control.keep(Shelf::ApiKeys, &[entry]).is_err() {
                    let mut days = uses.days.lock().unwrap_or_else(PoisonError::into_inner);
                    days.insert(id, (day, false));
                }
            });
        }
    }

    /// The day of the last use.
    pub(super) fn last(&self, id: &KeyId) -> Option<UnixTime> {
        let days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        days.get(id).map(|(day, _)| *day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ApiKey, Role};

    #[test]
    fn days_of_keys_that_are_no_more_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let made = |_| ApiKey::generate(Role::Issuer, String::new(), UnixTime::from_secs(0)).unwrap().0;
        let [one, other] = [0, 1].map(made);
        let day = |day: u64| Some((day * DAY).to_be_bytes().to_vec());
        let things = [
            (one.id.as_str().to_owned(), day(20_000)),
            (other.id.as_str().to_owned(), day(20_001)),
            ("damaged".to_owned(), Some(vec![1])),
        ];
        store.put(Shelf::ApiKeys, &things).unwrap();
        let uses = Uses::read(Some(&store), &ApiKeys::new(vec![one.clone()]).unwrap()).unwrap();
        assert_eq!(uses.last(&one.id), Some(UnixTime::from_secs(20_000 * DAY)));
        assert_eq!(uses.last(&other.id), None);
        assert_eq!(store.shelf(Shelf::ApiKeys).unwrap(), [(one.id.as_str().to_owned(), day(20_000).unwrap())]);
    }
}
