//! Recordings become samples as they are mixed: F32, 48 kHz, two channels.

use std::io::Read as _;
use std::path::Path;

use gstreamer::prelude::*;
use gstreamer::{self as gst, ClockTime};
use gstreamer_app::{AppSink, AppSrc};

use super::{MAX_WAV_BYTES, VoiceError};
use crate::output::SOUND;

/// How long the decoder may take for the next piece; it works in memory alone.
const DECODED_WITHIN: ClockTime = ClockTime::from_seconds(2);

/// The longest recording, in bytes as it is mixed: thirty seconds.
const MAX_SAMPLE_BYTES: usize = 30 * 48_000 * 8;

/// Reads a clip.
pub(super) fn read(clip: &Path) -> Result<Vec<u8>, VoiceError> {
    let mut wav = Vec::new();
    let opened = std::fs::File::open(clip);
    let done = opened.and_then(|file| file.take(MAX_WAV_BYTES.saturating_add(1)).read_to_end(&mut wav));
    done.map_err(|source| VoiceError::Clip { clip: clip.to_owned(), source })?;
    if u64::try_from(wav.len()).is_ok_and(|n_bytes| n_bytes <= MAX_WAV_BYTES) { Ok(wav) } else { Err(VoiceError::Long) }
}

/// Decodes a WAV file, and multiplies its samples.
pub(super) fn decode(wav: Vec<u8>, loudness: f32) -> Result<gst::Buffer, VoiceError> {
    let described = format!(
        "appsrc name=wav caps=audio/x-wav max-bytes=0 ! wavparse ! audioconvert ! audioresample ! {SOUND} \
         ! appsink name=samples sync=false async=false"
    );
    let built = gst::parse::launch(&described).map_err(VoiceError::Build)?;
    let pipeline = built.downcast::<gst::Pipeline>().map_err(|_other| VoiceError::Stopped)?;
    let decoded = pull(&pipeline, wav);
    if pipeline.set_state(gst::State::Null).is_err() {
        tracing::warn!("a decoder of recordings did not stop as it should");
    }
    let bytes = decoded?;
    let samples = bytes.chunks_exact(4).filter_map(|sample| sample.try_into().ok()).map(f32::from_le_bytes);
    let loud: Vec<u8> = samples.flat_map(|sample| (sample * loudness).clamp(-1.0, 1.0).to_le_bytes()).collect();
    if loud.is_empty() { Err(VoiceError::Silent) } else { Ok(gst::Buffer::from_slice(loud)) }
}

fn pull(pipeline: &gst::Pipeline, wav: Vec<u8>) -> Result<Vec<u8>, VoiceError> {
    let part = |name| pipeline.by_name(name).ok_or(VoiceError::Stopped);
    let source = part("wav")?.downcast::<AppSrc>().map_err(|_other| VoiceError::Stopped)?;
    let sink = part("samples")?.downcast::<AppSink>().map_err(|_other| VoiceError::Stopped)?;
    pipeline.set_state(gst::State::Playing).map_err(|_why| VoiceError::Stopped)?;
    source.push_buffer(gst::Buffer::from_slice(wav)).map_err(|_why| VoiceError::Stopped)?;
    source.end_of_stream().map_err(|_why| VoiceError::Stopped)?;
    let mut bytes = Vec::new();
    while let Some(sample) = sink.try_pull_sample(DECODED_WITHIN) {
        if let Some(map) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) {
            bytes.extend_from_slice(map.as_slice());
        }
        if bytes.len() > MAX_SAMPLE_BYTES {
            return Err(VoiceError::Long);
        }
    }
    Ok(bytes)
}
