//! One file of a simulated world in memory.

use std::collections::BTreeMap;
use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use super::SimError;

/// A document, whether it was touched, its bytes when it was read, and the last generation of the folder that it is known to belong to.
#[derive(Debug)]
pub(in crate::sim) struct Loaded<T> {
    value: T,
    pub(super) touched: bool,
    bytes: Vec<u8>,
    pub(super) generation: u64,
}

impl<T> Loaded<T> {
    /// Returns a document that is in no file yet.
    pub(in crate::sim) fn new(value: T) -> Self {
        Self { value, touched: true, bytes: Vec::new(), generation: 0 }
    }
}

impl<T> Deref for Loaded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Loaded<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.touched = true;
        &mut self.value
    }
}

/// Returns a document: what is cached where it belongs to the known generation (to any, without one), else what the file says.
pub(super) fn load<T: DeserializeOwned>(
    path: &Path,
    mut cached: Option<Loaded<T>>,
    known: Option<u64>,
) -> Result<Loaded<T>, SimError> {
    let is_known = |it: &mut Loaded<T>| known.is_none_or(|generation| it.generation == generation);
    if let Some(cached) = cached.take_if(is_known) {
        return Ok(cached);
    }
    let generation = known.unwrap_or_default();
    let bytes = fs::read(path).map_err(|e| SimError::io("read", path, e))?;
    match cached {
        Some(cached) if cached.bytes == bytes => Ok(Loaded { generation, ..cached }),
        Some(_) | None => {
            Ok(Loaded { value: decode(path, &bytes)?, touched: false, bytes, generation })
        }
    }
}

/// Enters a document into a change, if it changed.
pub(super) fn settle<T: Serialize>(
    name: String,
    document: &mut Loaded<T>,
    redo: &mut BTreeMap<String, String>,
) -> Result<(), SimError> {
    if !document.touched {
        return Ok(());
    }
    document.touched = false;
    let text = serde_json::to_string(&document.value).map_err(SimError::Unwritable)?;
    if text.as_bytes() != document.bytes {
        document.bytes = text.clone().into_bytes();
        redo.insert(name, text);
    }
    Ok(())
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, SimError> {
    serde_json::to_vec(value).map_err(SimError::Unwritable)
}

pub(super) fn decode<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, SimError> {
    serde_json::from_slice(bytes)
        .map_err(|source| SimError::Damaged { path: path.to_owned(), source })
}
