import { createJob } from '../leases/job.ts';
import type { Storage } from '../storage/storage.ts';
import { endOrGrace } from '../time/end-or-grace.ts';
import { sleep } from '../time/sleep.ts';
import type { AuditStore, KeptAudit } from './audit.ts';
import { type AuditorOptions, createAuditor, createMemoryAuditStore, type ServiceAuditor } from './create-auditor.ts';

export interface BackgroundAuditsOptions extends Omit<AuditorOptions, 'store'> {
  /** The wait from the end of an audit to the next one; 0: no background audits. */
  readonly intervalMs: number;
}

/** An auditor that also runs in the background. */
export interface BackgroundAudits {
  readonly auditor: ServiceAuditor;
  start(): Promise<void>;
  /** Stops the audits, including the one in progress, within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** Audits a service on one instance at a time. Its database has the last audit, so every instance knows it. */
export async function createServiceAudits(
  options: BackgroundAuditsOptions & { readonly storage: Storage },
): Promise<BackgroundAudits> {
  const { storage, intervalMs: everyMs, clock, logger } = options;
  const job = await createJob({ storage, name: 'audit', everyMs, clock, logger }, (signal) => auditor.auditAll(signal));
  const store: AuditStore = {
    async last() {
      const run = await job.last();
      return run && decodeAudit(run.note);
    },
    keep: (audit) => job.record(JSON.stringify(audit)),
  };
  const auditor = createAuditor({ ...options, store });
  return { auditor, start: job.start, stop: job.stop };
}

/** Audits what belongs to this process alone, such as its files. A restart forgets the last audit. */
export function createProcessAudits(options: BackgroundAuditsOptions): BackgroundAudits {
  const { intervalMs, clock, logger } = options;
  const auditor = createAuditor({ ...options, store: createMemoryAuditStore() });
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const repeat = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      await sleep(clock, intervalMs, signal);
      if (signal.aborted) return;
      await auditor.auditAll(signal).catch((error: unknown) => {
        if (!signal.aborted) logger.error({ err: error }, 'audit failed');
      });
    }
  };
  return {
    auditor,
    async start() {
      if (intervalMs > 0) running = repeat(stopping.signal);
    },
    async stop(graceMs) {
      stopping.abort(new Error('the audits stop'));
      await endOrGrace(running, graceMs, clock);
    },
  };
}

/** An audit that another version wrote in a form that this one does not know counts as none. */
function decodeAudit(text: string): KeptAudit | undefined {
  const audit = JSON.parse(text) as Partial<KeptAudit>;
  return Array.isArray(audit.results) && Array.isArray(audit.findings) && audit.known
    ? (audit as KeptAudit)
    : undefined;
}
