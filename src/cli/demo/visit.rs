//! A whole visit without anybody: a patient and a clinician in a Chromium without a window, through the demo's relay.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::{Deserialize, Serialize};

use super::browser::Browser;
use super::clinic::Links;
use super::setup::Setup;
use crate::app::App;
use crate::clock::SystemClock;

/// Runs in both pages.
const JOURNEY: &str = include_str!("journey.js");
/// Words that two people read to each other.
const WORDS: usize = 4;
/// How long the relay may take to publish its counters, and how often they are looked at.
const COUNTED_WITHIN: u32 = 40;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What one of the two has heard and seen of the other.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Received {
    /// Packets of sound.
    audio: u64,
    /// Packets of pictures.
    video: u64,
    /// Pictures that were decoded: what was decrypted is whole.
    pictures: u64,
    /// Both ends of the way are relayed addresses.
    relayed: bool,
    /// How this end comes to the relay.
    transport: String,
}

/// What became of a visit.
#[derive(Debug, Serialize)]
pub(super) struct Visit {
    clinician: Received,
    patient: Received,
    /// The safety words of each.
    words: [Vec<String>; 2],
    /// Handshakes between the two that opened the relay's seal.
    seals: u64,
}

/// Holds a visit: the patient comes in and waits, the clinician lets them in, both listen for a while and read the words.
///
/// # Errors
/// A step that did not come about, in words.
pub(super) async fn hold(
    program: &Path,
    (setup, relay, links): (&Setup, &App, &Links),
    clock: SystemClock,
) -> anyhow::Result<Visit> {
    let before = relay.seals_opened();
    let mut visit =
        tokio::task::block_in_place(|| journeys(Browser::start(program, &setup.profile(), &setup.pin, clock)?, links))?;
    for _ in 0..COUNTED_WITHIN {
        visit.seals = relay.seals_opened().saturating_sub(before);
        if visit.seals > 0 {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(visit)
}

fn journeys(mut browser: Browser, links: &Links) -> anyhow::Result<Visit> {
    let patient = browser.open(&links.patient, JOURNEY).context("the patient's link")?;
    browser.evaluate(&patient, "demo.press('.door .primary:enabled')").context("the patient presses Join")?;
    let clinician = browser.open(&links.clinician, JOURNEY).context("the clinician's link")?;
    browser.evaluate(&clinician, "demo.press('.room .primary:enabled')").context("the clinician presses Admit")?;
    let mut received = Vec::new();
    for (page, who) in [(&clinician, "clinician"), (&patient, "patient")] {
        let found = browser.evaluate(page, "demo.hear()").with_context(|| format!("the {who} hears and sees"))?;
        received.push(serde_json::from_value::<Received>(found)?);
    }
    let mut words = |page, who| -> anyhow::Result<Vec<String>> {
        let found = browser.evaluate(page, "demo.words()").with_context(|| format!("the {who} reads the words"))?;
        Ok(serde_json::from_value(found)?)
    };
    let words = [words(&clinician, "clinician")?, words(&patient, "patient")?];
    let [clinician, patient] = received.try_into().map_err(|_| anyhow::anyhow!("two have listened"))?;
    Ok(Visit { clinician, patient, words, seals: 0 })
}

impl Visit {
    /// Whether both heard and saw the other through the relay alone, behind an open seal, and read the same words.
    pub(super) fn is_complete(&self) -> bool {
        let came =
            |received: &Received| received.relayed && received.audio > 0 && received.video > 0 && received.pictures > 0;
        came(&self.clinician) && came(&self.patient) && self.seals > 0 && self.agree()
    }

    fn agree(&self) -> bool {
        let [one, other] = &self.words;
        one.len() == WORDS && one == other && one.iter().all(|word| !word.is_empty())
    }

    pub(super) fn text(&self) -> String {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["who", "packets of sound", "of pictures", "pictures shown", "way"]);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        for (who, received) in [("clinician", &self.clinician), ("patient", &self.patient)] {
            let way = if received.relayed { "relayed, by ".to_owned() } else { "past the relay, by ".to_owned() };
            let Received { audio, video, pictures, transport, .. } = received;
            let way = way + &transport.to_uppercase();
            table.add_row([who.to_owned(), audio.to_string(), video.to_string(), pictures.to_string(), way]);
        }
        let mut text = format!("{table}");
        let opened = if self.seals > 0 { "opened the seal" } else { "did NOT open the seal" };
        let [one, other] = &self.words;
        let (one, other) = (one.join(" "), other.join(" "));
        // Writing to a String does not fail.
        write!(text, "\nTheir handshake {opened}. ").unwrap_or_default();
        if self.agree() {
            write!(text, "Both read the same words: {one}.").unwrap_or_default();
        } else {
            write!(text, "Their words DIFFER: {one} / {other}.").unwrap_or_default();
        }
        text
    }
}
