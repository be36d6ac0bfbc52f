/** A fault in the data. */
export interface Finding {
  /** UPPER_SNAKE: `ROW_DIFFERS`. */
  readonly reason: string;
  /** Ids of the accounts, orders, items or rows concerned. */
  readonly ids: readonly string[];
  /** What is wrong, in words. */
  readonly message: string;
}

export interface AuditProgress {
  /** Counts examined items. */
  examined(count: number): void;
}

/**
 * Checks one property of the data while the mesh serves traffic. Discrepancies that may be transient are re-checked
 * before they are reported.
 */
export interface AuditCheck {
  /** `payment/account-events`: the service and what is checked. */
  readonly name: string;
  run(progress: AuditProgress, signal: AbortSignal): AsyncIterable<Finding>;
}

/** A finding, with the check that found it. */
export interface CheckFinding extends Finding {
  readonly check: string;
}

export interface CheckResult {
  readonly name: string;
  /** The number of examined items. */
  readonly examined: number;
  /** The number of findings. The first 1,000 were reported. */
  readonly findings: number;
  readonly durationMs: number;
  /** Why it did not finish; `undefined` if it did. */
  readonly error: string | undefined;
}

/** What a running audit reports. */
export type AuditReport =
  | { readonly kind: 'finding'; readonly finding: CheckFinding }
  | { readonly kind: 'result'; readonly result: CheckResult };

/** A finished audit. Times are in milliseconds since the epoch. */
export interface Audit {
  readonly startMs: number;
  readonly endMs: number;
  readonly results: readonly CheckResult[];
  /** The first 100. */
  readonly findings: readonly CheckFinding[];
}

/** An audit as it is kept. */
export interface KeptAudit extends Audit {
  /** The findings of each check when it was last finished, by its name. */
  readonly known: Readonly<Record<string, number>>;
}

/** Where the last audit of all checks is kept, for all instances of a service. */
export interface AuditStore {
  last(): Promise<KeptAudit | undefined>;
  keep(audit: KeptAudit): Promise<void>;
}
