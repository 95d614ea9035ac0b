//! Times as people and files write them: RFC 3339 in UTC, whole seconds.

use super::UnixTime;

const DAY: u64 = 86_400;
/// Days of 400 years, after which the calendar repeats.
const ERA: u64 = 146_097;
/// 1970-01-01 counted in days from 0000-03-01.
const EPOCH: u64 = 719_468;

/// `2026-11-27T16:49:11Z`. Years beyond 9999 have more digits.
#[must_use]
pub fn to_rfc3339(time: UnixTime) -> String {
    let (year, month, day) = date(time);
    let seconds = time.as_secs() % DAY;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day. The year starts in March here, so that the leap day is its last and months follow a line.
#[must_use]
pub const fn date(time: UnixTime) -> (u64, u64, u64) {
    let days = time.as_secs() / DAY + EPOCH;
    let (era, day_of_era) = (days / ERA, days % ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / (ERA - 1)) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let (month, later) = if shifted < 10 { (shifted + 3, 0) } else { (shifted - 9, 1) };
    (era * 400 + year_of_era + later, month, day)
}

/// Reads `2026-11-27T16:49:11Z`, or the date alone for its midnight; from 1970 to 9999. `None` for everything else.
#[must_use]
pub fn from_rfc3339(text: &str) -> Option<UnixTime> {
    let (date, clock) = match text.split_once('T') {
        Some((date, clock)) => (date, numbers(clock.strip_suffix('Z')?, ':', [2, 2, 2])?),
        None => (text, [0; 3]),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = clock;
    if year < 1970 || !(1..=12).contains(&month) || day < 1 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (years, shifted) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let of_era = years % 400;
    let days = years / 400 * ERA + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - EPOCH;
    let time = UnixTime::from_secs(days * DAY + hour * 3600 + minute * 60 + second);
    // The 31st of a month that has 30 days comes back as another one.
    (self::date(time) == (year, month, day)).then_some(time)
}

fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut found = [0; 3];
    let mut parts = text.split(between);
    for (place, digits) in found.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))?;
        *place = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with: date -u -d TIME +%s
    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2024-12-31T00:00:00Z", 1_735_603_200),
            ("2026-11-27T16:49:11Z", 1_795_798_151),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(to_rfc3339(UnixTime::from_secs(seconds)), text);
            assert_eq!(from_rfc3339(text), Some(UnixTime::from_secs(seconds)), "{text}");
        }
        assert_eq!(from_rfc3339("1970-01-02"), Some(UnixTime::from_secs(DAY)));
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in 0..ERA {
            let time = UnixTime::from_secs(day * DAY + 43_200);
            assert_eq!(from_rfc3339(&to_rfc3339(time)), Some(time));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026",
            "2026-02-29",
            "2026-04-31",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "1969-12-31",
            "2026-1-1",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+01:00",
            "2026-01-01T00:00:00.5Z",
            "2026-01-01 00:00:00Z",
            "+026-01-01",
        ] {
            assert_eq!(from_rfc3339(text), None, "{text:?}");
        }
    }
}
