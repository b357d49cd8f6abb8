//! What a template can ask for: text fitted by measure, numbers in cells, words filled in.
//!
//! Each call names the field it draws, so that a refusal can say which text is too long.

use std::sync::Arc;

use machiai_core::facts::Lang;
use machiai_core::view::NumberFace;
use minijinja::value::{Kwargs, Object, ObjectRepr, Value};
use minijinja::{Environment, Error, ErrorKind};

use crate::clean::clean;
use crate::fit::{ANYWHERE, BETWEEN_WORDS, DoesNotFit, Fitted, LEADING, Room, fit, fit_block};
use crate::fonts::{Family, Fonts, Weight};
use crate::lines::{Cut, Setter, Style};
use crate::number::{Cells, Place, Side, set_in_cells};
use crate::words;

/// The field by which templates call a patient's name.
const NAME_FIELD: &str = "name";

/// Adds the functions to an environment.
pub(super) fn add(env: &mut Environment<'static>, fonts: &Arc<Fonts>) {
    let setter = Arc::new(Setter::new(Arc::clone(fonts)));
    let (known, for_names) = (Arc::clone(&setter), Arc::clone(fonts));
    env.add_function("fit", move |field: &str, text: &str, width: f32, sizes: Vec<f32>, rest: Kwargs| {
        let small = rest.get::<Option<Vec<f32>>>("small")?.unwrap_or_default();
        let n_lines = rest.get::<Option<usize>>("lines")?.unwrap_or(2);
        // A text that may be left out gives nothing where another is refused.
        let is_optional = rest.get::<Option<bool>>("optional")?.unwrap_or(false);
        let cuts: &[Cut] = if is_optional { &BETWEEN_WORDS } else { &ANYWHERE };
        let style = style(&rest)?;
        let room = Room { width, sizes, small, n_lines, cuts };
        // A patient's name is not kept in memory for the sake of speed.
        let unknown = (field == NAME_FIELD).then(|| Setter::new(Arc::clone(&for_names)));
        let fitted = fit(unknown.as_ref().unwrap_or(&known), &clean(text), style, &room);
        match fitted {
            Some(fitted) => Ok::<Value, Error>(Value::from_object(fitted)),
            None if is_optional => Ok(Value::from(())),
            None => Err(refused(field)),
        }
    });
    let of_blocks = Arc::clone(&setter);
    env.add_function("block", move |field: &str, text: &str, within: Vec<f32>, sizes: Vec<f32>, rest: Kwargs| {
        let style = style(&rest)?;
        let extent = within.first().copied().zip(within.get(1).copied());
        let fitted = extent.and_then(|extent| fit_block(&of_blocks, &clean(text), style, extent, &sizes));
        Ok::<Value, Error>(Value::from_object(fitted.ok_or_else(|| refused(field))?))
    });
    env.add_function("wrap", move |field: &str, text: &str, width: f32, size: f32, rest: Kwargs| {
        let style = style(&rest)?;
        let lines = setter.wrap(&clean(text), style, width / size).ok_or_else(|| refused(field))?;
        Ok::<Value, Error>(Value::from(lines))
    });
    let known = Arc::clone(fonts);
    env.add_function("width", move |text: &str, size: f32, rest: Kwargs| {
        let style = style(&rest)?;
        Ok::<f32, Error>(known.width_em(&clean(text), style.family, style.weight) * size)
    });
    env.add_function("number", |label: &str, face: &str, place: Kwargs| {
        let cells = set_in_cells(&clean(label), read_face(face)?, read_place(&place)?);
        Ok::<Value, Error>(Value::from_object(cells))
    });
    let known = Arc::clone(fonts);
    env.add_function("row", move |labels: Vec<String>, face: &str, rest: Kwargs| row(&known, &labels, face, &rest));
    env.add_function("fill", |text: &str, values: Kwargs| {
        let names: Vec<&str> = values.args().collect();
        let pairs = names.iter().map(|name| Ok((*name, values.get::<Value>(name)?.to_string())));
        let pairs: Vec<(&str, String)> = pairs.collect::<Result<_, Error>>()?;
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Ok::<String, Error>(words::fill(text, &pairs))
    });
}

/// Sets labels in rows, each a page of its own: in order, as many as there is room for, and at least one.
fn row(fonts: &Fonts, labels: &[String], face: &str, rest: &Kwargs) -> Result<Value, Error> {
    let (width, size, gap): (f32, f32, f32) = (rest.get("width")?, rest.get("size")?, rest.get("gap")?);
    rest.assert_all_used()?;
    let family = match read_face(face)? {
        NumberFace::Figures => Family::Proportional,
        NumberFace::Letters => Family::Fixed,
    };
    let mut pages: Vec<Vec<Value>> = Vec::new();
    let mut at = 0.0;
    for label in labels {
        let label_px = fonts.width_em(&clean(label), family, Weight::Bold) * size;
        match pages.last_mut() {
            Some(page) if at + label_px <= width => page.push(placed(at, label)),
            Some(_) | None => {
                at = 0.0;
                pages.push(vec![placed(at, label)]);
            }
        }
        at += label_px + gap;
    }
    Ok(Value::from(pages))
}

fn placed(at: f32, label: &str) -> Value {
    minijinja::context! { x => at.round(), label => label }
}

impl Object for Fitted {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "size" => Some(Value::from(self.size)),
            "width" => Some(Value::from(self.width.ceil())),
            "lines" => Some(Value::from(self.lines.clone())),
            "n" => Some(Value::from(self.lines.len())),
            // Of a block: the distance of two lines, and all of them.
            "pitch" => Some(Value::from(self.size * LEADING)),
            "high" => {
                let n_lines = u16::try_from(self.lines.len()).map_or(f32::INFINITY, f32::from);
                Some(Value::from(n_lines * self.size * LEADING))
            }
            "text" => self.lines.first().map(|line| Value::from(line.as_str())),
            _ => None,
        }
    }
}

impl Object for Cells {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "size" => Some(Value::from(self.size)),
            "left" => Some(Value::from(self.left.round())),
            "right" => Some(Value::from(self.right.round())),
            "x" => {
                let centres: Vec<String> = self.centres.iter().map(|centre| format!("{centre:.0}")).collect();
                Some(Value::from(centres.join(" ")))
            }
            _ => None,
        }
    }
}

fn refused(field: &str) -> Error {
    let why = DoesNotFit { field: field.to_owned() };
    Error::new(ErrorKind::InvalidOperation, "a text does not fit").with_source(why)
}

fn style(rest: &Kwargs) -> Result<Style, Error> {
    let weight = if rest.get::<Option<bool>>("bold")?.unwrap_or(false) { Weight::Bold } else { Weight::Regular };
    let lang = match rest.get::<Option<&str>>("lang")? {
        None | Some("ja") => Lang::Ja,
        Some("en") => Lang::En,
        Some("zh") => Lang::Zh,
        Some("ko") => Lang::Ko,
        Some(other) => return Err(unknown("language", other)),
    };
    rest.assert_all_used()?;
    Ok(Style { family: Family::of(lang), weight })
}

fn read_face(face: &str) -> Result<NumberFace, Error> {
    match face {
        "figures" => Ok(NumberFace::Figures),
        "letters" => Ok(NumberFace::Letters),
        other => Err(unknown("face", other)),
    }
}

fn read_place(place: &Kwargs) -> Result<Place, Error> {
    let side = match place.get::<Option<&str>>("side")? {
        None | Some("end") => Side::End,
        Some("middle") => Side::Middle,
        Some("start") => Side::Start,
        Some(other) => return Err(unknown("side", other)),
    };
    let read = Place {
        x: place.get("x")?,
        side,
        width: place.get("width")?,
        size: place.get("size")?,
        pitch: place.get("pitch")?,
    };
    place.assert_all_used()?;
    Ok(read)
}

fn unknown(what: &str, word: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("no such {what}: {word}"))
}
