//! A picture of the tables: packets for each second of CPU, by what they are and where they go.

use super::plot::{Bar, Bars, Ink};
use super::report::Row;
use super::servers::Kind;

/// Each relay has the same in all pictures.
impl From<Kind> for Ink {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Hilum => Self::Ours,
            Kind::Coturn => Self::First,
            Kind::TurnCrate => Self::Second,
            Kind::TurnServer => Self::Third,
            Kind::Bare => Self::Limit,
        }
    }
}

/// The lines of the tables that are drawn, as they begin, and what they are called there.
const DRAWN: [(&str, &str); 6] = [
    ("up, 172 bytes, 64", "voice, from 64 clients to peers outside"),
    ("down, 172 bytes, 64", "voice, from peers outside to 64 clients"),
    ("up, bursts of 8 × 1,200 bytes, 64", "video, from 64 clients to peers outside"),
    ("down, bursts of 8 × 1,200 bytes, 64", "video, from peers outside to 64 clients"),
    ("client to client, 172 bytes, closed", "voice, client to client (Hilum: closed calls)"),
    ("client to client, bursts of 8 × 1,200 bytes, closed", "video, client to client (Hilum: closed calls)"),
];

/// The name of the picture and what is in it; `None` when none of these lines is there.
pub fn plot(rows: &[&Row]) -> Option<(String, String)> {
    let drawn = DRAWN.iter().filter_map(|(begin, name)| {
        let row = rows.iter().find(|row| row.work.starts_with(begin))?;
        Some(((*name).to_owned(), *row))
    });
    let drawn: Vec<(String, &Row)> = drawn.collect();
    let times = |(_, row): &(String, &Row)| {
        let of = |kind: Kind| Kind::ALL.iter().position(|each| *each == kind).and_then(|at| row.figures[at]);
        Some(of(Kind::Hilum)? / of(Kind::Coturn)?)
    };
    let times = || drawn.iter().filter_map(times).filter(|times| times.is_finite());
    let (least, most) = (times().fold(f64::INFINITY, f64::min), times().fold(0.0, f64::max));
    let groups: Vec<(String, Vec<Bar>)> = drawn.iter().map(|(name, row)| (name.clone(), bars(row))).collect();
    let bars = Bars {
        title: format!("Hilum passes on {least:.1} to {most:.1} times as many packets per second of CPU as coturn"),
        description:
            "Packets that arrive for each second of the server's CPU, a group of bars for each kind of load, a \
                      bar for each relay."
                .to_owned(),
        label: "packets per second of the server's CPU; bare: a forwarder that does nothing else".to_owned(),
        groups,
    };
    (!bars.groups.is_empty()).then(|| ("throughput".to_owned(), bars.draw()))
}

fn bars(row: &Row) -> Vec<Bar> {
    let bar = |(kind, figure): (Kind, Option<f64>)| {
        let value = figure.filter(|figure| figure.is_finite())?;
        Some(Bar { name: kind.name().replace('`', ""), ink: kind.into(), value: (value / 100.0).round() * 100.0 })
    };
    Kind::ALL.into_iter().zip(row.figures).filter_map(bar).collect()
}
