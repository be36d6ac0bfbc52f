import type { MeshError } from '../errors/mesh-error.ts';
import { storageCorrupt, storageFull, storageMisconfigured, storageTooLarge, storageUnavailable } from './errors.ts';

/** Why a database cannot do what was requested, the same in every engine. None of these is an answer of the business. */
export type StorageFault =
  /** It cannot be reached or accepts no work now. */
  | 'unavailable'
  /** Locks of others, or the work itself, took too long. */
  | 'busy'
  /** Its disk is full. */
  | 'full'
  /** It rejects writes. */
  | 'read-only'
  /** It rejects this user. */
  | 'denied'
  /** A table, a column or the like that this program needs is missing. */
  | 'wrong-schema'
  /** Its data is damaged. */
  | 'corrupt'
  /** A value or a statement is larger than it accepts. */
  | 'too-large';

/** What a fault is about. */
export interface FaultSubject {
  /** The file or server, as an operator knows it. */
  readonly database: string;
  /** What the engine reported. */
  readonly text: string;
  readonly cause: unknown;
  /** `host:port` of a server. */
  readonly host?: string | undefined;
}

/** What to do about each fault, for an engine. */
export type Remedies = Readonly<Record<StorageFault, string>>;

/**
 * The error of a fault: UNAVAILABLE `STORAGE_UNAVAILABLE`, `STORAGE_FULL` or `STORAGE_MISCONFIGURED`, DATA_LOSS
 * `STORAGE_CORRUPT`, or INTERNAL `STORAGE_TOO_LARGE`. What was requested did not happen.
 */
export function storageFault(
  fault: StorageFault,
  { database, text, cause, host }: FaultSubject,
  remedies: Remedies,
): MeshError {
  const trouble = { database, state: states[fault], detail: text, remedy: remedies[fault] };
  return errors[fault](trouble, { cause, host });
}

const errors = {
  unavailable: storageUnavailable,
  busy: storageUnavailable,
  full: storageFull,
  'read-only': storageUnavailable,
  denied: storageMisconfigured,
  'wrong-schema': storageMisconfigured,
  corrupt: storageCorrupt,
  'too-large': storageTooLarge,
};

const states: Remedies = {
  unavailable: 'cannot be used',
  busy: 'timed out',
  full: 'cannot grow',
  'read-only': 'rejects writes',
  denied: 'rejects this user',
  'wrong-schema': 'does not fit this program',
  corrupt: 'is damaged',
  'too-large': 'does not accept that much',
};
