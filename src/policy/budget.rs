//! stub
/// stub
#[derive(Debug)]
pub struct ChallengeBudget;
