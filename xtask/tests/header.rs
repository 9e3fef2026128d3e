//! The C header is the one that the sources give.

#[test]
fn the_header_is_current() {
    xtask::header::check().unwrap_or_else(|error| panic!("{error:#}"));
}
