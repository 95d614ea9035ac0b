//! How many requests there were, for metrics.

use core::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

use super::endpoint::Endpoint;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Ok,
    Unauthenticated,
    Forbidden,
    Invalid,
    Failed,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Ok, Self::Unauthenticated, Self::Forbidden, Self::Invalid, Self::Failed];

    const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
        }
    }

    fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthenticated,
            StatusCode::FORBIDDEN => Self::Forbidden,
            status if status.is_success() => Self::Ok,
            status if status.is_server_error() => Self::Failed,
            _ => Self::Invalid,
        }
    }
}

/// The endpoints, and everything else.
const ROUTES: usize = Endpoint::ALL.len() + 1;

/// Requests by endpoint and outcome.
#[derive(Debug, Default)]
pub struct Counts([[AtomicU64; Outcome::ALL.len()]; ROUTES]);

impl Counts {
    pub(super) fn count(&self, endpoint: Option<Endpoint>, status: StatusCode) {
        let row = endpoint.map_or(ROUTES - 1, |endpoint| endpoint as usize);
        if let Some(count) = self.0.get(row).and_then(|row| row.get(Outcome::of(status) as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every count with its labels: the route and the outcome.
    pub fn all(&self) -> Vec<([&'static str; 2], u64)> {
        let routes = Endpoint::ALL.iter().map(|endpoint| endpoint.label()).chain(["other"]);
        let rows = routes.zip(&self.0);
        rows.flat_map(|(route, row)| {
            let outcomes = Outcome::ALL.iter().zip(row);
            outcomes.map(move |(outcome, count)| ([route, outcome.label()], count.load(Ordering::Relaxed)))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_counts_once_under_its_own_labels() {
        let counts = Counts::default();
        for (endpoint, status) in [
            (Some(Endpoint::Calls), StatusCode::OK),
            (Some(Endpoint::Revoke), StatusCode::FORBIDDEN),
            (Some(Endpoint::Credentials), StatusCode::INSUFFICIENT_STORAGE),
            (None, StatusCode::UNAUTHORIZED),
            (None, StatusCode::NOT_FOUND),
        ] {
            counts.count(endpoint, status);
        }
        let seen: Vec<_> = counts.all().into_iter().filter(|(_, count)| *count > 0).map(|(labels, _)| labels).collect();
        let expected = [
            ["calls", "ok"],
            ["revoke", "forbidden"],
            ["credentials", "failed"],
            ["other", "unauthenticated"],
            ["other", "invalid"],
        ];
        assert_eq!(seen, expected);
        assert_eq!(counts.all().iter().map(|(_, count)| count).sum::<u64>(), 5);
        assert_eq!(counts.all().len(), (Endpoint::ALL.len() + 1) * 5);
    }
}
