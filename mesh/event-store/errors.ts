import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';

/** ABORTED `STREAM_CONFLICT`: its metadata has the stream and both versions. */
export function streamConflict(stream: string, expected: bigint, actual: bigint): MeshError {
  return new MeshError(
    Status.ABORTED,
    'STREAM_CONFLICT',
    `the stream ${stream} is at version ${actual}, not ${expected}: another change came first; read it and try again`,
    { metadata: { stream, expected_version: expected.toString(), version: actual.toString() } },
  );
}

/** INVALID_ARGUMENT `EVENT_TOO_LARGE`. */
export function eventTooLarge(stream: string, type: string, bytes: number, maxBytes: number): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'EVENT_TOO_LARGE',
    `an event ${type} for the stream ${stream} has ${bytes} bytes, more than ${maxBytes}: keep large things elsewhere and refer to them`,
    { metadata: { stream, type } },
  );
}

/** DATA_LOSS `EVENT_CORRUPT`: its metadata has stream, version and position. */
export function eventCorrupt(stream: string, version: bigint, position: bigint, what: string): MeshError {
  return new MeshError(
    Status.DATA_LOSS,
    'EVENT_CORRUPT',
    `event ${version} of the stream ${stream} (position ${position}) is not as it was written: ${what}; restore it from a backup`,
    { metadata: { stream, version: version.toString(), position: position.toString() } },
  );
}

/** DATA_LOSS `EVENT_MISSING`: its metadata has stream and version. */
export function eventMissing(stream: string, version: bigint): MeshError {
  return new MeshError(
    Status.DATA_LOSS,
    'EVENT_MISSING',
    `event ${version} of the stream ${stream} is not there, though one after it is: restore it from a backup`,
    { metadata: { stream, version: version.toString() } },
  );
}

/** FAILED_PRECONDITION `REBUILD_LACKS_EVENTS`. */
export function rebuildLacksEvents(name: string, count: number): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'REBUILD_LACKS_EVENTS',
    `the rebuild of ${name} could not take ${count} events that the one that answers has in it, and was thrown away: look with "make audit" for what is wrong with the events, and mend that first`,
    { metadata: { name, events: count.toString() } },
  );
}

/** FAILED_PRECONDITION `EVENT_UNREADABLE`: of a type or a schema version that this program does not know. */
export function eventUnreadable(stream: string, version: bigint, type: string, schemaVersion: number): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'EVENT_UNREADABLE',
    `event ${version} of the stream ${stream} is a ${type} of schema version ${schemaVersion}, which this program does not know: run the version that wrote it, or a newer one`,
    { metadata: { stream, version: version.toString(), type, schema_version: schemaVersion.toString() } },
  );
}

/** NOT_FOUND `UNKNOWN_PROJECTION`: its text lists those there are. */
export function unknownProjection(name: string, known: readonly string[]): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'UNKNOWN_PROJECTION',
    `there is no projection ${name}: there are ${known.join(', ') || 'none'}`,
    { metadata: { name } },
  );
}

/** FAILED_PRECONDITION `REBUILD_RUNNING`. */
export function rebuildRunning(name: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'REBUILD_RUNNING',
    `the projection ${name} is being rebuilt already: wait for that, or cancel it`,
    { metadata: { name } },
  );
}

/** ABORTED `REBUILD_LOST`: another process took it for ended. */
export function rebuildLost(name: string): MeshError {
  return new MeshError(
    Status.ABORTED,
    'REBUILD_LOST',
    `the rebuild of ${name} was taken for ended by another process, since it stood still for too long: start it again`,
    { metadata: { name } },
  );
}

/** FAILED_PRECONDITION `EVENT_BEHIND_PARKED`: its metadata has the id of the one before it. */
export function behindParked(id: string, firstId: string, stream: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'EVENT_BEHIND_PARKED',
    `event ${id} waits behind ${firstId}, which is the first of the stream ${stream} that was put aside: deal with that one, the others follow by themselves`,
    { metadata: { id, first_id: firstId, stream } },
  );
}

/** UNAVAILABLE `PROJECTION_BEHIND`. */
export function projectionBehind(name: string, position: bigint, head: bigint, behindMs: number): MeshError {
  return new MeshError(
    Status.UNAVAILABLE,
    'PROJECTION_BEHIND',
    `the projection ${name} is at position ${position} and has not reached ${head} for ${Math.round(behindMs / 1000)} s: look in the log for what it fails on, or whether the process that runs it is up`,
    { metadata: { name, position: position.toString(), head: head.toString() } },
  );
}
