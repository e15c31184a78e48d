//! Header fields of conditional requests (RFC 9110 §13), as the OpenAPI document has them.

use utoipa::IntoParams;

/// The condition of a request that reads.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ReadConditions {
    /// Tags of the states that the client has. The answer is 304 if one of them is the current one.
    #[param(
        rename = "If-None-Match",
        pattern = r#"^(\*|(W/)?"[!#-+.-~-]*"( *, *(W/)?"[!#-+.-~-]*")*)$"#,
        nullable = false
    )]
    pub if_none_match: Option<String>,
}

/// The condition of a request that changes what may exist.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct WriteConditions {
    /// Tags of the states to replace; required if the resource exists.
    #[param(rename = "If-Match", pattern = r#"^(\*|(W/)?"[!#-+.-~-]*"( *, *(W/)?"[!#-+.-~-]*")*)$"#, nullable = false)]
    pub if_match: Option<String>,
}

/// The condition of a request that changes or makes something.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct AnyWriteConditions {
    /// Tags of the states to replace; required if the resource exists.
    #[param(rename = "If-Match", pattern = r#"^(\*|(W/)?"[!#-+.-~-]*"( *, *(W/)?"[!#-+.-~-]*")*)$"#, nullable = false)]
    pub if_match: Option<String>,
    /// `*` if nothing must exist.
    #[param(rename = "If-None-Match", pattern = r"^\*$", nullable = false)]
    pub if_none_match: Option<String>,
}

/// Where a stream of events continues.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct LastEvent {
    /// The id of the last event that the client has.
    #[param(rename = "Last-Event-ID", pattern = "^[0-9]{1,15}$", nullable = false)]
    pub last_event_id: Option<String>,
}
