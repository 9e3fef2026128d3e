//! If-Match, for all resources that have an ETag.

use hyper::StatusCode;
use hyper::header::IF_MATCH;

use crate::replies::Refusal;
use crate::request::Request;

/// Lets a change of an existing resource through: it must name the resource's ETag, or any.
pub(crate) fn check_change(request: &Request<'_>, etag: &str) -> Result<(), Refusal> {
    let tags = request
        .header(IF_MATCH.as_str())
        .ok_or_else(|| Refusal::field("If-Match", "'If-Match' should not be empty."))?;
    if matches(tags, etag) { Ok(()) } else { Err(modified()) }
}

/// Lets a PUT through: its If-Match is optional. The wildcard asks for an unconditional write, which creates as well; a
/// tag must match what is there.
pub(crate) fn check_put(request: &Request<'_>, etag: Option<&str>) -> Result<(), Refusal> {
    match request.header(IF_MATCH.as_str()) {
        None | Some("*") => Ok(()),
        Some(tags) if etag.is_some_and(|etag| matches(tags, etag)) => Ok(()),
        Some(_) => Err(modified()),
    }
}

/// Tags are taken with their quotes or without: command lines tend to lose them.
fn matches(tags: &str, etag: &str) -> bool {
    tags.split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_matches('"') == etag.trim_matches('"'))
}

fn modified() -> Refusal {
    Refusal::provider(
        StatusCode::PRECONDITION_FAILED,
        "PreconditionFailed",
        "Resource was modified since last retrieval.",
    )
}
