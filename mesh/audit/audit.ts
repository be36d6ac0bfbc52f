/** Something that is not as it has to be. */
export interface Finding {
  /** UPPER_SNAKE: `ROW_DIFFERS`. */
  readonly reason: string;
  /** What it is about: ids of accounts, orders, items, rows. */
  readonly ids: readonly string[];
  /** What is wrong, for people. */
  readonly message: string;
}

/** What a check does as it goes. */
export interface AuditProgress {
  /** Counts things that were looked at. */
  examined(count: number): void;
}

/**
 * Looks whether one thing is as it has to be, while the mesh goes on: what may only look wrong because something is under
 * way is looked at again before it is told.
 */
export interface AuditCheck {
  /** `payment/account-events`: its service and what it looks at. */
  readonly name: string;
  run(progress: AuditProgress, signal: AbortSignal): AsyncIterable<Finding>;
}

/** A finding, with the check that found it. */
export interface CheckFinding extends Finding {
  readonly check: string;
}

/** How a check ended. */
export interface CheckResult {
  readonly name: string;
  /** How many things it looked at. */
  readonly examined: number;
  /** How much it found. */
  readonly findings: number;
  readonly durationMs: number;
  /** Why it could not be finished; `undefined`: it was. */
  readonly error: string | undefined;
}

/** What an audit tells while it runs. */
export type AuditReport =
  | { readonly kind: 'finding'; readonly finding: CheckFinding }
  | { readonly kind: 'result'; readonly result: CheckResult };

/** An audit that has ended. Times are in milliseconds since the epoch. */
export interface Audit {
  readonly startMs: number;
  readonly endMs: number;
  readonly results: readonly CheckResult[];
  /** The first 100. */
  readonly findings: readonly CheckFinding[];
}
