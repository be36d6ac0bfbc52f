import type { AuditCheck } from '../../audit/audit.ts';
import type { DamageSearch } from '../../storage/damage-search.ts';

/**
 * The check `storage/integrity`: searches everything that this process stores in files of its own, and reports damage as
 * `STORAGE_CORRUPT`. `searches` is called when it runs.
 */
export function auditStorage(searches: () => readonly DamageSearch[]): AuditCheck {
  return {
    name: 'storage/integrity',
    async *run(progress, signal) {
      for (const search of searches()) {
        for await (const { reason, metadata, message } of search(progress.examined)) {
          yield { reason, ids: Object.values(metadata), message };
          signal.throwIfAborted();
        }
        signal.throwIfAborted();
      }
    },
  };
}
