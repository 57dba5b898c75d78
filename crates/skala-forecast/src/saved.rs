//! A forecaster's state as it is stored, and how it is brought back.
//!
//! Decides: whether a stored state can be trusted.
//! Inputs: what was stored, by this version or another, whole or damaged.
//! Invariants: a state that cannot be used is refused with the reason, whatever its content; the document around it stays readable.
//! Tested: `tests/it/restart.rs`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decompose::{Course, SavedCourse};
use crate::history::{History, SavedHistory};
use crate::outlook::Outlook;
use crate::season::Seasons;
use crate::track::{HORIZONS, SavedTrack, Track};
use crate::trend::Weights;
use crate::{Forecaster, Model};

/// Version of the stored form; a state of another version is dropped.
const VERSION: u32 = 1;

/// A forecaster's state, to be stored inside a larger document.
///
/// Its body is only looked at by [`crate::Forecaster::restore`], so a document that holds an older or damaged state can still be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Saved {
    /// Version of the form of the body.
    pub version: u32,
    /// The state.
    pub body: Value,
}

/// Why a stored state was dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// It was stored by another version.
    #[error("the stored forecast state has version {found}, this release reads {VERSION}: forecasting starts anew")]
    Version {
        /// Version found.
        found: u32,
    },
    /// It does not fit together.
    #[error("the stored forecast state is damaged ({what}): forecasting starts anew")]
    Damaged {
        /// What does not fit.
        what: String,
    },
}

/// The body of a stored state.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    history: SavedHistory,
    begin: u64,
    seasons: Seasons,
    weights: Weights,
    course: Option<SavedCourse>,
    tracks: Vec<SavedTrack>,
    voices: [Option<Model>; HORIZONS.len()],
}

impl Forecaster {
    /// The state, to be stored: a few ten kilobytes after three weeks.
    pub fn save(&self) -> Saved {
        let body = Body {
            history: self.history.save(),
            begin: self.begin,
            seasons: self.seasons,
            weights: self.weights,
            course: self.course.as_ref().map(Course::save),
            tracks: self.tracks.iter().map(Track::save).collect(),
            voices: self.voices,
        };
        Saved { version: VERSION, body: serde_json::to_value(body).unwrap_or(Value::Null) }
    }

    /// A forecaster that goes on where the stored one was.
    ///
    /// # Errors
    ///
    /// [`RestoreError`] when the state is of another version or damaged: begin with [`Forecaster::new`].
    pub fn restore(saved: &Saved) -> Result<Forecaster, RestoreError> {
        if saved.version != VERSION {
            return Err(RestoreError::Version { found: saved.version });
        }
        let damaged = |what: &str| RestoreError::Damaged { what: what.to_owned() };
        let body = Body::deserialize(&saved.body).map_err(|error| damaged(&error.to_string()))?;
        let mut forecaster = Forecaster {
            history: History::restore(&body.history).ok_or_else(|| damaged("the history"))?,
            begin: body.begin,
            seasons: body.seasons.checked().ok_or_else(|| damaged("the seasons"))?,
            weights: body.weights,
            course: body.course.map(|course| Course::restore(&course).ok_or_else(|| damaged("the course"))).transpose()?,
            tracks: tracks(body.tracks).ok_or_else(|| damaged("the scores"))?,
            voices: body.voices,
            outlook: Outlook::default(),
        };
        forecaster.look_ahead();
        Ok(forecaster)
    }
}

fn tracks(saved: Vec<SavedTrack>) -> Option<Vec<Track>> {
    let horizons = HORIZONS.iter().flat_map(|&horizon| Model::ALL.map(|_| horizon));
    let fits = saved.len() == HORIZONS.len() * Model::ALL.len();
    saved.into_iter().zip(horizons).map(|(track, horizon)| Track::restore(track, horizon)).collect::<Option<_>>().filter(|_| fits)
}
