//! Lists of API Management: `$filter`, `$top`, `$skip`, `count` and the link to the next page.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::filter::Filter;
use crate::replies::{Body, Refusal, Reply};
use crate::request::Request;

/// What a request wants of a list.
pub(crate) struct Wanted {
    pub(crate) filter: Option<Filter>,
    pub(crate) skip: usize,
    /// How many at most, by the request or by the page's size.
    pub(crate) count: usize,
}

impl Wanted {
    /// Reads the request; `fields` are those that can be filtered.
    pub(crate) fn of(request: &Request<'_>, fields: &[&str], page_size: usize) -> Result<Self, Refusal> {
        let number = |name: &str, least: usize| match request.query(name) {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(number) if number >= least => Ok(Some(number)),
                _ => Err(Refusal::field(
                    name,
                    format!("{name} '{text}' must be a whole number, {least} or more."),
                )),
            },
        };
        let filter = request
            .given("$filter")
            .map(|text| Filter::parse(&text, fields))
            .transpose()
            .map_err(|problem| Refusal::field("$filter", format!("The filter is not valid: {problem}.")))?;
        Ok(Self {
            filter,
            skip: number("$skip", 0)?.unwrap_or(0),
            count: number("$top", 1)?.unwrap_or(usize::MAX).min(page_size),
        })
    }

    /// The page that these resources are, of `total` in all.
    pub(crate) fn reply(&self, request: &Request<'_>, page: &[Value], total: usize) -> Reply {
        let mut body = json!({ "value": page });
        if !is_first_version(request) {
            body["count"] = total.into();
        }
        let next = self.skip.saturating_add(page.len());
        if !page.is_empty() && next < total {
            body["nextLink"] = next_link(request, next).into();
        }
        Reply::new(StatusCode::OK, Body::Pretty(body))
    }
}

/// The `$filter` of a list of Azure Resource Manager's own.
pub(crate) fn manager_filter(request: &Request<'_>, fields: &[&str]) -> Result<Option<Filter>, Refusal> {
    let filter = request
        .given("$filter")
        .map(|text| Filter::parse(&text, fields))
        .transpose();
    filter.map_err(|problem| {
        let message = format!("Invalid $filter in the query string: {problem}.");
        Refusal::manager(StatusCode::BAD_REQUEST, "InvalidFilterInQueryString", message)
    })
}

/// The request's own query with another `$skip`, names encoded, and an explicit port: as the service writes it.
fn next_link(request: &Request<'_>, skip: usize) -> String {
    let mut link = format!("{}{}?", request.base_url_with_port(), request.path());
    for pair in request.head.uri.query().unwrap_or_default().split('&') {
        let pair = pair.replace('$', "%24");
        if !pair.to_ascii_lowercase().starts_with("%24skip=") {
            link.push_str(&pair);
            link.push('&');
        }
    }
    link + &format!("%24skip={skip}")
}

/// Version 2019-01-01 and those before it: a PATCH has no body, a list no count.
pub(crate) fn is_first_version(request: &Request<'_>) -> bool {
    request.api_version().get(..10).is_some_and(|date| date <= "2019-01-01")
}
