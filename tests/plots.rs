//! The pictures of the benches: what they say can be read, and stands where it belongs.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

#[allow(dead_code, reason = "a test needs a part of it")]
#[path = "../benches/compare/plot.rs"]
mod plot;

use plot::{Axis, Bar, Bars, Ink, Line, Plot, Point, Scale, number};

fn line(name: &str, ink: Ink, points: &[[f64; 2]]) -> Line {
    let points = points.iter().map(|&[x, y]| Point { x, y, spread: [y, y] }).collect();
    Line { name: name.to_owned(), ink, points }
}

fn plot(scale: Scale, lines: Vec<Line>) -> String {
    let axis = |scale| Axis { label: "things".to_owned(), scale };
    let (title, description) = ("One & another <thing>".to_owned(), "Two lines.".to_owned());
    Plot { title, description, x: axis(scale), y: axis(Scale::Linear), lines, bound: None }.draw()
}

/// The value of an attribute of the element that this text is in.
fn attribute(svg: &str, text: &str, name: &str) -> f64 {
    let before = svg.split(&format!(">{text}<")).next().unwrap();
    assert!(before.len() < svg.len(), "{text} is not drawn");
    let element = before.rsplit('<').next().unwrap();
    element.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
}

#[test]
fn numbers_are_written_as_people_do() {
    let cases =
        [(0.0, "0"), (0.25, "0.25"), (7.0, "7"), (7.4, "7.4"), (12.6, "13"), (1000.0, "1,000"), (1.2e6, "1,200,000")];
    for (value, written) in cases {
        assert_eq!(number(value), written);
    }
}

#[test]
fn names_stand_at_the_ends_of_their_lines_and_never_on_each_other() {
    let near = [[1.0, 50.0], [2.0, 50.0]];
    let lines = vec![line("one", Ink::Ours, &near), line("two", Ink::First, &near), line("three", Ink::Limit, &near)];
    let svg = plot(Scale::Linear, lines);
    let mut heights = ["one", "two", "three"].map(|name| attribute(&svg, name, "y"));
    heights.sort_by(f64::total_cmp);
    assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= 16.0), "{heights:?}");
    let low =
        plot(Scale::Linear, vec![line("low", Ink::Ours, &[[1.0, 0.0]]), line("high", Ink::First, &[[1.0, 10.0]])]);
    assert!(attribute(&low, "low", "y") > attribute(&low, "high", "y"));
}

#[test]
fn a_logarithmic_axis_gives_every_power_of_ten_the_same_room() {
    let svg = plot(Scale::Log, vec![line("one", Ink::Ours, &[[10.0, 1.0], [100_000.0, 2.0]])]);
    let places = ["10", "100", "1,000", "10,000", "100,000"].map(|tick| attribute(&svg, tick, "x"));
    let apart: Vec<f64> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(apart.iter().all(|room| (room - apart[0]).abs() < 0.2), "{places:?}");
}

#[test]
fn what_is_no_number_makes_no_axis_endless() {
    for scale in [Scale::Linear, Scale::Log] {
        let mut one = line("one", Ink::Ours, &[[1.0, 1.0], [10.0, 3.0]]);
        one.points[1].spread[1] = f64::INFINITY;
        assert!(plot(scale, vec![one]).len() < 20_000);
    }
}

#[test]
fn bars_are_as_long_as_what_they_stand_for() {
    let bar = |name: &str, value| Bar { name: name.to_owned(), ink: Ink::First, value };
    let groups = vec![("group".to_owned(), vec![bar("whole", 400.0), bar("half", 200.0)])];
    let (title, description, label) = ("t".to_owned(), "d".to_owned(), "l".to_owned());
    let svg = Bars { title, description, label, groups }.draw();
    let widths: Vec<f64> = svg
        .split("<rect class=\"first\"")
        .skip(1)
        .map(|rest| rest.split(" width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
        .collect();
    assert!((widths[0] - 2.0 * widths[1]).abs() < 0.2, "{widths:?}");
}

#[test]
fn what_a_picture_shows_is_in_it_as_text() {
    let svg = plot(Scale::Linear, vec![line("one", Ink::Ours, &[[1.0, 1.0]])]);
    assert!(svg.contains("<desc id=\"description\">") && svg.contains("Two lines."));
    assert!(svg.contains("One &amp; another &lt;thing&gt;") && !svg.contains("<thing>"));
}
