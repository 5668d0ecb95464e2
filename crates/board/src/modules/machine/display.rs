//! An SSD1306 display, 128 by 64 or fewer pixels, as its commands and its memory see it. Any driver works with it.
//!
//! A module's picture stands upright however its driver mirrors it: how the glass is mounted is not ours to know.

use crate::board::board;
use crate::link::FromBoard;

const WIDTH: usize = 128;
const PAGES: usize = 8;

/// How writing goes on from byte to byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Rows,
    Columns,
    Page,
}

/// The chip.
pub(super) struct Display {
    /// A byte is eight pixels of a column, the topmost lowest.
    memory: [[u8; WIDTH]; PAGES],
    on: bool,
    inverted: bool,
    rows: usize,
    order: Order,
    columns: (usize, usize),
    pages: (usize, usize),
    column: usize,
    page: usize,
    /// A command that waits for its arguments.
    command: Vec<u8>,
}

impl Display {
    pub(super) const fn new() -> Display {
        Display {
            memory: [[0; WIDTH]; PAGES],
            on: false,
            inverted: false,
            rows: 8 * PAGES,
            order: Order::Page,
            columns: (0, WIDTH - 1),
            pages: (0, PAGES - 1),
            column: 0,
            page: 0,
            command: Vec::new(),
        }
    }

    /// Its one register.
    pub(super) fn status(&self) -> u8 {
        if self.on { 0 } else { 0x40 }
    }

    /// What one transfer brings: a control byte says whether commands or pixels follow, and whether one or all.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        let mut changed = false;
        while let [control, rest @ ..] = bytes {
            let one = control & 0x80 != 0;
            let (these, others) = rest.split_at(if one { rest.len().min(1) } else { rest.len() });
            for &byte in these {
                changed |= if control & 0x40 != 0 { self.pixels(byte) } else { self.command(byte) };
            }
            bytes = others;
        }
        if changed {
            self.show();
        }
    }

    /// Eight pixels where writing stands; says whether the picture changed.
    fn pixels(&mut self, byte: u8) -> bool {
        let cell = &mut self.memory[self.page][self.column];
        let changed = std::mem::replace(cell, byte) != byte;
        match self.order {
            Order::Page => self.column = (self.column + 1) % WIDTH,
            Order::Rows => {
                if next(&mut self.column, self.columns) {
                    next(&mut self.page, self.pages);
                }
            }
            Order::Columns => {
                if next(&mut self.page, self.pages) {
                    next(&mut self.column, self.columns);
                }
            }
        }
        changed && self.on
    }

    /// A byte of a command; says whether the picture changed.
    fn command(&mut self, byte: u8) -> bool {
        self.command.push(byte);
        if self.command.len() <= arguments(self.command[0]) {
            return false;
        }
        let command = std::mem::take(&mut self.command);
        match command[..] {
            [low @ 0x00..=0x0f] => self.column = self.column & 0x70 | usize::from(low),
            [high @ 0x10..=0x17] => self.column = self.column & 0x0f | usize::from(high & 7) << 4,
            [0x20, order] => {
                self.order = match order & 3 {
                    0 => Order::Rows,
                    1 => Order::Columns,
                    _ => Order::Page,
                }
            }
            [0x21, first, last] => {
                self.columns = window(first, last, WIDTH);
                self.column = self.columns.0;
            }
            [0x22, first, last] => {
                self.pages = window(first, last, PAGES);
                self.page = self.pages.0;
            }
            [0xa8, rows] => self.rows = (usize::from(rows & 0x3f) + 1).next_multiple_of(8),
            [page @ 0xb0..=0xb7] => self.page = usize::from(page & 7),
            [byte @ 0xa6..=0xa7] => return std::mem::replace(&mut self.inverted, byte == 0xa7) != self.inverted,
            [byte @ 0xae..=0xaf] => return std::mem::replace(&mut self.on, byte == 0xaf) != self.on,
            // Contrast, charge pump, clocks: nothing that is seen.
            _ => {}
        }
        false
    }

    fn show(&self) {
        let lit = |x: usize, y: usize| self.on && (self.memory[y / 8][x] >> (y % 8) & 1 == 1) != self.inverted;
        let byte = |y: usize, from: usize| (from..from + 8).fold(0, |byte, x| byte << 1 | u8::from(lit(x, y)));
        let bits = (0..self.rows).flat_map(|y| (0..WIDTH).step_by(8).map(move |x| byte(y, x))).collect();
        let (width, height) = (WIDTH as u16, u16::try_from(self.rows).unwrap_or(64));
        board().tell_event(FromBoard::Display { width, height, bits });
    }
}

/// Goes to the next place in a window; true when it went round.
fn next(place: &mut usize, (first, last): (usize, usize)) -> bool {
    let round = *place >= last;
    *place = if round { first } else { *place + 1 };
    round
}

fn window(first: u8, last: u8, size: usize) -> (usize, usize) {
    let first = usize::from(first) % size;
    (first, (usize::from(last) % size).max(first))
}

/// How many bytes follow a command.
fn arguments(command: u8) -> usize {
    match command {
        0x20 | 0x81 | 0x8d | 0xa8 | 0xad | 0xd3 | 0xd5 | 0xd9 | 0xda | 0xdb => 1,
        0x21 | 0x22 | 0xa3 => 2,
        0x29 | 0x2a => 5,
        0x26 | 0x27 => 6,
        _ => 0,
    }
}
