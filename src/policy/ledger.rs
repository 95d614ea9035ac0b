//! stub
use super::Quota;
use std::sync::Arc;
/// stub
#[derive(Debug)]
pub struct Ledger;
/// stub
#[derive(Debug)]
pub struct Reservation;
/// stub
#[derive(Debug)]
pub enum Exceeded {
    Total,
    Subject,
}
impl Ledger {
    /// stub
    pub fn new(_quota: Quota) -> Arc<Self> {
        todo!()
    }
}
