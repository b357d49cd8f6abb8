//! Notices: what the clinic tells the waiting room by text, drawn for the film's region, and an emergency for the whole
//! monitor. A text that cannot be read from afar whole is refused; nothing is clipped.

use machiai_core::settings::Text;
use minijinja::Value;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use crate::look::Layout;
use crate::templates::TemplateName;

/// How a notice looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLook {
    /// In its turn among films, on paper.
    Plain,
    /// In the place of films, under a band of the colour of caution.
    Urgent,
    /// Over the whole monitor.
    Emergency,
}

impl NoticeLook {
    /// Every look.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Urgent, Self::Emergency];

    /// Returns width and height of the drawing: the film's region, or the whole monitor.
    #[must_use]
    pub const fn size_px(self, layout: Layout) -> (u32, u32) {
        match (self, layout) {
            (Self::Plain | Self::Urgent, _) => layout.film_px(),
            (Self::Emergency, _) => layout.size_px(),
        }
    }

    pub(crate) const fn template(self, layout: Layout) -> TemplateName {
        match (self, layout) {
            (Self::Plain | Self::Urgent, Layout::Landscape) => TemplateName::NoticeLandscape,
            (Self::Plain | Self::Urgent, Layout::Portrait) => TemplateName::NoticePortrait,
            (Self::Emergency, Layout::Landscape) => TemplateName::EmergencyLandscape,
            (Self::Emergency, Layout::Portrait) => TemplateName::EmergencyPortrait,
        }
    }
}

/// A notice to be drawn. Its languages beside Japanese and English are not drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Notice<'a> {
    /// How it looks.
    pub look: NoticeLook,
    /// Its headline, where it has one.
    pub headline: Option<&'a Text>,
    /// What it says.
    pub text: &'a Text,
    /// Its photo, as the address of data: `data:image/jpeg;base64,…`.
    pub photo: Option<&'a str>,
}

impl Notice<'_> {
    /// Lists the texts that are drawn, by their fields.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let texts = [
            ("headline", self.headline.map(|text| text.ja.as_str())),
            ("headline.en", self.headline.and_then(|text| text.en.as_deref())),
            ("text", Some(self.text.ja.as_str())),
            ("text.en", self.text.en.as_deref()),
        ];
        texts.into_iter().filter_map(|(field, text)| Some((field, text?)))
    }

    /// Returns what its template is filled with beside words and colours.
    pub(crate) fn values(&self, layout: Layout) -> Value {
        let (width, height) = self.look.size_px(layout);
        minijinja::context! { n => Serde(self), w => width, h => height }
    }
}
