//! Hex: any text is bytes or an error that points into it; any bytes read back as written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use socklab_capture::escape::is_safe;
use socklab_capture::hex;

fuzz_target!(|data: &[u8]| {
    assert_eq!(hex::parse(&hex::emit(data)).as_deref(), Ok(data));
    let text = String::from_utf8_lossy(data);
    match hex::parse(&text) {
        Ok(bytes) => assert_eq!(hex::parse(&hex::emit(&bytes)), Ok(bytes)),
        Err(error) => {
            assert!(error.at < text.len() && text.is_char_boundary(error.at));
            assert!(error.to_string().chars().all(is_safe), "{error:?}");
        }
    }
});
