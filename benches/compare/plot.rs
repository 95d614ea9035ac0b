//! Plots, as SVG that GitHub shows: lines on two axes, and bars. The accent is Hilum's, the others are grey; names stand
//! at what they name. What a file shows is written into it for those who do not see it.

use svg::node::Text;
use svg::node::element::{Description, Element, Style, Title};
use svg::{Document, Node};

/// What a document gives a picture, in pixels; letters have their own size there.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 24.0;
/// Room for the numbers left of the plot, and for the names right of it.
const NUMBERS: f64 = 52.0;
const NAMES: f64 = 145.0;
/// Room below the plot for numbers and what they are.
const FOOT: f64 = 62.0;
const LINE_OF_TITLE: f64 = 23.0;
/// Characters of a line of the title; the widest that people's browsers use fit.
const TITLE: usize = 64;
/// Names come no closer to each other.
const NAME_APART: f64 = 17.0;

/// Light and dark, by what the reader's system says; every grey for letters has a contrast of 4.5 on its paper. No
/// variables, which not every program that draws SVG knows.
const STYLE: &str = "\
text { font: 13px system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif; fill: #59636e }
.title { font-size: 17px; font-weight: 600; fill: #1f2328 }
.paper { fill: #ffffff; stroke: #d1d9e0 }
.grid { stroke: #e6eaef } .axis { stroke: #818b98 } .bound { stroke: #bc4c00; stroke-dasharray: 2 3 }
text.bound { stroke: none; fill: #bc4c00 }
path, .whisker { fill: none; stroke-width: 2; stroke-linejoin: round } .whisker { stroke-width: 1.2 }
.ours { stroke: #0969da } circle.ours, rect.ours { fill: #0969da } path.ours { stroke-width: 3 }
.first { stroke: #59636e } circle.first, rect.first { fill: #59636e }
.second { stroke: #818b98 } circle.second, rect.second { fill: #818b98 } path.second { stroke-dasharray: 7 4 }
.third { stroke: #a3acb5 } circle.third, rect.third { fill: #a3acb5 } path.third { stroke-dasharray: 3 3 }
.limit { stroke: #818b98 } circle.limit { fill: #a3acb5 } rect.limit { fill: #d8dee4 } path.limit { stroke-dasharray: 2 4 }
rect { stroke: none } text.ours { stroke: none; fill: #0969da; font-weight: 600 }
text.first, text.second, text.third, text.limit { stroke: none }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 } .title { fill: #f0f6fc } .paper { fill: #0d1117; stroke: #3d444d }
.grid { stroke: #262c36 } .axis { stroke: #656c76 } .bound { stroke: #f0883e } text.bound { fill: #f0883e }
.ours { stroke: #58a6ff } circle.ours, rect.ours, text.ours { fill: #58a6ff }
.first { stroke: #b7bdc8 } circle.first, rect.first { fill: #b7bdc8 }
.second { stroke: #9198a1 } circle.second, rect.second { fill: #9198a1 }
.third, .limit { stroke: #656c76 } circle.third, rect.third, circle.limit { fill: #656c76 } rect.limit { fill: #3d444d }
}";

/// Whose a line or bar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Ours,
    /// Other relays, from the darkest to the lightest.
    First,
    Second,
    Third,
    /// What no relay can go beyond.
    Limit,
}

impl Ink {
    const fn class(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::First => "first",
            Self::Second => "second",
            Self::Third => "third",
            Self::Limit => "limit",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// Powers of ten.
    Log,
}

/// What an axis shows, with its unit.
pub struct Axis {
    pub label: String,
    pub scale: Scale,
}

/// A value and how far the rounds were apart.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    pub spread: [f64; 2],
}

pub struct Line {
    pub name: String,
    pub ink: Ink,
    /// From left to right; at least one.
    pub points: Vec<Point>,
}

pub struct Plot {
    /// What is seen, as a sentence.
    pub title: String,
    /// What is drawn, for those who do not see it.
    pub description: String,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
    /// A value that must not be reached, and what it is called.
    pub bound: Option<(f64, String)>,
}

pub struct Bar {
    pub name: String,
    pub ink: Ink,
    pub value: f64,
}

/// Bars in groups, one below the other.
pub struct Bars {
    pub title: String,
    pub description: String,
    /// What the length of a bar is, with its unit.
    pub label: String,
    pub groups: Vec<(String, Vec<Bar>)>,
}

/// The place of values on one axis.
struct Ruler {
    scale: Scale,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
    /// Pixels of both ends.
    pixels: [f64; 2],
}

impl Ruler {
    /// Of values that are not numbers nothing is shown.
    fn new(scale: Scale, values: impl Iterator<Item = f64> + Clone, pixels: [f64; 2]) -> Self {
        let values = values.filter(|value| value.is_finite());
        let highest = values.clone().fold(f64::MIN_POSITIVE, f64::max);
        match scale {
            Scale::Linear => {
                let step = step(highest / 5.0);
                let ticks: Vec<f64> = (0..=(highest / step).ceil() as u32).map(|tick| f64::from(tick) * step).collect();
                Self { scale, from: 0.0, to: ticks[ticks.len() - 1], ticks, pixels }
            }
            Scale::Log => {
                let lowest = values.filter(|value| *value > 0.0).fold(highest, f64::min);
                let (first, last) = (lowest.log10().floor() as i32, highest.log10().ceil() as i32);
                // A few decades leave room for numbers between them.
                let between: &[f64] = if last - first < 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let all = (first..=last).flat_map(|power| between.iter().map(move |by| by * 10_f64.powi(power)));
                let ticks: Vec<f64> = all.collect();
                let from = ticks.iter().copied().filter(|tick| *tick <= lowest).fold(ticks[0], f64::max);
                let to = ticks.iter().copied().find(|tick| *tick >= highest).unwrap_or(highest);
                let ticks = ticks.into_iter().filter(|tick| (from..=to).contains(tick)).collect();
                Self { scale, from, to, ticks, pixels }
            }
        }
    }

    fn at(&self, value: f64) -> f64 {
        let part = match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Log => (value.max(self.from) / self.from).log10() / (self.to / self.from).log10(),
        };
        let [first, last] = self.pixels;
        first + (last - first) * part
    }
}

/// The next number of 1, 2, 2½ or 5 and zeros.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 2.5, 5.0].into_iter().map(|by| by * power).find(|step| *step >= least * 0.999).unwrap_or(10.0 * power)
}

impl Plot {
    /// As SVG.
    pub fn draw(&self) -> String {
        let title = lines(&self.title);
        let top = MARGIN + LINE_OF_TITLE * title.len() as f64 + 38.0;
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Ruler::new(self.x.scale, points().map(|point| point.x), [MARGIN + NUMBERS, WIDTH - MARGIN - NAMES]);
        let bound = self.bound.iter().map(|(value, _)| *value);
        let heights = points().flat_map(|point| [point.y, point.spread[1]]).chain(bound);
        let y = Ruler::new(self.y.scale, heights, [HEIGHT - FOOT, top]);
        let mut document = document(HEIGHT, &self.title, &self.description, &title);
        self.axes(&mut document, &x, &y);
        // Ours lie above the others.
        let (ours, others): (Vec<&Line>, Vec<&Line>) = self.lines.iter().partition(|line| line.ink == Ink::Ours);
        others.into_iter().chain(ours).for_each(|line| draw(&mut document, line, &x, &y));
        self.names(&mut document, &x, &y);
        document.to_string() + "\n"
    }

    fn axes(&self, document: &mut Document, x: &Ruler, y: &Ruler) {
        let ([left, right], [bottom, top]) = (x.pixels, y.pixels);
        document.append(text(MARGIN, top - 16.0, "", "start", &self.y.label));
        for &tick in &y.ticks {
            let at = y.at(tick);
            document.append(stroke(if tick == y.from { "axis" } else { "grid" }, [left, at], [right, at]));
            document.append(text(left - 8.0, at + 4.5, "", "end", &number(tick)));
        }
        for &tick in &x.ticks {
            document.append(stroke("axis", [x.at(tick), bottom], [x.at(tick), bottom + 5.0]));
            document.append(text(x.at(tick), bottom + 20.0, "", "middle", &number(tick)));
        }
        document.append(text(f64::midpoint(left, right), bottom + 43.0, "", "middle", &self.x.label));
        if let Some((value, name)) = &self.bound {
            document.append(stroke("bound", [left, y.at(*value)], [right, y.at(*value)]));
            document.append(text(left + 6.0, y.at(*value) - 6.0, "bound", "start", name));
        }
    }

    /// The name of each line at its end, as near to it as the others allow.
    fn names(&self, document: &mut Document, x: &Ruler, y: &Ruler) {
        let mut names: Vec<(f64, f64, &Line)> = self
            .lines
            .iter()
            .filter_map(|line| line.points.last().map(|last| (y.at(last.y), x.at(last.x), line)))
            .collect();
        names.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut free = f64::MIN;
        for (at, _, _) in &mut names {
            *at = at.max(free);
            free = *at + NAME_APART;
        }
        let mut free = y.pixels[0];
        for (at, end, line) in names.iter_mut().rev() {
            *at = at.min(free);
            free = *at - NAME_APART;
            document.append(text(*end + 10.0, *at + 4.5, line.ink.class(), "start", &line.name));
        }
    }
}

fn draw(document: &mut Document, line: &Line, x: &Ruler, y: &Ruler) {
    let class = line.ink.class();
    let places: Vec<String> =
        line.points.iter().map(|point| format!("{:.1} {:.1}", x.at(point.x), y.at(point.y))).collect();
    document.append(element("path", &[("class", class.to_owned()), ("d", format!("M{}", places.join(" L")))]));
    for point in &line.points {
        let at = x.at(point.x);
        let [low, high] = point.spread.map(|end| y.at(end));
        if low - high > 1.0 {
            document.append(stroke(&format!("whisker {class}"), [at, low], [at, high]));
        }
        let place = [("cx", format!("{at:.1}")), ("cy", format!("{:.1}", y.at(point.y))), ("r", "3.5".to_owned())];
        let mut circle = element("circle", &place);
        circle.assign("class", class);
        circle.append(Title::new(format!("{}: {} at {}", line.name, number(point.y), number(point.x))));
        document.append(circle);
    }
}

impl Bars {
    /// As SVG.
    pub fn draw(&self) -> String {
        const ROW: f64 = 20.0;
        const GROUP: f64 = 34.0;
        let title = lines(&self.title);
        let mut top = MARGIN + LINE_OF_TITLE * title.len() as f64 + 22.0;
        let rows: usize = self.groups.iter().map(|(_, bars)| bars.len()).sum();
        let height = top + GROUP * self.groups.len() as f64 + ROW * rows as f64 + MARGIN;
        let values = self.groups.iter().flat_map(|(_, bars)| bars).map(|bar| bar.value);
        let highest = values.fold(f64::MIN_POSITIVE, f64::max);
        let left = MARGIN + NAMES;
        let longest = WIDTH - left - MARGIN - 60.0;
        let mut document = document(height, &self.title, &self.description, &title);
        document.append(text(MARGIN, top - 4.0, "", "start", &self.label));
        for (name, bars) in &self.groups {
            document.append(text(MARGIN, top + GROUP - 9.0, "title small", "start", name));
            top += GROUP;
            for bar in bars {
                let class = bar.ink.class();
                let width = (longest * bar.value / highest).max(1.0);
                document.append(text(left - 10.0, top + 13.5, class, "end", &bar.name));
                document.append(element(
                    "rect",
                    &[
                        ("class", class.to_owned()),
                        ("x", format!("{left:.1}")),
                        ("y", format!("{:.1}", top + 2.0)),
                        ("width", format!("{width:.1}")),
                        ("height", format!("{:.1}", ROW - 5.0)),
                        ("rx", "2".to_owned()),
                    ],
                ));
                document.append(text(left + width + 7.0, top + 13.5, class, "start", &number(bar.value)));
                top += ROW;
            }
        }
        document.to_string() + "\n"
    }
}

/// Paper with a title; `name` and `description` are for those who do not see it.
fn document(height: f64, name: &str, description: &str, title: &[String]) -> Document {
    let style = format!("{STYLE}\n.small {{ font-size: 14px }}");
    let paper = [("x", 0.5), ("y", 0.5), ("width", WIDTH - 1.0), ("height", height - 1.0), ("rx", 6.0)];
    let mut paper = element("rect", &paper.map(|(key, value)| (key, value.to_string())));
    paper.assign("class", "paper");
    let mut document = Document::new()
        .set("viewBox", format!("0 0 {WIDTH} {height}"))
        .set("width", WIDTH)
        .set("height", height)
        .set("role", "img")
        .set("aria-labelledby", "name description")
        .add(Title::new(name).set("id", "name"))
        .add(Description::new().set("id", "description").add(Text::new(description)))
        .add(Style::new(style))
        .add(paper);
    for (row, line) in title.iter().enumerate() {
        document.append(text(MARGIN, MARGIN + 13.0 + LINE_OF_TITLE * row as f64, "title", "start", line));
    }
    document
}

fn element(name: &str, attributes: &[(&str, String)]) -> Element {
    let mut element = Element::new(name);
    for (key, value) in attributes {
        element.assign(*key, value.as_str());
    }
    element
}

fn text(x: f64, y: f64, class: &str, anchor: &str, content: &str) -> Element {
    let place = [("x", format!("{x:.1}")), ("y", format!("{y:.1}")), ("text-anchor", anchor.to_owned())];
    let mut text = element("text", &place);
    if !class.is_empty() {
        text.assign("class", class);
    }
    text.append(Text::new(content));
    text
}

fn stroke(class: &str, from: [f64; 2], to: [f64; 2]) -> Element {
    let ends = [("x1", from[0]), ("y1", from[1]), ("x2", to[0]), ("y2", to[1])];
    let mut line = element("line", &ends.map(|(key, value)| (key, format!("{value:.1}"))));
    line.assign("class", class);
    line
}

/// A sentence in lines of the title's width.
fn lines(sentence: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= TITLE => *line = format!("{line} {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// As people write it: thousands apart, two digits at least below ten.
pub fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        ..1.0 => format!("{value:.2}"),
        ..10.0 if (value - value.round()).abs() > 0.05 => format!("{value:.1}"),
        _ => {
            let digits = format!("{value:.0}");
            let from_the_left = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
            let with_comma = |(at, digit)| if from_the_left(at) { format!(",{digit}") } else { String::from(digit) };
            digits.chars().enumerate().map(with_comma).collect()
        }
    }
}
