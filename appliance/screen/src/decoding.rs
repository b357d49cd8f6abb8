//! With what films are decoded: software, as long as nobody has tried the machine's VA-API on a monitor of ours.

use gstreamer as gst;
use gstreamer::prelude::*;
use machiai_panel::link::Decoding;

/// Lets films be decoded in software alone, and says whether VA-API is there; GStreamer must have been started.
pub(crate) fn choose() -> Decoding {
    let decoders = gst::ElementFactory::factories_with_type(gst::ElementFactoryType::DECODER, gst::Rank::NONE);
    let of_va: Vec<gst::ElementFactory> =
        decoders.into_iter().filter(|decoder| is_va(&decoder.name(), decoder.metadata("klass"))).collect();
    // A driver that is listed may still give green pictures, or hang: what is not tried is never chosen.
    of_va.iter().for_each(|decoder| decoder.set_rank(gst::Rank::NONE));
    if of_va.iter().any(opens) { Decoding::SoftwareVaUntried } else { Decoding::Software }
}

/// Whether a decoder is of GStreamer's `va` plugin or the older `vaapi`.
fn is_va(name: &str, klass: Option<&str>) -> bool {
    name.starts_with("va") && klass.is_some_and(|klass| klass.split('/').any(|word| word == "Hardware"))
}

/// Whether a decoder finds its device.
fn opens(decoder: &gst::ElementFactory) -> bool {
    let Ok(element) = decoder.create().build() else { return false };
    let opened = element.set_state(gst::State::Ready);
    let _closed = element.set_state(gst::State::Null);
    opened.is_ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn decoders_of_devices_are_told_from_those_of_libraries() {
        for name in ["vah264dec", "vaapih264dec", "vaav1dec"] {
            assert!(is_va(name, Some("Codec/Decoder/Video/Hardware")), "{name}");
        }
        assert!(!is_va("avdec_h264", Some("Codec/Decoder/Video")));
        assert!(!is_va("v4l2h264dec", Some("Codec/Decoder/Video/Hardware")));
        assert!(!is_va("vavorbisdec", Some("Codec/Decoder/Audio")) && !is_va("vah264dec", None));
    }

    #[test]
    fn a_machine_without_a_device_decodes_in_software() {
        assert!(!Path::new("/dev/dri/renderD128").exists(), "this machine has a device");
        gst::init().unwrap();
        assert_eq!(choose(), Decoding::Software);
    }
}
