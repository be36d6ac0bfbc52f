import { Status } from 'nice-grpc-common';
import { withCommandsHere } from '../errors/commands-here.ts';
import { defineError, defineReason } from '../errors/define-error.ts';
import { eventTooLarge } from '../errors/errors.ts';

export const streamConflict = defineError({
  reason: 'STREAM_CONFLICT',
  code: Status.ABORTED,
  means: 'a concurrent change of the same stream; retried until the deadline',
  fix: 'call again',
  text: (conflict: { readonly stream: string; readonly expectedVersion: bigint; readonly version: bigint }) =>
    `stream ${conflict.stream} is at version ${conflict.version}, not ${conflict.expectedVersion}: it changed concurrently; read it again and retry`,
});

/** The event is too large for a stream. */
export const streamEventTooLarge = eventTooLarge.variant({
  text: (event: {
    readonly stream: string;
    readonly type: string;
    readonly bytes: number;
    readonly maxBytes: number;
  }) =>
    `event ${event.type} for stream ${event.stream} has ${event.bytes} bytes, more than ${event.maxBytes}: store large data elsewhere and refer to it`,
  metadata: ({ stream, type }) => ({ stream, type }),
});

export const eventCorrupt = defineError({
  reason: 'EVENT_CORRUPT',
  code: Status.DATA_LOSS,
  means: 'a stored event is corrupt; the metadata has its stream, version and position',
  fix: 'restore it from a backup',
  text: (event: {
    readonly stream: string;
    readonly version: bigint;
    readonly position: bigint;
    readonly problem: string;
  }) =>
    `event ${event.version} of stream ${event.stream} (position ${event.position}) is corrupt: ${event.problem}; restore it from a backup`,
  metadata: ({ stream, version, position }) => ({ stream, version, position }),
});

export const eventMissing = defineError({
  reason: 'EVENT_MISSING',
  code: Status.DATA_LOSS,
  means: 'a stream has later events but not this one; the metadata has its stream and version',
  fix: 'restore it from a backup',
  text: ({ stream, version }: { readonly stream: string; readonly version: bigint }) =>
    `event ${version} of stream ${stream} is missing, but later events exist: restore it from a backup`,
});

export const eventUnreadable = defineError({
  reason: 'EVENT_UNREADABLE',
  code: Status.FAILED_PRECONDITION,
  means: 'a stored event has a type or schema version that this program does not know',
  fix: 'run the version that wrote it, or a newer one',
  text: (event: {
    readonly stream: string;
    readonly version: bigint;
    readonly type: string;
    readonly schemaVersion: number;
  }) =>
    `event ${event.version} of stream ${event.stream} is a ${event.type} of schema version ${event.schemaVersion}, which this program does not know: run the version that wrote it, or a newer one`,
});

export const unknownProjection = defineError({
  reason: 'UNKNOWN_PROJECTION',
  code: Status.NOT_FOUND,
  means: 'no projection has this name, or several have; the text lists them',
  fix: 'check the name',
  text: ({ name, known }: { readonly name: string; readonly known: readonly string[] }) =>
    `projection "${name}" not found: ${known.length > 0 ? `use one of ${known.join(', ')}` : 'there are none'}`,
  metadata: ({ name }) => ({ name }),
});

export const rebuildRunning = defineError({
  reason: 'REBUILD_RUNNING',
  code: Status.FAILED_PRECONDITION,
  means: 'the projection is already being rebuilt',
  fix: 'wait for it or cancel it',
  text: ({ name }: { readonly name: string }) =>
    `projection ${name} is already being rebuilt: wait for it or cancel it`,
});

export const rebuildLost = defineError({
  reason: 'REBUILD_LOST',
  code: Status.ABORTED,
  means: 'the rebuild made no progress for so long that another process considered it dead',
  fix: 'start it again',
  text: ({ name }: { readonly name: string }) =>
    `rebuild of ${name} made no progress for too long, so another process considered it dead: start it again`,
});

export const rebuildLacksEvents = defineError({
  reason: 'REBUILD_LACKS_EVENTS',
  code: Status.FAILED_PRECONDITION,
  means: 'a rebuild could not apply events that the live projection contains, and was discarded',
  fix: 'fix the events that `make audit` names',
  text: ({ name, events }: { readonly name: string; readonly events: number }) =>
    `rebuild of ${name} discarded: ${events} events that the live projection contains could not be applied; ${withCommandsHere('run "make audit"')} and fix them first`,
});

export const behindParked = defineError({
  reason: 'EVENT_BEHIND_PARKED',
  code: Status.FAILED_PRECONDITION,
  means: 'only the first parked event of a stream can be redriven or discarded; the metadata has its id',
  fix: 'redrive or discard that one; the others follow',
  text: ({ id, firstId, stream }: { readonly id: string; readonly firstId: string; readonly stream: string }) =>
    `event ${id} waits for ${firstId}, the first parked event of stream ${stream}: redrive or discard that one, and the others follow`,
});

export const projectionBehind = defineError({
  reason: 'PROJECTION_BEHIND',
  code: Status.UNAVAILABLE,
  means: 'a projection has been behind its events for longer than its limit; shown in health and log',
  fix: 'check the log for the error that it fails with',
  text: (lag: { readonly name: string; readonly position: bigint; readonly head: bigint; readonly behindMs: number }) =>
    `projection ${lag.name} is at position ${lag.position} and has not reached ${lag.head} for ${Math.round(lag.behindMs / 1000)} s: check the log for its error, and whether the process that runs it is up`,
  metadata: ({ name, position, head }) => ({ name, position, head }),
});

export const waitsForParked = defineReason({
  reason: 'BEHIND_PARKED',
  means: 'an event before it in its stream is parked',
  fix: 'redrive or discard that one',
  seenIn: 'dead letters',
});

export const snapshotDiffers = defineReason({
  reason: 'SNAPSHOT_DIFFERS',
  means: 'a snapshot differs from the state that the events before it give',
  fix: 'delete it: a new one is taken automatically',
  seenIn: 'audits',
});

export const rowDiffers = defineReason({
  reason: 'ROW_DIFFERS',
  means: 'a row of a projection differs from what its events give',
  fix: '`make rebuild PROJECTION=…`',
  seenIn: 'audits',
});

export const eventsUnreadable = defineReason({
  reason: 'EVENTS_UNREADABLE',
  means: 'a projection cannot be rebuilt, because events that it contains can no longer be applied',
  fix: 'fix the events that other checks name; do not rebuild it before that',
  seenIn: 'audits',
});

export const eventsParked = defineReason({
  reason: 'EVENTS_PARKED',
  means: 'a projection has parked events that it could not apply',
  fix: 'look at its dead letters',
  seenIn: 'audits',
});
