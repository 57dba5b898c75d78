//! What the fuzz targets share: [`oracle`], a second reading of HTTP/1.1, and how a target takes its input apart.

pub mod oracle;

/// Takes two bytes of settings off the front: how many bytes arrive at once (1 to 64, or all), and a number for the target's own use.
pub fn settings(data: &[u8]) -> Option<(usize, u8, &[u8])> {
    let (&[cut, other], rest) = data.split_first_chunk::<2>()?;
    let cut = if cut < 64 { usize::from(cut) + 1 } else { rest.len().max(1) };
    Some((cut, other, rest))
}
