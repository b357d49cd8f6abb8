//! A site's month of consultation calls as operators see it: what the witnesses disagree on first, then what each
//! reservation comes to. It folds all that the site ever sent of calls, and has a page of its own for that.

use machiai_core::call::rate::{Invoice, Rated};
use machiai_core::call::witness::Difference;
use machiai_core::facts::Lang;
use machiai_core::ids::SiteId;
use machiai_core::time::{Day, Month};
use minijinja::{Value, context};

use super::pages::{About, Pages};
use super::signs::Grade;

impl Pages {
    /// Draws a site's month.
    pub(super) fn calls(&self, about: &About<'_>, site: SiteId, invoice: &Invoice) -> Result<String, minijinja::Error> {
        let lang = about.lang;
        let (month, said) = (invoice.month, |key: &str, values: &[(&str, &str)]| self.say(lang, key, values));
        let taxes = invoice.taxes.iter().map(|tax| {
            let rate = format!("{}.{}", tax.permille / 10, tax.permille % 10);
            context! { name => said("tax", &[("rate", rate.trim_end_matches(".0"))]), yen => grouped(tax.tax_yen) }
        });
        let page = context! {
            title => format!("{site} {month}"), site => site.0, month => month.to_string(),
            older => beside(month, -1).map(|month| month.to_string()),
            newer => beside(month, 1).map(|month| month.to_string()),
            n => invoice.reservations.len(), yen => grouped(invoice.yen), total_yen => grouped(invoice.total_yen),
            taxes => taxes.collect::<Vec<_>>(),
            differences => invoice.differences.iter().map(|it| self.difference(lang, it)).collect::<Vec<_>>(),
            unassigned => invoice.unassigned.iter().map(|it| context! {
                at => shown_at(it.from_ms), length => self.length(lang, it.length_ms),
            }).collect::<Vec<_>>(),
            rows => invoice.reservations.iter().map(|rated| self.rated(lang, rated)).collect::<Vec<_>>(),
            ..self.around(about)
        };
        self.env.get_template("calls.html")?.render(page)
    }

    fn difference(&self, lang: Lang, it: &Difference) -> Value {
        let vendor = it.vendor.code();
        let half = (it.n_half > 0).then(|| self.say(lang, "half", &[("n", &it.n_half.to_string())]));
        context! {
            reservation => it.reservation.to_string(), vendor => self.say(lang, &format!("vendor_{vendor}"), &[]), half,
            ours => self.length(lang, it.ours_ms), theirs => self.length(lang, it.theirs_ms),
        }
    }

    fn rated(&self, lang: Lang, rated: &Rated) -> Value {
        let unbilled = rated.unbilled.map(|why| self.words.say(lang, ("call_unbilled", why.code()), &[]));
        let flags = rated.flags.iter().map(|flag| self.words.say(lang, ("call_flag", flag.code()), &[]));
        let tariff = rated.given.tariff.to_string();
        let version = self.say(lang, "revision", &[("n", &rated.given.version.to_string())]);
        context! {
            reservation => rated.reservation.to_string(),
            at => rated.booked.as_ref().map(|booked| shown_at(booked.starts_at_ms)),
            length => self.length(lang, rated.connected_ms), seconds => rated.connected_ms / 1_000,
            n => rated.connections.len(), units => rated.given.units, yen => grouped(rated.given.yen), tariff, version,
            unbilled, flags => flags.collect::<Vec<_>>(),
            grade => if rated.flags.is_empty() { Grade::Good.code() } else { Grade::Care.code() },
        }
    }

    fn length(&self, lang: Lang, length_ms: i64) -> String {
        let seconds = length_ms.max(0) / 1_000;
        self.say(lang, "length", &[("m", &(seconds / 60).to_string()), ("s", &(seconds % 60).to_string())])
    }
}

fn shown_at(at: machiai_core::time::AtMs) -> String {
    at.in_tokyo().strftime("%-m/%-d %-H:%M").to_string()
}

/// Returns the month before or after one.
fn beside(month: Month, by: i32) -> Option<Month> {
    let day: Day = if by < 0 { month.first().plus_days(-1) } else { month.last().plus_days(1) };
    day.to_string().get(..7)?.parse().ok()
}

/// Writes a number with a comma before each three figures.
fn grouped(number: i64) -> String {
    let figures = number.unsigned_abs().to_string();
    let n_before = figures.len();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (idx, figure) in figures.chars().enumerate() {
        if idx > 0 && n_before.saturating_sub(idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(figure);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use machiai_core::call::why::{Flag, Unbilled};

    #[test]
    fn months_follow_each_other_over_the_year() {
        let month = |text: &str| text.parse::<Month>().unwrap();
        assert_eq!(beside(month("2026-12"), 1), Some(month("2027-01")));
        assert_eq!(beside(month("2027-01"), -1), Some(month("2026-12")));
        assert_eq!(beside(month("2024-03"), -1), Some(month("2024-02")));
    }

    #[test]
    fn amounts_are_grouped_by_three() {
        let told = [0, 100, 1_000, 12_345, 1_234_567, -1_000].map(grouped);
        assert_eq!(told, ["0", "100", "1,000", "12,345", "1,234,567", "-1,000"]);
    }

    #[test]
    fn every_flag_and_vendor_has_words() {
        let pages = Pages::built_in().unwrap();
        for lang in [Lang::Ja, Lang::En] {
            let flags = Flag::ALL.map(|flag| ("call_flag", flag.code()));
            let unbilled = Unbilled::ALL.map(|why| ("call_unbilled", why.code()));
            let vendors = ["vendor_livekit", "vendor_twilio", "vendor_csv"].map(|key| ("operator", key));
            for (table, key) in flags.into_iter().chain(unbilled).chain(vendors) {
                assert_ne!(pages.words.say(lang, (table, key), &[]), key, "{table} {key} in {lang:?}");
            }
        }
    }
}
