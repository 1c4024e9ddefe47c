//! Bytes on their way to a node, in parts: what does not fit into memory, and what a cut connection must not begin anew.

use kup_core::activity::{ActivityError, StepContext};
use kup_core::id::BlobId;
use kup_core::journal::BlobError;

use crate::digest::sha256;
use crate::facts::Copies;
use crate::host::{Host, kept_at};
use crate::world::host_error;

/// The length of a part.
const PART: usize = 16 << 20;

/// Brings a blob to a node and returns the places of its parts, in their order. Parts that are there already stay.
///
/// # Errors
/// Permanent where the blob is not whole here, or other bytes lie in a part's place.
pub(super) async fn bring(
    cx: &StepContext,
    host: &dyn Host,
    blob: &BlobId,
) -> Result<Vec<String>, ActivityError> {
    let failed = |error: BlobError| {
        ActivityError::permanent(format!("blob {blob} cannot be brought to {}", host.node()))
            .because(&error)
    };
    let mut pieces = cx.blobs.open(blob).await.map_err(failed)?;
    let (mut part, mut places) = (Vec::new(), Vec::new());
    while let Some(piece) = pieces.next().await.map_err(failed)? {
        part.extend_from_slice(&piece);
        while part.len() >= PART {
            let rest = part.split_off(PART);
            places.push(keep(cx, host, (blob, places.len()), &part).await?);
            part = rest;
        }
    }
    if !part.is_empty() {
        places.push(keep(cx, host, (blob, places.len()), &part).await?);
    }
    Ok(places)
}

async fn keep(
    cx: &StepContext,
    host: &dyn Host,
    (blob, number): (&BlobId, usize),
    bytes: &[u8],
) -> Result<String, ActivityError> {
    let name = format!("{}.{number:05}", blob.as_str());
    let place = kept_at(&cx.run, &name);
    let hash = sha256(bytes);
    let found =
        Copies::read(host, std::slice::from_ref(&place)).await.map_err(|e| host_error(&e))?;
    match found.0.get(&place) {
        Some(there) if *there == hash => Ok(place),
        Some(_) => {
            let why = format!("{} has other bytes at {place}; remove that file", host.node());
            Err(ActivityError::permanent(why))
        }
        None => {
            cx.say(&format!("bringing part {} to {}", number + 1, host.node()));
            host.keep(&cx.run, &name, bytes).await.map_err(|e| host_error(&e))
        }
    }
}
