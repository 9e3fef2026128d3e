//! What each family of paths answers. None knows another, and none knows HTTP beyond the request and the reply.

pub(crate) mod account;
pub(crate) mod backends;
pub(crate) mod endpoints;
pub(crate) mod groups;
pub(crate) mod services;
pub(crate) mod sign_in;
pub(crate) mod workspaces;
