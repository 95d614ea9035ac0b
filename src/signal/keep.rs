//! What must survive a restart: written when it changes, and again when the disk did not take it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::service::{Signal, blocking};
use crate::store::Shelf;

impl Signal {
    /// Writes what has changed in the book, now. False if the disk did not take it: it is asked again, once a second.
    pub(super) fn write(&self) -> bool {
        self.put(Shelf::Appointments)
    }

    /// Writes what has changed in the roster, now, in the same way.
    pub(super) fn write_roster(&self) -> bool {
        self.put(Shelf::Staff)
    }

    fn put(&self, shelf: Shelf) -> bool {
        let mut refused = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = match shelf {
            Shelf::Appointments => self.book().changes(),
            Shelf::Staff => self.roster().changes(),
            // Others keep these.
            Shelf::ApiKeys | Shelf::Webhooks => return true,
        };
        // What was refused to others is among the changes, so nothing is left to be kept.
        if changes.is_empty() {
            return true;
        }
        let kept = self.outside.keep(shelf, &changes);
        let was_refused = core::mem::replace(&mut *refused, kept.is_err());
        self.failing.store(kept.is_err(), Ordering::Relaxed);
        match kept {
            Ok(()) => {
                if was_refused {
                    tracing::info!("appointments and accounts of staff are written again");
                }
                true
            }
            Err(why) => {
                match shelf {
                    Shelf::Appointments => self.book().not_kept(&changes),
                    Shelf::Staff => self.roster().not_kept(&changes),
                    Shelf::ApiKeys | Shelf::Webhooks => {}
                }
                self.refused.store(true, Ordering::Relaxed);
                if !was_refused {
                    tracing::error!(
                        "appointments or accounts of staff could not be written, which is tried again every second; \
                         a restart before forgets the changes: {why}"
                    );
                }
                false
            }
        }
    }

    /// Whether the disk has refused the last change.
    pub(super) fn is_refused(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    pub(super) fn write_soon(self: &Arc<Self>) {
        let signal = Arc::clone(self);
        blocking(move || {
            signal.write();
            signal.write_roster();
        });
    }

    /// Asks the disk again for what it has refused.
    pub(super) fn write_refused(self: &Arc<Self>) {
        if self.refused.swap(false, Ordering::Relaxed) {
            self.write_soon();
        }
    }
}
