//! Reading a case file: lines of words. What cannot be read is a fault of the file and named with its line.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// One file.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    /// The comment at its top: what it shows.
    pub title: String,
    pub steps: Vec<Step>,
}

#[derive(Debug)]
pub struct Step {
    pub line: usize,
    pub action: Action,
}

#[derive(Debug)]
pub enum Action {
    /// `settings min-dtls=1.3 ...`: before anything else.
    Settings(Words),
    /// `dave at 203.0.113.5:7000`: somebody outside.
    Foreign(String, SocketAddr),
    /// `twin as alice`: a second client with the same credential.
    Twin(String, String),
    /// `wait 61`: seconds.
    Wait(u64),
    /// `closed 1`: so many open conversations have been forgotten by now.
    Closed(usize),
    /// `end alice/1`: an allocation ends.
    End(Place),
    /// `alice <-> bob  handshake 1.2 ... => sealed`: a handshake, its client first.
    Handshake { client: Place, server: Place, words: Words, sealed: bool },
    /// `alice -> bob  rtp pcmu => refused media_unsealed`: one or more datagrams.
    Send { from: Place, to: Place, items: Vec<Words>, expected: Expected },
}

/// What becomes of the last datagram of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    Pass,
    /// It passes, and with it a handshake is complete.
    Opens,
    Refused(String),
    /// Report mode: it passes, and is counted under this reason.
    Reported(String),
}

/// A client and the number of its allocation; or somebody outside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub name: String,
    pub allocation: u8,
}

/// A word and its options: `name first second key=value flag`.
#[derive(Clone, Debug, Default)]
pub struct Words {
    pub name: String,
    plain: Vec<String>,
    options: BTreeMap<String, String>,
}

type Read<T> = Result<T, String>;

impl Case {
    /// Reads a file.
    pub fn read(name: &str, text: &str) -> Read<Self> {
        let mut title = String::new();
        let mut steps = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let (code, comment) = line.split_once('#').unwrap_or((line, ""));
            if steps.is_empty() && code.trim().is_empty() {
                title.push_str(comment);
                continue;
            }
            if code.trim().is_empty() {
                continue;
            }
            let action = action(code.trim()).map_err(|fault| format!("{name}, line {number}: {fault}: {line}"))?;
            steps.push(Step { line: number, action });
        }
        if title.trim().is_empty() {
            return Err(format!("{name}: begin with a comment that says what is shown"));
        }
        Ok(Self { name: name.to_owned(), title: title.trim().to_owned(), steps })
    }
}

fn action(code: &str) -> Read<Action> {
    let words: Vec<&str> = code.split_whitespace().collect();
    match words.as_slice() {
        ["settings", rest @ ..] => Ok(Action::Settings(Words::read("settings", rest)?)),
        [name, "at", address] => {
            let address = address.parse().map_err(|_| "not an address with a port".to_owned())?;
            Ok(Action::Foreign((*name).to_owned(), address))
        }
        [name, "as", other] => Ok(Action::Twin((*name).to_owned(), (*other).to_owned())),
        ["wait", seconds] => Ok(Action::Wait(seconds.parse().map_err(|_| "not a number of seconds".to_owned())?)),
        ["closed", count] => Ok(Action::Closed(count.parse().map_err(|_| "not a number".to_owned())?)),
        ["end", place] => Ok(Action::End(Place::read(place)?)),
        [from, arrow @ ("->" | "<->"), rest @ ..] => {
            let at = rest.iter().position(|word| *word == "=>").ok_or("no verdict: end with => pass or => refused")?;
            let (what, verdict) = rest.split_at(at);
            let [to, what @ ..] = what else { return Err("nobody to send to".to_owned()) };
            let (from, to) = (Place::read(from)?, Place::read(to)?);
            if *arrow == "<->" {
                handshake(from, to, what, &verdict[1..])
            } else {
                let items = what.split(|word| *word == "+").map(|item| match item {
                    [name, rest @ ..] => Words::read(name, rest),
                    [] => Err("nothing to send".to_owned()),
                });
                Ok(Action::Send { from, to, items: items.collect::<Read<_>>()?, expected: expected(&verdict[1..])? })
            }
        }
        _ => Err("not a line of this language".to_owned()),
    }
}

fn handshake(client: Place, server: Place, what: &[&str], verdict: &[&str]) -> Read<Action> {
    let ["handshake", rest @ ..] = what else { return Err("only a handshake goes both ways".to_owned()) };
    let sealed = match verdict {
        ["sealed"] => true,
        ["not", "sealed"] => false,
        _ => return Err("a handshake ends with => sealed or => not sealed".to_owned()),
    };
    Ok(Action::Handshake { client, server, words: Words::read("handshake", rest)?, sealed })
}

fn expected(verdict: &[&str]) -> Read<Expected> {
    match verdict {
        ["pass"] => Ok(Expected::Pass),
        ["opens"] => Ok(Expected::Opens),
        ["refused", reason] => Ok(Expected::Refused((*reason).to_owned())),
        ["reported", reason] => Ok(Expected::Reported((*reason).to_owned())),
        _ => Err("a verdict is pass, opens, refused REASON or reported REASON".to_owned()),
    }
}

impl Place {
    fn read(text: &str) -> Read<Self> {
        let (name, allocation) = text.split_once('/').unwrap_or((text, "1"));
        let allocation = allocation.parse().map_err(|_| "an allocation is a number".to_owned())?;
        Ok(Self { name: name.to_owned(), allocation })
    }
}

impl Words {
    fn read(name: &str, rest: &[&str]) -> Read<Self> {
        let mut words = Self { name: name.to_owned(), ..Self::default() };
        for word in rest {
            match word.split_once('=') {
                Some((key, value)) => {
                    if words.options.insert(key.to_owned(), value.to_owned()).is_some() {
                        return Err(format!("{key} is given twice"));
                    }
                }
                None => words.plain.push((*word).to_owned()),
            }
        }
        Ok(words)
    }

    /// The next word without a value.
    pub fn next(&mut self) -> Read<String> {
        if self.plain.is_empty() { Err(format!("{} needs another word", self.name)) } else { Ok(self.plain.remove(0)) }
    }

    /// Whether this word is there, which is then used up.
    pub fn flag(&mut self, name: &str) -> bool {
        let at = self.plain.iter().position(|word| word == name);
        at.map(|at| self.plain.remove(at)).is_some()
    }

    /// The text of an option.
    pub fn text(&mut self, key: &str) -> Option<String> {
        self.options.remove(key)
    }

    /// A decimal number.
    pub fn number<N: std::str::FromStr>(&mut self, key: &str) -> Read<Option<N>> {
        let read = |text: String| text.parse().map_err(|_| format!("{key}={text} is no number"));
        self.text(key).map(read).transpose()
    }

    /// Hexadecimal bytes.
    pub fn hex(&mut self, key: &str) -> Read<Option<Vec<u8>>> {
        self.text(key).map(|text| hex(&text)).transpose()
    }

    /// Code points in hexadecimal, `none` for none.
    pub fn codes(&mut self, key: &str) -> Read<Option<Vec<u16>>> {
        let Some(text) = self.text(key) else { return Ok(None) };
        if text == "none" {
            return Ok(Some(Vec::new()));
        }
        let code = |each: &str| u16::from_str_radix(each, 16).map_err(|_| format!("{key}: {each} is no code point"));
        text.split(',').map(code).collect::<Read<Vec<_>>>().map(Some)
    }

    /// Versions of DTLS as people write them.
    pub fn versions(&mut self, key: &str) -> Read<Option<Vec<u16>>> {
        let Some(text) = self.text(key) else { return Ok(None) };
        text.split(',').map(version).collect::<Read<Vec<_>>>().map(Some)
    }

    /// Nothing may be left: a misspelt option must not be a case that shows less than it says.
    pub fn end(self) -> Read<()> {
        let left: Vec<&String> = self.plain.iter().chain(self.options.keys()).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{} does not know {left:?}", self.name)) }
    }
}

/// 1.0, 1.2 or 1.3.
pub fn version(text: &str) -> Read<u16> {
    match text {
        "1.0" => Ok(0xFEFF),
        "1.2" => Ok(0xFEFD),
        "1.3" => Ok(0xFEFC),
        _ => Err(format!("{text} is no version of DTLS")),
    }
}

/// Hexadecimal digits, with underscores as one likes.
pub fn hex(text: &str) -> Read<Vec<u8>> {
    let digits: Vec<char> = text.chars().filter(|each| *each != '_').collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok();
    let whole =
        digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(byte).collect::<Option<Vec<_>>>()).flatten();
    whole.ok_or_else(|| format!("{text} is not made of hexadecimal bytes"))
}
