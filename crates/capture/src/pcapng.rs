//! pcapng blocks: a view that walks any bytes, and the inverse that appends well-formed blocks.
//! What the blocks mean to a capture belongs in `encoder` and `decoder`.
//!
//! Source: draft-ietf-opsawg-pcapng, sections 3.1 (block structure), 3.5 (options) and 4.
//! Everything that this project writes is little-endian.

/// Section Header Block.
pub(crate) const SECTION: u32 = 0x0A0D_0D0A;
/// Interface Description Block.
pub(crate) const INTERFACE: u32 = 1;
/// Interface Statistics Block.
pub(crate) const STATISTICS: u32 = 5;
/// Enhanced Packet Block.
pub(crate) const PACKET: u32 = 6;
/// Our commit mark, in the range kept for local use (section 3.1): other readers skip it unseen.
pub(crate) const MARK: u32 = 0x8000_0001;
/// Our description of a peer, local use as well.
pub(crate) const PEER: u32 = 0x8000_0002;
/// Local use again: nothing, of some length.
pub(crate) const PADDING: u32 = 0x8000_0003;

/// What a section header begins with when it was written little-endian.
pub(crate) const BYTE_ORDER_MAGIC: u32 = 0x1A2B_3C4D;

/// `opt_comment`, the same in every block.
pub(crate) const COMMENT: u16 = 1;

/// The longest block that is believed, in bytes: a longer one is damage.
pub(crate) const MAX_BLOCK: usize = 16 << 20;

/// Head and tail of a block: type, length, and the length again.
pub(crate) const FRAME: usize = 12;

/// One block of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a> {
    pub(crate) kind: u32,
    pub(crate) body: &'a [u8],
}

impl Block<'_> {
    /// How many bytes the block takes in the file.
    pub(crate) fn len(&self) -> usize {
        self.body.len() + FRAME
    }
}

/// Why the bytes at hand are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// They end too early: more may come, or the file was torn here.
    Short,
    /// No block starts like this.
    Malformed,
}

/// The block that `bytes` begins with; `None` where there are no bytes left.
pub(crate) fn first_block(bytes: &[u8]) -> Result<Option<Block<'_>>, Broken> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (kind, length) = read_u32(bytes, 0).zip(read_u32(bytes, 4)).ok_or(Broken::Short)?;
    let length = length as usize;
    if !length.is_multiple_of(4) || !(FRAME..=MAX_BLOCK).contains(&length) {
        return Err(Broken::Malformed);
    }
    let trailing = read_u32(bytes, length - 4).ok_or(Broken::Short)?;
    if trailing as usize != length {
        return Err(Broken::Malformed);
    }
    Ok(Some(Block { kind, body: &bytes[8..length - 4] }))
}

/// The options of a block, given the part of its body where they start. Ends at the first malformed one.
pub(crate) fn options(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (code, length) = read_u16(bytes, 0).zip(read_u16(bytes, 2))?;
        let value = bytes.get(4..4 + usize::from(length))?;
        bytes = bytes.get(4 + padded(value.len())..).unwrap_or_default();
        (code != 0).then_some((code, value))
    })
}

pub(crate) fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A timestamp as packets and statistics carry it: the high half first.
pub(crate) fn read_time(bytes: &[u8], at: usize) -> Option<u64> {
    let (high, low) = read_u32(bytes, at).zip(read_u32(bytes, at + 4))?;
    Some(u64::from(high) << 32 | u64::from(low))
}

/// A block under construction at the end of a buffer.
///
/// Not a guard with a destructor: a block that is begun is always ended, by the straight code around it.
pub(crate) struct BlockStart(usize);

pub(crate) fn begin(out: &mut Vec<u8>, kind: u32) -> BlockStart {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    BlockStart(start)
}

/// Pads the body to four bytes and writes both lengths.
pub(crate) fn end(out: &mut Vec<u8>, BlockStart(start): BlockStart) {
    pad(out, start);
    let length = (out.len() - start + 4) as u32;
    out.extend_from_slice(&length.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
}

/// Appends zeros until the distance from `start` is a multiple of four.
pub(crate) fn pad(out: &mut Vec<u8>, start: usize) {
    let length = out.len() - start;
    out.resize(start + padded(length), 0);
}

pub(crate) fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    debug_assert!(value.len() <= usize::from(u16::MAX));
    let start = out.len();
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    pad(out, start);
}

/// `opt_endofopt`.
pub(crate) fn end_of_options(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 4]);
}

pub(crate) fn write_time(out: &mut Vec<u8>, nanos: u64) {
    out.extend_from_slice(&((nanos >> 32) as u32).to_le_bytes());
    out.extend_from_slice(&(nanos as u32).to_le_bytes());
}

fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(kind: u32, body: Vec<u8>, code in 1u16.., value: Vec<u8>) {
            let mut out = Vec::new();
            let start = begin(&mut out, kind);
            option(&mut out, code, &value);
            end_of_options(&mut out);
            out.extend_from_slice(&body);
            end(&mut out, start);
            let block = first_block(&out).expect("whole").expect("one");
            prop_assert_eq!(block.kind, kind);
            prop_assert_eq!(block.len(), out.len());
            prop_assert_eq!(options(block.body).collect::<Vec<_>>(), vec![(code, &value[..])]);
            for cut in 1..out.len() {
                prop_assert_eq!(first_block(&out[..cut]).err(), Some(Broken::Short));
            }
        }

        #[test]
        fn any_bytes_are_walked_without_panic(bytes: Vec<u8>) {
            let _ = first_block(&bytes);
            options(&bytes).for_each(drop);
        }
    }
}
