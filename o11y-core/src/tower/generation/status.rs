//! Status codes as the kind of an error.

use http::StatusCode;

/// The code as text, for those that servers give; `4xx` and `5xx` for the others.
pub(in crate::tower) fn status_name(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "400",
        401 => "401",
        402 => "402",
        403 => "403",
        404 => "404",
        408 => "408",
        409 => "409",
        413 => "413",
        422 => "422",
        424 => "424",
        429 => "429",
        498 => "498",
        499 => "499",
        500 => "500",
        501 => "501",
        502 => "502",
        503 => "503",
        504 => "504",
        520 => "520",
        529 => "529",
        ..500 => "4xx",
        _ => "5xx",
    }
}
