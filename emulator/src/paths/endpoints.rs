//! The cloud's endpoints, by which `az cloud register` and the SDKs learn where to sign in. The emulator is its own
//! authority.

use hyper::Method;
use serde_json::json;

use crate::replies::{Outcome, Reply};
use crate::request::Request;
use crate::tokens::TENANT;

/// `/metadata/endpoints`. Version 2019-05-01 gives a list of clouds; those before and after give one.
pub(crate) fn answer(request: &Request<'_>) -> Outcome {
    request.only(&Method::GET)?;
    let base = request.base_url();
    let cloud = json!({
        "name": "Emulator",
        "resourceManager": base,
        "authentication": {
            "loginEndpoint": base,
            "audiences": [format!("{base}/")],
            "tenant": TENANT,
            "identityProvider": "AAD",
        },
        "graph": base,
        "graphAudience": format!("{base}/"),
        "gallery": base,
        "portal": base,
        // What the first version calls them.
        "graphEndpoint": base,
        "galleryEndpoint": base,
        "portalEndpoint": base,
        "suffixes": {},
    });
    Ok(Reply::json(if request.api_version() == "2019-05-01" {
        json!([cloud])
    } else {
        cloud
    }))
}
