//! Turns events into payloads and back: bincode 2, one frozen struct for each (type id, version).
//! FILE FORMAT, described in `docs/JOURNAL_FORMAT.md`. No other file names bincode.
//!
//! bincode alone is not safe enough: it ignores bytes left over, and a corrupt length can abort the process.
//! So decoding is bounded and must consume everything, and what was encoded is decoded again before
//! it is believed.

use bincode::config::{self, Config};
use kup_core::event::{Event, Opaque};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The codec byte of a frame whose payload is written like this.
pub(crate) const CODEC: u8 = 1;

/// What a decoder may claim in memory. bincode counts an integer with its full width, and in a
/// payload it takes at least one byte, so eight times the longest payload always suffices.
const DECODE_LIMIT: usize = 8 * crate::frame::MAX_PAYLOAD + 1024;

/// All payloads that exist have this version; the next one gets a constant of its own.
const FIRST: u16 = 1;

/// An event as it stands in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) type_id: u16,
    pub(crate) type_version: u16,
    pub(crate) bytes: Vec<u8>,
}

/// Names a payload's kind, as a frame does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) codec: u8,
    pub(crate) type_id: u16,
    pub(crate) type_version: u16,
}

/// Encodes an event, and proves that it can be read back.
pub(crate) fn encode(event: &Event) -> Result<Payload, String> {
    let payload =
        Payload { type_id: event.type_id(), type_version: FIRST, bytes: encode_payload(event)? };
    if payload.bytes.len() > crate::frame::MAX_PAYLOAD {
        return Err(format!("it has {} bytes, more than a frame holds", payload.bytes.len()));
    }
    let kind = Kind { codec: CODEC, type_id: payload.type_id, type_version: FIRST };
    match decode(kind, &payload.bytes) {
        Ok(read) if read == *event => Ok(payload),
        Ok(_) => Err("it reads back as another event".into()),
        Err(why) => Err(format!("it does not read back: {why}")),
    }
}

/// Decodes a payload; one that this kup does not know becomes [`Event::Opaque`].
pub(crate) fn decode(kind: Kind, bytes: &[u8]) -> Result<Event, String> {
    let Kind { codec, type_id, type_version } = kind;
    if codec != CODEC {
        return Ok(Event::Opaque(Opaque { type_id, type_version }));
    }
    Ok(match (type_id, type_version) {
        (1, FIRST) => Event::RunStarted(from_bytes(bytes)?),
        (2, FIRST) => Event::RunResumed(from_bytes(bytes)?),
        (3, FIRST) => Event::GateChecked(from_bytes(bytes)?),
        (4, FIRST) => Event::StepObserved(from_bytes(bytes)?),
        (5, FIRST) => Event::StepPrepared(from_bytes(bytes)?),
        (6, FIRST) => Event::AttemptStarted(from_bytes(bytes)?),
        (7, FIRST) => Event::AttemptSettled(from_bytes(bytes)?),
        (8, FIRST) => Event::AttemptEnded(from_bytes(bytes)?),
        (9, FIRST) => Event::RetryScheduled(from_bytes(bytes)?),
        (10, FIRST) => Event::StepCompleted(from_bytes(bytes)?),
        (11, FIRST) => Event::StepSkipped(from_bytes(bytes)?),
        (12, FIRST) => Event::StepBlocked(from_bytes(bytes)?),
        (13, FIRST) => Event::RunPaused(from_bytes(bytes)?),
        (14, FIRST) => Event::OperatorDecided(from_bytes(bytes)?),
        (15, FIRST) => Event::RollbackStarted(from_bytes(bytes)?),
        (16, FIRST) => Event::RunFinished(from_bytes(bytes)?),
        (17, FIRST) => Event::GateIgnored(from_bytes(bytes)?),
        (19, FIRST) => Event::RollbackLimited(from_bytes(bytes)?),
        (20, FIRST) => Event::UndoPlanned(from_bytes(bytes)?),
        (18, FIRST) => Event::RunCommitted(from_bytes(bytes)?),
        (21, FIRST) => Event::BackupsFreed(from_bytes(bytes)?),
        (22, FIRST) => Event::BackupsGuarded(from_bytes(bytes)?),
        (type_id, type_version) => Event::Opaque(Opaque { type_id, type_version }),
    })
}

fn encode_payload(event: &Event) -> Result<Vec<u8>, String> {
    match event {
        Event::RunStarted(payload) => to_bytes(payload),
        Event::RunResumed(payload) => to_bytes(payload),
        Event::GateChecked(payload) => to_bytes(payload),
        Event::StepObserved(payload) => to_bytes(payload),
        Event::StepPrepared(payload) => to_bytes(payload),
        Event::AttemptStarted(payload) => to_bytes(payload),
        Event::AttemptSettled(payload) => to_bytes(payload),
        Event::AttemptEnded(payload) => to_bytes(payload),
        Event::RetryScheduled(payload) => to_bytes(payload),
        Event::StepCompleted(payload) => to_bytes(payload),
        Event::StepSkipped(payload) => to_bytes(payload),
        Event::StepBlocked(payload) => to_bytes(payload),
        Event::RunPaused(payload) => to_bytes(payload),
        Event::OperatorDecided(payload) => to_bytes(payload),
        Event::RollbackStarted(payload) => to_bytes(payload),
        Event::RunFinished(payload) => to_bytes(payload),
        Event::GateIgnored(payload) => to_bytes(payload),
        Event::RollbackLimited(payload) => to_bytes(payload),
        Event::UndoPlanned(payload) => to_bytes(payload),
        Event::RunCommitted(payload) => to_bytes(payload),
        Event::BackupsFreed(payload) => to_bytes(payload),
        Event::BackupsGuarded(payload) => to_bytes(payload),
        Event::Opaque(_) => Err("this kup does not know what is in it".into()),
    }
}

/// Encodes anything in the journal's encoding.
pub(crate) fn to_bytes(value: &impl Serialize) -> Result<Vec<u8>, String> {
    bincode::serde::encode_to_vec(value, settings()).map_err(|e| e.to_string())
}

/// Decodes anything in the journal's encoding; every byte must belong to it.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let (value, used) =
        bincode::serde::decode_from_slice(bytes, settings()).map_err(|e| e.to_string())?;
    if used == bytes.len() {
        Ok(value)
    } else {
        Err(format!("{} bytes are left over", bytes.len().saturating_sub(used)))
    }
}

fn settings() -> impl Config {
    config::standard().with_little_endian().with_limit::<DECODE_LIMIT>()
}

#[cfg(test)]
mod tests {
    use kup_core::event::{Outcome, RunFinished};

    use super::*;

    fn finished() -> Event {
        Event::RunFinished(RunFinished { outcome: Outcome::RolledBack, reason: "x".into() })
    }

    fn kind(codec: u8, type_id: u16, type_version: u16) -> Kind {
        Kind { codec, type_id, type_version }
    }

    #[test]
    fn the_encoding_is_a_variant_number_a_length_and_the_text() {
        assert_eq!(encode(&finished()).unwrap().bytes, [1, 1, b'x']);
    }

    #[test]
    fn left_over_bytes_are_refused() {
        let why = decode(kind(CODEC, 16, 1), &[1, 1, b'x', 0]).unwrap_err();
        assert!(why.contains("left over"), "{why}");
    }

    #[test]
    fn a_corrupt_length_is_an_error_and_not_an_abort() {
        let huge = [1, 253, 255, 255, 255, 255, 255, 255, 255, 127];
        assert!(decode(kind(CODEC, 16, 1), &huge).is_err());
    }

    #[test]
    fn unknown_types_versions_and_codecs_are_opaque() {
        for unknown in [kind(CODEC, 999, 1), kind(CODEC, 16, 2), kind(9, 16, 1)] {
            let Kind { type_id, type_version, .. } = unknown;
            let opaque = Event::Opaque(Opaque { type_id, type_version });
            assert_eq!(decode(unknown, b"??"), Ok(opaque));
        }
    }

    #[test]
    fn an_opaque_event_is_never_written() {
        assert!(encode(&Event::Opaque(Opaque { type_id: 999, type_version: 1 })).is_err());
    }
}
