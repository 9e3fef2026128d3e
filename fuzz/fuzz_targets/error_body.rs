#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| apim_backend_connection::fuzzing::run("error_body", data));
