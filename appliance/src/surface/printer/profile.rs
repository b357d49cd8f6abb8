//! What is known of printers by name: the width of the head, the cutter, and the quirks seen.
//!
//! A new model is a row here, never a constant in the driver. Widths after the makers' sheets and escpos-printer-db.

/// How a printer parts a ticket from the roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cutter {
    /// Cuts through.
    Full,
    /// Leaves a point, so that the ticket does not drop to the floor.
    Partial,
    /// None: the patient tears at the bar.
    None,
}

/// One kind of printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What the settings call it.
    pub name: &'static str,
    /// Dots across the head, a multiple of 8.
    pub dots: u32,
    /// Dots per inch in both directions.
    pub dpi: u8,
    /// How the ticket is parted.
    pub cutter: Cutter,
    /// Text lines fed before the cut. Zero where the cut command itself feeds to the knife.
    pub feed_lines: u8,
    /// Rows in one raster command at most, 1 to 255: taller pictures overflow small buffers.
    pub strip_rows: u32,
    /// Whether heights that are multiples of 48 rows must not occur.
    pub avoids_48: bool,
    /// Whether `GS P` makes one motion unit one dot; else `ESC J` is taken to count dots anyway.
    pub motion_units: bool,
    /// Whether a raster begins at the left margin (`GS L`), so that blank left edges need not be sent.
    pub left_margin: bool,
    /// Whether the number goes out at half resolution, for lines that are slow.
    pub half_number: bool,
    /// Whether `DLE EOT` is answered.
    pub answers_status: bool,
    /// Whether `GS r 1` is answered in its turn.
    pub fence: bool,
    /// Whether `GS a` makes it tell its troubles by itself, also when its buffer is full and it cannot be asked.
    pub reports: bool,
    /// Whether `DLE DC4 8` empties the buffers, so that paper coming back does not bring old tickets.
    pub clears: bool,
}

/// A name that no profile has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no printer profile is called {name:?}; there are {known}")]
pub struct UnknownProfile {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: String,
}

impl Profile {
    /// Finds a profile by its name.
    ///
    /// # Errors
    /// There is none of that name; the error lists those that are.
    pub fn named(name: &str) -> Result<&'static Self, UnknownProfile> {
        PROFILES.iter().find(|profile| profile.name == name).ok_or_else(|| UnknownProfile {
            name: name.to_owned(),
            known: PROFILES.iter().map(|profile| profile.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// Returns every profile, the commonest first.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &PROFILES
    }
}

const PROFILES: [Profile; 5] = [EPSON_80, EPSON_80_512, NARROW, NARROW_SERIAL, NARROW_CLONE];

/// Epson TM-m30III and its like: 80 mm paper, 72 mm head at 203 dpi.
const EPSON_80: Profile = Profile {
    name: "epson-80",
    dots: 576,
    dpi: 203,
    cutter: Cutter::Partial,
    feed_lines: 0,
    strip_rows: 255,
    avoids_48: false,
    motion_units: true,
    left_margin: true,
    half_number: false,
    answers_status: true,
    fence: true,
    reports: true,
    clears: true,
};

/// Epson TM-T88V and its like: 80 mm paper but 512 dots at 180 dpi, and motion units of half a dot unless told.
const EPSON_80_512: Profile = Profile { name: "epson-80-512", dots: 512, dpi: 180, ..EPSON_80 };

/// 58 mm paper, 48 mm head at 203 dpi, with status and cutter (Citizen CT-S281 class).
const NARROW: Profile = Profile {
    name: "58mm",
    dots: 384,
    strip_rows: 128,
    avoids_48: true,
    motion_units: false,
    reports: false,
    clears: false,
    ..EPSON_80
};

/// The same behind a serial line of 115,200 baud, which carries 11 kB/s.
const NARROW_SERIAL: Profile = Profile { name: "58mm-serial", half_number: true, ..NARROW };

/// A clone that prints and never answers (POS-5890 class: no cutter, and a POS-5890K prints noise after a raster
/// whose height is a multiple of 48, python-escpos issue 424). Only what every clone knows is sent to it.
const NARROW_CLONE: Profile = Profile {
    name: "58mm-clone",
    cutter: Cutter::None,
    feed_lines: 4,
    left_margin: false,
    answers_status: false,
    fence: false,
    ..NARROW
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_found_by_name_and_others_refused_with_the_list() {
        for profile in Profile::all() {
            assert_eq!(Profile::named(profile.name).unwrap(), profile);
        }
        let refusal = Profile::named("epson").unwrap_err().to_string();
        assert!(refusal.contains("\"epson\"") && refusal.contains("58mm-clone"), "{refusal}");
    }

    #[test]
    fn every_profile_can_be_printed_with() {
        for profile in Profile::all() {
            assert_eq!(profile.dots % 8, 0, "{}", profile.name);
            assert!((1..=255).contains(&profile.strip_rows), "{}", profile.name);
            assert!(!profile.clears || profile.answers_status, "{}", profile.name);
        }
    }
}
