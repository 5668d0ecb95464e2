//! What answers on a board's I2C: a display.

use parking_lot::Mutex;

use super::display::Display;

/// Where SSD1306 modules answer.
const DISPLAY: u16 = 0x3c;

static AT_DISPLAY: Mutex<Display> = Mutex::new(Display::new());

/// The addresses that answer.
pub(super) fn answering() -> Vec<u16> {
    vec![DISPLAY]
}

/// Writes to a device; false when nobody answers there.
pub(super) fn write(address: u16, bytes: &[u8]) -> bool {
    if address == DISPLAY {
        AT_DISPLAY.lock().take(bytes);
    }
    address == DISPLAY
}

/// Reads from a device; `None` when nobody answers there.
pub(super) fn read(address: u16, count: usize) -> Option<Vec<u8>> {
    (address == DISPLAY).then(|| vec![AT_DISPLAY.lock().status(); count])
}
