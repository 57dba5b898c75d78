//! A drawing as pixels.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};

/// DejaVu Sans, ASCII and a few signs; its licence is beside it.
const FONT: &[u8] = include_bytes!("../../../../assets/DejaVuSans-subset.ttf");
/// Pixels per unit of the drawing, for sharp text on dense screens.
const DENSITY: f32 = 1.5;

/// The drawing as PNG.
///
/// # Errors
/// When it is too large to be drawn, in words.
pub fn png(svg: &str) -> Result<Vec<u8>, String> {
    let mut fonts = Database::new();
    fonts.load_font_data(FONT.to_vec());
    let options = Options { font_family: "DejaVu Sans".into(), fontdb: Arc::new(fonts), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|e| e.to_string())?;
    let side = |length: f32| (length * DENSITY).ceil() as u32;
    let size = tree.size();
    let mut pixels = Pixmap::new(side(size.width()), side(size.height())).ok_or("the drawing is too large")?;
    resvg::render(&tree, Transform::from_scale(DENSITY, DENSITY), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| e.to_string())
}
