//! Films that say in every picture which film and which picture they are.

use std::path::Path;

use anyhow::{Context as _, Result};
use gstreamer::prelude::*;
use gstreamer::{self as gst, ClockTime};
use gstreamer_app::AppSrc;

/// A square of the code in a picture of the film region's width, in pixels; larger pictures have larger ones.
const SQUARE: usize = 40;
/// The width of the film region of the landscape.
const REGION_WIDTH: usize = 1280;
/// Squares in the code: eight bits of the film, sixteen of the picture.
const N_BITS: usize = 24;
/// Luma of a square that says one.
const ONE: u8 = 220;
/// Luma of a square that says zero.
const ZERO: u8 = 60;
/// Luma of the rest.
const GROUND: u8 = 120;

/// How long a film may take to be written.
const WRITTEN_WITHIN: ClockTime = ClockTime::from_seconds(60);

/// How a film is coded, and in what file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// H.264 and AAC in MP4, its table at the end.
    Mp4,
    /// The same with its table at the beginning: cut short it still opens.
    TableFirst,
    /// H.264 with ten bits, as some cameras write it.
    TenBits,
    /// VP9 and Opus in WebM.
    WebM,
}

impl Coding {
    /// Returns how pictures and sound are coded, and what takes them.
    const fn parts(self) -> (&'static str, &'static str, &'static str) {
        const H264: &str = "x264enc speed-preset=ultrafast tune=zerolatency key-int-max=30 threads=1 ! h264parse";
        const TEN: &str = "videoconvert ! video/x-raw,format=I420_10LE ! x264enc speed-preset=ultrafast threads=1 \
                           ! h264parse";
        const VP9: &str = "vp9enc deadline=1 cpu-used=8 threads=1 target-bitrate=4000000 keyframe-max-dist=30";
        const AAC: &str = "avenc_aac ! aacparse";
        match self {
            Self::Mp4 => (H264, AAC, "mp4mux"),
            Self::TableFirst => (H264, AAC, "mp4mux faststart=true"),
            Self::TenBits => (TEN, AAC, "mp4mux"),
            Self::WebM => (VP9, "opusenc", "webmmux"),
        }
    }
}

/// A film to be made.
#[derive(Clone, Copy)]
pub struct Film {
    /// Its number, said in every picture.
    pub clip: u8,
    /// Its pictures.
    pub n_frames: u16,
    /// How many a second.
    pub per_s: u32,
    /// Width and height.
    pub size: (usize, usize),
    /// Whether it sounds.
    pub sounds: bool,
    /// The tone that it sounds with, in hertz.
    pub tone_hertz: u16,
    /// How it is coded.
    pub coding: Coding,
}

impl Film {
    /// Returns a film of the size of the landscape's film region.
    pub fn of(clip: u8, n_frames: u16) -> Self {
        Self { clip, n_frames, per_s: 30, size: (1280, 720), sounds: true, tone_hertz: 440, coding: Coding::Mp4 }
    }

    /// Writes it.
    ///
    /// # Errors
    /// An encoder is missing, or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        gst::init()?;
        let (width, height) = self.size;
        let (pictures, sounds, file) = self.coding.parts();
        let ms = u64::from(self.n_frames) * 1_000 / u64::from(self.per_s);
        let n_buffers = ms * 48 / 1_024;
        let sound = format!(
            "audiotestsrc num-buffers={n_buffers} samplesperbuffer=1024 freq={} volume=0.2 \
             ! audio/x-raw,rate=48000,channels=2 ! audioconvert ! {sounds} ! queue ! mux.",
            self.tone_hertz
        );
        let description = format!(
            "appsrc name=in format=time block=true max-bytes=20000000 \
                 caps=video/x-raw,format=I420,width={width},height={height},framerate={}/1,colorimetry=bt709 \
             ! {pictures} ! queue ! {file} name=mux ! filesink location={} {}",
            self.per_s,
            path.display(),
            if self.sounds { sound.as_str() } else { "" }
        );
        let pipeline = gst::parse::launch(&description)?.downcast::<gst::Pipeline>().ok().context("no pipeline")?;
        let source = pipeline.by_name("in").and_then(|source| source.downcast::<AppSrc>().ok()).context("no source")?;
        pipeline.set_state(gst::State::Playing)?;
        for frame in 0..self.n_frames {
            let mut buffer = gst::Buffer::from_slice(picture(self.size, self.clip, frame));
            let made = buffer.make_mut();
            made.set_pts(self.moment(frame));
            made.set_duration(self.moment(1));
            source.push_buffer(buffer)?;
        }
        source.end_of_stream()?;
        finish(&pipeline)
    }

    fn moment(&self, frame: u16) -> ClockTime {
        ClockTime::from_nseconds(u64::from(frame) * 1_000_000_000 / u64::from(self.per_s))
    }
}

fn finish(pipeline: &gst::Pipeline) -> Result<()> {
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    let told = pipeline.bus().and_then(|bus| bus.timed_pop_filtered(WRITTEN_WITHIN, &wanted));
    pipeline.set_state(gst::State::Null)?;
    let told = told.context("a film was not written in time")?;
    if let gst::MessageView::Error(error) = told.view() { Err(error.error().into()) } else { Ok(()) }
}

/// What has another shape than a film of counted pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// A still as PNG.
    Png,
    /// A still as JPEG.
    Jpeg,
    /// Ten hours of film, a picture every ten minutes.
    TenHours,
    /// One picture of 8K.
    EightK,
    /// Sound in a film's file, and nothing to see.
    SoundOnly,
}

impl Odd {
    /// Writes it.
    ///
    /// # Errors
    /// An encoder is missing, or the file cannot be written.
    pub fn write(self, path: &Path) -> Result<()> {
        gst::init()?;
        let test = |n: u32, caps: &str| format!("videotestsrc num-buffers={n} ! video/x-raw,format=I420,{caps}");
        let h264 = "x264enc speed-preset=ultrafast tune=zerolatency threads=1 ! h264parse";
        let described = match self {
            Self::Png => format!("{} ! videoconvert ! pngenc", test(1, "width=640,height=480")),
            Self::Jpeg => format!("{} ! jpegenc", test(1, "width=2400,height=1600")),
            Self::TenHours => format!("{} ! {h264} ! matroskamux", test(61, "width=64,height=48,framerate=1/600")),
            Self::EightK => format!("{} ! {h264} ! mp4mux", test(1, "width=7680,height=4320,framerate=30/1")),
            Self::SoundOnly => "audiotestsrc num-buffers=90 ! avenc_aac ! aacparse ! mp4mux".to_owned(),
        };
        let described = format!("{described} ! filesink location={}", path.display());
        let pipeline = gst::parse::launch(&described)?.downcast::<gst::Pipeline>().ok().context("no pipeline")?;
        pipeline.set_state(gst::State::Playing)?;
        finish(&pipeline)
    }
}

/// Returns width and height of a JPEG, as the header of its baseline frame says.
#[must_use]
pub fn jpeg_size(jpeg: &[u8]) -> Option<(u16, u16)> {
    let frame = jpeg.windows(2).position(|marker| marker == [0xFF, 0xC0])?;
    let number = |at: usize| Some(u16::from_be_bytes(jpeg.get(frame + at..frame + at + 2)?.try_into().ok()?));
    Some((number(7)?, number(5)?))
}

/// Draws one picture as I420.
pub fn picture((width, height): (usize, usize), clip: u8, frame: u16) -> Vec<u8> {
    let mut luma = vec![GROUND; width * height];
    let square = SQUARE * width / REGION_WIDTH;
    let code = (u32::from(clip) << 16) | u32::from(frame);
    for bit in 0..N_BITS {
        let value = if code >> (N_BITS - 1 - bit) & 1 == 1 { ONE } else { ZERO };
        for row in luma.chunks_exact_mut(width).take(square) {
            row[bit * square..(bit + 1) * square].fill(value);
        }
    }
    luma.resize(width * height * 3 / 2, 128);
    luma
}

/// What a composed frame shows in its film region at the upper left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A picture of a film.
    Picture {
        /// Its film.
        clip: u8,
        /// Which.
        frame: u16,
    },
    /// Something that is no film's and not black.
    Other,
    /// Black.
    Black,
}

/// Reads the code of a composed frame, whose luma has rows of `width`.
pub fn read(luma: &[u8], width: usize) -> Seen {
    let mut code = 0_u32;
    // Beside the code the ground begins: paper, and a call, have none.
    let mut is_clear = luma_at(luma, width, (N_BITS * SQUARE + SQUARE / 2, SQUARE / 2)).abs_diff(GROUND) < 30;
    for bit in 0..N_BITS {
        let middle = luma[SQUARE / 2 * width + bit * SQUARE + SQUARE / 2];
        is_clear &= middle.abs_diff(ONE) < 30 || middle.abs_diff(ZERO) < 30;
        code = (code << 1) | u32::from(middle > GROUND);
    }
    if is_clear {
        let [_, clip, high, low] = code.to_be_bytes();
        return Seen::Picture { clip, frame: u16::from_be_bytes([high, low]) };
    }
    let region = luma.chunks_exact(width).take(720).flat_map(|row| &row[..1280]).step_by(997);
    if region.clone().all(|value| *value < 24) { Seen::Black } else { Seen::Other }
}

/// Returns the luma of a composed frame, I420 without padding, at a place.
#[must_use]
pub fn luma_at(frame: &[u8], width: usize, (x, y): (usize, usize)) -> u8 {
    frame.get(y * width + x).copied().unwrap_or_default()
}

/// Turns a frame, I420 without padding in the colours of BT.709, into RGB.
#[must_use]
pub fn rgb(frame: &[u8], (width, height): (usize, usize)) -> Vec<u8> {
    let (luma, chroma) = frame.split_at(frame.len().min(width * height));
    let (blue, red) = chroma.split_at(chroma.len() / 2);
    let mut pixels = Vec::with_capacity(width * height * 3);
    for (at, value) in luma.iter().enumerate() {
        let of = (at / width / 2) * (width / 2) + at % width / 2;
        let centred = |plane: &[u8]| f32::from(plane.get(of).copied().unwrap_or(128)) - 128.0;
        let (y, u, v) = (1.164 * (f32::from(*value) - 16.0), centred(blue), centred(red));
        let levels = [y + 1.793 * v, y - 0.213 * u - 0.533 * v, y + 2.112 * u];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
        pixels.extend(levels.map(|level| level.round().clamp(0.0, 255.0) as u8));
    }
    pixels
}
