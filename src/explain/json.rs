//! Lines and summary for programs.

use serde_json::{Map, Value, json};

use crate::policy::seal::{Fact, Way};

use super::line::{Kind, Line, Name, Opened, Verdict};
use super::summary::{Outcome, PathSummary, Summary};
use super::text::Names;

impl Line {
    /// The line as an object.
    #[must_use]
    pub fn json(&self, names: &Names) -> Value {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| _ = object.insert(key.to_owned(), value);
        put("packet", json!(self.packet));
        put("nanoseconds", json!(self.time));
        put("what", json!(self.what));
        put("bytes", json!(self.bytes));
        put("verdict", json!(word(self.verdict)));
        for (key, name) in [("client", self.client.map(Name::Client)), ("peer", self.peer)] {
            if let Some(name) = name {
                put(key, json!(names.of(name)));
            }
        }
        if let Some(way) = self.way {
            put("way", json!(way_word(way)));
        }
        match self.verdict {
            Verdict::Refused(reason) => {
                put("reason", json!(reason.label()));
                put("explanation", json!(reason.explanation()));
            }
            Verdict::Unjudged(why) => {
                put("reason", json!(why.label()));
                put("explanation", json!(why.explanation()));
            }
            Verdict::Passes | Verdict::Turn | Verdict::Aside => {}
        }
        if let Some(opened) = &self.opened {
            put("seal", seal(opened));
        }
        Value::Object(object)
    }
}

impl Summary {
    /// The summary as an object with one key, which tells it from the lines.
    #[must_use]
    pub fn json(&self, names: &Names) -> Value {
        let unjudged: Map<_, _> = self.unjudged.iter().map(|(why, n)| (why.label().to_owned(), json!(n))).collect();
        let aside: Map<_, _> = self.aside.iter().map(|(what, n)| (what.label().to_owned(), json!(n))).collect();
        let outcome = match self.outcome() {
            Outcome::Passes => "passes",
            Outcome::Refused => "refused",
            Outcome::Unjudged => "not judged",
            Outcome::Nothing => "nothing relayed",
        };
        json!({"summary": {
            "outcome": outcome,
            "packets": self.packets,
            "clients": self.clients,
            "turn": self.turn,
            "passed": self.passed,
            "refused": self.refused,
            "first_refused": self.first_refused,
            "unjudged": unjudged,
            "ip_fragments": self.fragments,
            "tcp_streams_with_a_hole": self.waiting,
            "aside": aside,
            "truncated": self.truncated,
            "unreadable": self.unreadable.map(|unreadable| unreadable.to_string()),
            "paths": self.paths.iter().map(|path| path_json(path, names)).collect::<Vec<_>>(),
        }})
    }
}

fn path_json(path: &PathSummary, names: &Names) -> Value {
    let passed = Kind::ALL.into_iter().filter_map(|kind| {
        let count = path.passed.get(&kind)?;
        Some((kind.label(true).to_ascii_lowercase(), json!(count)))
    });
    let refused = path.refused.iter().map(|((reason, way), (count, first))| {
        json!({
            "reason": reason.label(),
            "explanation": reason.explanation(),
            "way": way_word(*way),
            "packets": count,
            "first": first,
        })
    });
    let unjudged = path.unjudged.iter().map(|(why, count)| (why.label().to_owned(), json!(count)));
    json!({
        "client": names.of(Name::Client(path.client)),
        "peer": names.of(path.peer),
        "passed": passed.collect::<Map<_, _>>(),
        "refused": refused.collect::<Vec<_>>(),
        "unjudged": unjudged.collect::<Map<_, _>>(),
        "seals": path.opened.iter().map(seal).collect::<Vec<_>>(),
    })
}

fn seal(opened: &Opened) -> Value {
    let offered: Vec<_> = opened.offered.iter().map(|profile| profile.label()).collect();
    let Fact::Opened { version, profile, suite, after } = opened.fact else { return Value::Null };
    json!({
        "packet": opened.packet,
        "dtls": version.label(),
        "suite": suite.label(),
        "profile": profile.map(|profile| profile.label()),
        "offered": offered,
        "milliseconds": u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
    })
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passes => "passes",
        Verdict::Refused(_) => "refused",
        Verdict::Unjudged(_) => "not judged",
        Verdict::Turn => "turn",
        Verdict::Aside => "aside",
    }
}

const fn way_word(way: Way) -> &'static str {
    match way {
        Way::Up => "from the client",
        Way::Down => "from the peer",
    }
}
