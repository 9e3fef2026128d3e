//! Engine of `Reset-AzApiManagementBackendConnection`.
pub mod error;
pub mod secret;
