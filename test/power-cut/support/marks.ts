import { openSync, writeSync } from 'node:fs';
import type { Observer } from '../../../mesh/testing/crashes/observe-runtime.ts';
import { headerBytes, kinds } from './journal.ts';

/** Appends a mark to a journal: where a process could be killed. */
type Mark = (title: string) => void;

/** Writes marks into the journal of this process. */
export function markJournal(journal: string): Mark {
  const file = openSync(journal, 'a');
  return (title) => {
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(kinds.mark, 0);
    header.writeUInt32LE(Buffer.byteLength(title), 4);
    writeSync(file, Buffer.concat([header, Buffer.from(title)]));
  };
}

/** Marks the moments before and after each operation of a service. */
export function markOperations(service: string, mark: Mark): Observer {
  return {
    exists: () => undefined,
    async pass(operation, run) {
      mark(`before ${service} ${operation}`);
      try {
        return await run();
      } finally {
        mark(`after ${service} ${operation}`);
      }
    },
  };
}
