//! The module `framebuf`: pixels in a buffer of the program's, in eight layouts.
//!
//! The letters are drawn in `framebuf/letters.txt`. What a display shows belongs to its driver.

#![allow(clippy::unwrap_used, reason = "what the interpreter's macro makes of a constant has one")]

pub(crate) use framebuf::module_def;

use std::sync::OnceLock;

/// Letters, 16 side by side, from the space on; each 8 by 8, the first row on top.
const LETTERS: &str = include_str!("framebuf/letters.txt");

/// How pixels lie in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// Eight pixels of a column, the topmost lowest.
    MonoVlsb,
    Rgb565,
    Gs4Hmsb,
    /// Eight pixels of a row, the leftmost highest.
    MonoHlsb,
    /// The same, the leftmost lowest.
    MonoHmsb,
    Gs2Hmsb,
    Gs8,
}

impl Format {
    fn numbered(number: i32) -> Option<Format> {
        const FORMATS: [Format; 7] = [
            Format::MonoVlsb,
            Format::Rgb565,
            Format::Gs4Hmsb,
            Format::MonoHlsb,
            Format::MonoHmsb,
            Format::Gs2Hmsb,
            Format::Gs8,
        ];
        FORMATS.get(usize::try_from(number).ok()?).copied()
    }

    /// Bits of a pixel.
    fn depth(self) -> usize {
        match self {
            Format::MonoVlsb | Format::MonoHlsb | Format::MonoHmsb => 1,
            Format::Gs2Hmsb => 2,
            Format::Gs4Hmsb => 4,
            Format::Gs8 => 8,
            Format::Rgb565 => 16,
        }
    }

    /// Rows are this many pixels apart at least: whole bytes.
    fn stride(self, stride: usize) -> usize {
        match self {
            Format::MonoVlsb => stride,
            _ => stride.next_multiple_of((8 / self.depth()).max(1)),
        }
    }
}

/// Where pixels lie in a buffer.
#[derive(Clone, Copy, Debug)]
struct Layout {
    width: i64,
    height: i64,
    stride: usize,
    format: Format,
}

/// How an ellipse is drawn.
struct Pen {
    colour: i64,
    full: bool,
    quarters: u8,
}

impl Layout {
    /// `None` when the buffer is too small for it, or it makes no sense.
    fn of(width: i64, height: i64, format: i32, stride: i64, length: usize) -> Option<Layout> {
        let format = Format::numbered(format)?;
        if !(1..=0xffff).contains(&width) || !(1..=0xffff).contains(&height) || stride < width || stride > 0xffff {
            return None;
        }
        let stride = format.stride(stride as usize);
        let (rows, columns) = match format {
            Format::MonoVlsb => ((height as usize).next_multiple_of(8) - 8, width as usize * 8),
            _ => (height as usize - 1, format.stride(width as usize)),
        };
        let bits = rows * stride * format.depth() + columns * format.depth();
        (length * 8 >= bits).then_some(Layout { width, height, stride, format })
    }

    fn has(&self, x: i64, y: i64) -> bool {
        (0..self.width).contains(&x) && (0..self.height).contains(&y)
    }

    /// The byte of a pixel, the lowest of its bits there, and the mask of them.
    fn place(&self, x: usize, y: usize) -> (usize, usize, u8) {
        let at = y * self.stride + x;
        match self.format {
            Format::MonoVlsb => (y / 8 * self.stride + x, y % 8, 1),
            Format::MonoHlsb => (at / 8, 7 - x % 8, 1),
            Format::MonoHmsb => (at / 8, x % 8, 1),
            Format::Gs2Hmsb => (at / 4, x % 4 * 2, 3),
            Format::Gs4Hmsb => (at / 2, (1 - x % 2) * 4, 15),
            Format::Gs8 => (at, 0, 0xff),
            Format::Rgb565 => (at * 2, 0, 0xff),
        }
    }

    /// The colour of a pixel that is there.
    fn get(&self, bytes: &[u8], x: i64, y: i64) -> i64 {
        let (byte, shift, mask) = self.place(x as usize, y as usize);
        match self.format {
            Format::Rgb565 => i64::from(u16::from_le_bytes([bytes[byte], bytes[byte + 1]])),
            _ => i64::from(bytes[byte] >> shift & mask),
        }
    }

    /// Sets a pixel, if it is there. Any colour but 0 is on where there are two.
    fn set(&self, bytes: &mut [u8], x: i64, y: i64, colour: i64) {
        if !self.has(x, y) {
            return;
        }
        let (byte, shift, mask) = self.place(x as usize, y as usize);
        if self.format == Format::Rgb565 {
            bytes[byte..byte + 2].copy_from_slice(&(colour as u16).to_le_bytes());
            return;
        }
        let colour = if mask == 1 { u8::from(colour != 0) } else { colour as u8 & mask };
        bytes[byte] = bytes[byte] & !(mask << shift) | colour << shift;
    }

    fn fill(&self, bytes: &mut [u8], (x, y): (i64, i64), (width, height): (i64, i64), colour: i64) {
        let end = |from: i64, length: i64, most: i64| from.saturating_add(length).min(most);
        for y in y.max(0)..end(y, height, self.height) {
            for x in x.max(0)..end(x, width, self.width) {
                self.set(bytes, x, y, colour);
            }
        }
    }

    /// Bresenham's line. Ends far outside are met on the way, so that it takes no longer than the coordinates allow.
    fn line(&self, bytes: &mut [u8], (mut x, mut y): (i64, i64), (to_x, to_y): (i64, i64), colour: i64) {
        let (width, height) = ((to_x - x).abs(), (to_y - y).abs());
        let (step_x, step_y) = ((to_x - x).signum(), (to_y - y).signum());
        let steep = height > width;
        let (long, short) = if steep { (height, width) } else { (width, height) };
        let mut error = 2 * short - long;
        for _ in 0..long {
            self.set(bytes, x, y, colour);
            if error >= 0 {
                if steep {
                    x += step_x
                } else {
                    y += step_y
                }
                error -= 2 * long;
            }
            if steep {
                y += step_y
            } else {
                x += step_x
            }
            error += 2 * short;
        }
        self.set(bytes, to_x, to_y, colour);
    }

    /// An ellipse, or the quarters of it that `quarters` has bits for, from the upper right counter-clockwise.
    fn ellipse(&self, bytes: &mut [u8], (x, y): (i64, i64), (rx, ry): (i64, i64), pen: &Pen) {
        let flat = quarter_of_ellipse(ry, rx).into_iter().map(|(y, x)| (x, y));
        for (dx, dy) in quarter_of_ellipse(rx, ry).into_iter().chain(flat) {
            for (quarter, (sign_x, sign_y)) in [(1, -1), (-1, -1), (-1, 1), (1, 1)].into_iter().enumerate() {
                if pen.quarters >> quarter & 1 == 1 {
                    let inner = if pen.full { 0 } else { dx };
                    let from = if sign_x == 1 { x + inner } else { x - dx };
                    self.fill(bytes, (from, y + sign_y * dy), (dx - inner + 1, 1), pen.colour);
                }
            }
        }
    }

    /// A polygon by its corners. A full one is drawn in rows, each between the edges that cross it two by two.
    fn polygon(&self, bytes: &mut [u8], corners: &[(i64, i64)], colour: i64, full: bool) {
        let edges = || corners.iter().zip(corners.iter().cycle().skip(1));
        for y in 0..if full { self.height } else { 0 } {
            let mut crossed: Vec<i64> = edges()
                .filter(|(a, b)| (a.1 > y) != (b.1 > y))
                .map(|(a, b)| (a.0 as f64 + ((y - a.1) * (b.0 - a.0)) as f64 / (b.1 - a.1) as f64).round() as i64)
                .collect();
            crossed.sort_unstable();
            for pair in crossed.chunks_exact(2) {
                self.fill(bytes, (pair[0], y), (pair[1] - pair[0] + 1, 1), colour);
            }
        }
        for (&from, &to) in edges() {
            // Backwards, as boards go: where a line could take either of two pixels, its direction decides.
            // The rows have drawn what a full one's other edges enclose, but for the corners below.
            let to = if full && to.1 != from.1 { from } else { to };
            self.line(bytes, to, from, colour);
        }
    }

    /// Moves all pixels. Where none come from, the old ones stay.
    fn scroll(&self, bytes: &mut [u8], dx: i64, dy: i64) {
        if dx.abs() >= self.width || dy.abs() >= self.height {
            return;
        }
        let before = bytes.to_vec();
        for y in 0..self.height {
            for x in 0..self.width {
                if self.has(x - dx, y - dy) {
                    self.set(bytes, x, y, self.get(&before, x - dx, y - dy));
                }
            }
        }
    }

    fn letter(&self, bytes: &mut [u8], letter: char, (x, y): (i64, i64), colour: i64) {
        let drawing = letters().get((letter as usize).wrapping_sub(32)).unwrap_or(&letters()[95]);
        for (row, pixels) in (0..).zip(drawing) {
            for column in (0..8).filter(|column| pixels >> (7 - column) & 1 == 1) {
                self.set(bytes, x + column, y + row, colour);
            }
        }
    }
}

/// The steep part of an ellipse around 0, from (rx, 0) up to where it is no longer steep: J. Kennedy, "A Fast Bresenham
/// Type Algorithm For Drawing Ellipses".
fn quarter_of_ellipse(rx: i64, ry: i64) -> Vec<(i64, i64)> {
    let (square_x, square_y) = (rx * rx, ry * ry);
    let (mut x, mut y, mut error) = (rx, 0, 0);
    let mut points = vec![(x, y)];
    loop {
        error += square_x * (1 + 2 * y);
        y += 1;
        let change = square_y * (1 - 2 * x);
        if 2 * error + change > 0 {
            x -= 1;
            error += change;
        }
        // A point has nothing that a step could leave.
        if square_y * x < square_x * y || (rx, ry) == (0, 0) {
            return points;
        }
        points.push((x, y));
    }
}

/// The drawings as bits, the leftmost pixel highest.
fn letters() -> &'static [[u8; 8]] {
    static READ: OnceLock<Vec<[u8; 8]>> = OnceLock::new();
    READ.get_or_init(|| {
        let rows: Vec<&str> = LETTERS.lines().collect();
        let row = |line: &str, at: usize| {
            (0..8).fold(0, |bits, x| bits << 1 | u8::from(line.as_bytes().get(at * 8 + x) == Some(&b'#')))
        };
        let letter = |at: usize| std::array::from_fn(|y| row(rows.get(at / 16 * 8 + y).unwrap_or(&""), at % 16));
        (0..96).map(letter).collect()
    })
}

#[rustpython_vm::pymodule]
mod framebuf {
    use parking_lot::Mutex;
    use rustpython_vm::builtins::{PyStrRef, PyTuple};
    use rustpython_vm::function::OptionalArg;
    use rustpython_vm::protocol::PyBuffer;
    use rustpython_vm::types::{AsBuffer, Constructor, DefaultConstructor, Initializer};
    use rustpython_vm::{
        Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, TryFromBorrowedObject, VirtualMachine, pyclass,
    };

    use super::{Layout, Pen};

    #[pyattr]
    const MVLSB: i32 = 0;
    #[pyattr]
    const MONO_VLSB: i32 = 0;
    #[pyattr]
    const RGB565: i32 = 1;
    #[pyattr]
    const GS4_HMSB: i32 = 2;
    #[pyattr]
    const MONO_HLSB: i32 = 3;
    #[pyattr]
    const MONO_HMSB: i32 = 4;
    #[pyattr]
    const GS2_HMSB: i32 = 5;
    #[pyattr]
    const GS8: i32 = 6;

    /// A picture in a buffer.
    #[pyattr]
    #[pyclass(name = "FrameBuffer")]
    #[derive(Debug, Default, PyPayload)]
    struct FrameBuffer {
        /// `None` until `__init__`, which a class of the program calls late.
        picture: Mutex<Option<(PyObjectRef, Layout)>>,
    }

    type Args = (PyObjectRef, i64, i64, i32, OptionalArg<i64>);

    fn layout_of((buffer, width, height, format, stride): &Args, vm: &VirtualMachine) -> PyResult<Layout> {
        let length = buffer.try_bytes_like(vm, <[u8]>::len)?;
        let layout = Layout::of(*width, *height, *format, stride.unwrap_or(*width), length);
        layout.ok_or_else(|| vm.new_value_error(""))
    }

    impl DefaultConstructor for FrameBuffer {}

    impl Initializer for FrameBuffer {
        type Args = Args;

        fn init(zelf: PyRef<Self>, args: Args, vm: &VirtualMachine) -> PyResult<()> {
            let layout = layout_of(&args, vm)?;
            *zelf.picture.lock() = Some((args.0, layout));
            Ok(())
        }
    }

    impl AsBuffer for FrameBuffer {
        fn as_buffer(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<PyBuffer> {
            let (buffer, _) = zelf.picture(vm)?;
            PyBuffer::try_from_borrowed_object(vm, &buffer)
        }
    }

    /// A picture to copy from: a FrameBuffer, or the arguments of one in a tuple.
    fn source(object: &PyObject, vm: &VirtualMachine) -> PyResult<(PyObjectRef, Layout)> {
        if let Some(picture) = object.downcast_ref::<FrameBuffer>() {
            return picture.picture(vm);
        }
        let Some(tuple) = object.downcast_ref::<PyTuple>() else {
            return Err(vm.new_type_error("a picture is a FrameBuffer or a tuple"));
        };
        let number = |at: usize| tuple[at].try_to_value::<i64>(vm);
        if !(4..=5).contains(&tuple.len()) {
            return Err(vm.new_value_error(""));
        }
        let stride = if tuple.len() == 5 { OptionalArg::Present(number(4)?) } else { OptionalArg::Missing };
        let args = (tuple[0].clone(), number(1)?, number(2)?, i32::try_from(number(3)?).unwrap_or(-1), stride);
        Ok((args.0.clone(), layout_of(&args, vm)?))
    }

    #[pyclass(flags(BASETYPE, HAS_DICT), with(Constructor, Initializer, AsBuffer))]
    impl FrameBuffer {
        fn picture(&self, vm: &VirtualMachine) -> PyResult<(PyObjectRef, Layout)> {
            self.picture.lock().clone().ok_or_else(|| vm.new_value_error("FrameBuffer.__init__ has not been called"))
        }

        fn draw<R>(&self, vm: &VirtualMachine, f: impl FnOnce(&mut [u8], Layout) -> R) -> PyResult<R> {
            let (buffer, layout) = self.picture(vm)?;
            buffer.try_rw_bytes_like(vm, |bytes| f(bytes, layout))
        }

        #[pymethod]
        fn fill(&self, colour: i64, vm: &VirtualMachine) -> PyResult<()> {
            self.draw(vm, |bytes, l| l.fill(bytes, (0, 0), (l.width, l.height), colour))
        }

        #[pymethod]
        fn pixel(&self, x: i64, y: i64, colour: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult<Option<i64>> {
            self.draw(vm, |bytes, layout| match colour {
                OptionalArg::Missing => layout.has(x, y).then(|| layout.get(bytes, x, y)),
                OptionalArg::Present(colour) => {
                    layout.set(bytes, x, y, colour);
                    None
                }
            })
        }

        #[pymethod]
        fn hline(&self, x: i64, y: i64, width: i64, colour: i64, vm: &VirtualMachine) -> PyResult<()> {
            self.fill_rect(x, y, width, 1, colour, vm)
        }

        #[pymethod]
        fn vline(&self, x: i64, y: i64, height: i64, colour: i64, vm: &VirtualMachine) -> PyResult<()> {
            self.fill_rect(x, y, 1, height, colour, vm)
        }

        #[pymethod]
        fn fill_rect(&self, x: i64, y: i64, width: i64, height: i64, colour: i64, vm: &VirtualMachine) -> PyResult<()> {
            self.draw(vm, |bytes, layout| layout.fill(bytes, (x, y), (width, height), colour))
        }

        #[pymethod]
        #[expect(clippy::too_many_arguments, reason = "as programs give them")]
        fn rect(
            &self,
            x: i64,
            y: i64,
            width: i64,
            height: i64,
            colour: i64,
            full: OptionalArg<bool>,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            if full.unwrap_or(false) {
                return self.fill_rect(x, y, width, height, colour, vm);
            }
            self.hline(x, y, width, colour, vm)?;
            self.hline(x, y.saturating_add(height - 1), width, colour, vm)?;
            self.vline(x, y, height, colour, vm)?;
            self.vline(x.saturating_add(width - 1), y, height, colour, vm)
        }

        #[pymethod]
        fn line(&self, x: i16, y: i16, to_x: i16, to_y: i16, colour: i64, vm: &VirtualMachine) -> PyResult<()> {
            let (from, to) = ((x.into(), y.into()), (to_x.into(), to_y.into()));
            self.draw(vm, |bytes, layout| layout.line(bytes, from, to, colour))
        }

        #[pymethod]
        #[expect(clippy::too_many_arguments, reason = "as programs give them")]
        fn ellipse(
            &self,
            x: i16,
            y: i16,
            rx: u8,
            ry: u8,
            colour: i64,
            full: OptionalArg<bool>,
            quarters: OptionalArg<u8>,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            let pen = Pen { colour, full: full.unwrap_or(false), quarters: quarters.unwrap_or(15) };
            let (middle, radii) = ((x.into(), y.into()), (rx.into(), ry.into()));
            self.draw(vm, |bytes, layout| layout.ellipse(bytes, middle, radii, &pen))
        }

        /// Corners are an array: x, y, x, y.
        #[pymethod]
        fn poly(
            &self,
            x: i16,
            y: i16,
            corners: PyObjectRef,
            colour: i64,
            full: OptionalArg<bool>,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            let numbers: Vec<i16> = corners.try_to_value(vm)?;
            let corner = |pair: &[i16]| (i64::from(x) + i64::from(pair[0]), i64::from(y) + i64::from(pair[1]));
            let corners: Vec<_> = numbers.chunks_exact(2).map(corner).collect();
            self.draw(vm, |bytes, layout| layout.polygon(bytes, &corners, colour, full.unwrap_or(false)))
        }

        #[pymethod]
        fn text(&self, text: PyStrRef, x: i32, y: i32, colour: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult<()> {
            self.draw(vm, |bytes, layout| {
                for (at, letter) in (0..).zip(text.to_string_lossy().chars()) {
                    let place = (i64::from(x) + at * 8, i64::from(y));
                    layout.letter(bytes, letter, place, colour.unwrap_or(1));
                }
            })
        }

        #[pymethod]
        fn scroll(&self, dx: i64, dy: i64, vm: &VirtualMachine) -> PyResult<()> {
            self.draw(vm, |bytes, layout| layout.scroll(bytes, dx, dy))
        }

        /// Copies a picture, all of its pixels but those of the colour `key`; through `palette`, whose first row has a
        /// colour for each of the picture's.
        #[pymethod]
        fn blit(
            &self,
            picture: PyObjectRef,
            x: i64,
            y: i64,
            key: OptionalArg<i64>,
            palette: OptionalArg<PyObjectRef>,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            let read = |picture: &PyObject| -> PyResult<(Vec<u8>, Layout)> {
                let (buffer, layout) = source(picture, vm)?;
                Ok((buffer.try_bytes_like(vm, <[u8]>::to_vec)?, layout))
            };
            let (from, of) = read(&picture)?;
            let palette = palette.into_option().filter(|palette| !vm.is_none(palette));
            let palette = palette.map(|palette| read(&palette)).transpose()?;
            let key = key.unwrap_or(-1);
            self.draw(vm, |bytes, layout| {
                for (row, column) in (0..of.height).flat_map(|row| (0..of.width).map(move |column| (row, column))) {
                    let mut colour = of.get(&from, column, row);
                    if let Some((colours, palette)) = palette.as_ref().filter(|(_, palette)| palette.has(colour, 0)) {
                        colour = palette.get(colours, colour, 0);
                    }
                    if colour != key {
                        layout.set(bytes, x.saturating_add(column), y.saturating_add(row), colour);
                    }
                }
            })
        }
    }
}
