//! The colours of the boards by role: by day, by night, and the steps between them.
//!
//! Light paper cannot become dark paper by mixing the two: half way, ink and paper would be the same grey. So the paper
//! grows dim under dark ink, changes sides at once, and goes on growing dark under light ink (LOOKS, night and burn-in).

use std::collections::BTreeMap;

use minijinja::Value;
use minijinja::value::Serde;
use serde::Deserialize;

const COLORS: &str = include_str!("../../../kiosk-assets/palette.toml");

/// How many steps lead from day to night.
pub(crate) const NIGHT_STEPS: u8 = 12;
/// The step from which paper is dark.
const DARK_FROM: u8 = 6;

/// Colours by role, each `#RRGGBB`.
type Colors = BTreeMap<String, String>;

/// The colours as they are written down.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    day: Colors,
    dusk: Colors,
    dawn: Colors,
    night: Colors,
}

/// Every palette, ready for templates: the day's first, the night's last.
#[derive(Debug)]
pub(crate) struct Palettes(Vec<Value>);

impl Palettes {
    /// Reads the built-in colours.
    pub(crate) fn read() -> Result<Self, toml::de::Error> {
        let written: Written = toml::from_str(COLORS)?;
        let steps = (0..=NIGHT_STEPS).map(|step| Value::from(Serde(written.at(step))));
        Ok(Self(steps.collect()))
    }

    /// Returns the palette of a step towards the night.
    pub(crate) fn at(&self, step: u8) -> Value {
        self.0.get(usize::from(step.min(NIGHT_STEPS))).cloned().unwrap_or_default()
    }
}

/// Whether paper is dark at a step towards the night.
pub(crate) const fn is_dark(step: u8) -> bool {
    step >= DARK_FROM
}

impl Written {
    /// Returns the colours of a step towards the night.
    fn at(&self, step: u8) -> Colors {
        let (from, to, gone) = if is_dark(step) {
            (&self.dawn, &self.night, step.saturating_sub(DARK_FROM))
        } else {
            (&self.day, &self.dusk, step)
        };
        let others = |role: &String| to.get(role).or_else(|| from.get(role)).cloned().unwrap_or_default();
        from.iter().map(|(role, color)| (role.clone(), mixed(color, &others(role), gone))).collect()
    }
}

/// Returns a colour so many of six steps on the way to another; the first where one cannot be read.
fn mixed(from: &str, to: &str, gone: u8) -> String {
    let (Some(from_parts), Some(to_parts)) = (parts(from), parts(to)) else { return from.to_owned() };
    let (gone, all) = (u16::from(gone.min(DARK_FROM)), u16::from(DARK_FROM));
    let part = |(from, to): (u8, u8)| (u16::from(from) * (all - gone) + u16::from(to) * gone + all / 2) / all;
    let mixed: String = from_parts.into_iter().zip(to_parts).map(|pair| format!("{:02X}", part(pair))).collect();
    format!("#{mixed}")
}

fn parts(color: &str) -> Option<[u8; 3]> {
    let [_, red, green, blue] = u32::from_str_radix(color.strip_prefix('#')?, 16).ok()?.to_be_bytes();
    Some([red, green, blue])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_from_day_to_night_has_both_ends_and_no_leap_but_one() {
        let written: Written = toml::from_str(COLORS).unwrap();
        assert_eq!((written.at(0), written.at(NIGHT_STEPS)), (written.day.clone(), written.night.clone()));
        let paper = |step| parts(&written.at(step)["paper"]).unwrap()[0];
        let leaps: Vec<u8> = (0..NIGHT_STEPS).filter(|step| paper(*step).abs_diff(paper(*step + 1)) > 16).collect();
        assert_eq!(leaps, [DARK_FROM - 1]);
        assert!((0..NIGHT_STEPS).all(|step| paper(step) > paper(step + 1)), "it grows light again");
    }

    #[test]
    fn dusk_and_dawn_name_no_role_that_day_and_night_do_not() {
        let written: Written = toml::from_str(COLORS).unwrap();
        let all = |colors: &Colors| colors.keys().cloned().collect::<Vec<_>>();
        assert_eq!(all(&written.day), all(&written.night));
        assert_eq!(all(&written.dawn), all(&written.night));
        assert!(written.dusk.keys().all(|role| written.day.contains_key(role)));
    }
}
