import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';

/** The refusal of a transaction that would have others wait: INTERNAL `TRANSACTION_AWAITED_OUTSIDE`. */
export function awaitedOutsideError(): MeshError {
  return new MeshError(
    Status.INTERNAL,
    'TRANSACTION_AWAITED_OUTSIDE',
    'a transaction awaited something else than its own calls and was rolled back; do that work before or after it, all others wait behind it',
  );
}

/** What keeps a database from doing what it was asked for, the same in every engine. None of them is the business's answer. */
export type StorageFault =
  /** It cannot be reached, or takes no work now. */
  | 'unavailable'
  /** Others held what was needed for too long, or it ran out of its time. */
  | 'busy'
  /** Its disk is full. */
  | 'full'
  /** It takes no writes. */
  | 'read-only'
  /** It refuses this user. */
  | 'denied'
  /** It lacks a table, a column or the like that this program needs. */
  | 'wrong-schema'
  /** Its data is damaged. */
  | 'corrupt'
  /** A value or a statement is larger than it takes. */
  | 'too-large';

/** What a fault is about. */
export interface FaultSubject {
  /** The file or server, as an operator knows it. */
  readonly database: string;
  /** What the engine said. */
  readonly text: string;
  readonly cause: unknown;
}

/** What to do about each fault, for an engine. */
export type Remedies = Readonly<Record<StorageFault, string>>;

/**
 * The error of a fault: UNAVAILABLE `STORAGE_UNAVAILABLE`, `STORAGE_FULL` or `STORAGE_MISCONFIGURED`, DATA_LOSS
 * `STORAGE_CORRUPT`, or INTERNAL `STORAGE_TOO_LARGE`. What was asked for did not happen.
 */
export function storageFault(
  fault: StorageFault,
  { database, text, cause }: FaultSubject,
  remedies: Remedies,
): MeshError {
  const message = `the database ${database} ${happened[fault]}: ${text}; ${remedies[fault]}`;
  switch (fault) {
    case 'unavailable':
    case 'busy':
    case 'read-only':
      return new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', message, { cause });
    case 'full':
      return new MeshError(Status.UNAVAILABLE, 'STORAGE_FULL', message, { cause });
    case 'denied':
    case 'wrong-schema':
      return new MeshError(Status.UNAVAILABLE, 'STORAGE_MISCONFIGURED', message, { cause });
    case 'corrupt':
      return new MeshError(Status.DATA_LOSS, 'STORAGE_CORRUPT', message, { cause });
    case 'too-large':
      return new MeshError(Status.INTERNAL, 'STORAGE_TOO_LARGE', message, { cause });
  }
}

const happened: Remedies = {
  unavailable: 'cannot be used',
  busy: 'did not get to it in time',
  full: 'cannot grow',
  'read-only': 'takes no writes',
  denied: 'refuses this user',
  'wrong-schema': 'is not what this program needs',
  corrupt: 'is damaged',
  'too-large': 'does not take so much',
};
