//! Sites: what a clinic's boxes and the hub say to each other, over the streams that carry their facts.

pub(crate) mod clinic;
pub(crate) mod content;
pub(crate) mod remote;
pub(crate) mod routes;
pub(crate) mod sealed;
pub(crate) mod seen;
pub(crate) mod trial;

use machiai_core::ids::SiteId;

/// Returns the path of the stream that a site's boxes append to.
pub(crate) fn up_of(site: SiteId) -> String {
    format!("/v1/sites/{site}/up")
}

/// Returns the path of the stream that carries the hub's own facts to a site.
pub(crate) fn down_of(site: SiteId) -> String {
    format!("/v1/sites/{site}/down")
}
