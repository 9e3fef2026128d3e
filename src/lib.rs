//! Engine of `Reset-AzApiManagementBackendConnection`.
pub mod error;
pub mod secret;
mod throttle;
mod resource_id; mod settings; mod item;
