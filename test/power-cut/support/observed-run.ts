import { cpSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type StartedProcess, startProcess } from '../../../mesh/testing/servers/start-process.ts';
import { startOutsideCarrier } from './carrier.ts';
import { endWithWholeRecord, readJournal } from './journal.ts';
import { startMailServer } from './mail-server.ts';
import { createOutside, type Knowledge, type Outside } from './outside.ts';
import type { RecordedRun } from './rebuild.ts';
import { loseSyncs, type Recording, recorded } from './recorder.ts';

/** A recorded process that was killed, and what was seen of it. */
export interface ObservedRun extends RecordedRun {
  readonly known: Knowledge;
  /** The size of its journal when it was ready. */
  readonly ready: number;
  /** The size of its journal when it was killed. */
  readonly end: number;
  readonly mails: 'files' | 'smtp';
  readonly carrier: 'outside' | 'embedded';
}

/** What is done with a mesh. */
export type Use = (mesh: StartedProcess, outside: Outside) => Promise<void>;

export interface RunOptions extends Pick<Recording, 'lostSyncs' | 'syncUs'> {
  /** An empty folder for the run. */
  readonly folder: string;
  /** A data folder with a filled shop to begin with. Default: none. */
  readonly template?: string;
  /** Relative to the project's root. Default: `services/main.ts`. */
  readonly main?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Where mails go: to files in the recorded folder, or to a mail server on another machine. Default: files. */
  readonly mails?: 'files' | 'smtp';
  /** On another machine, or simulated in the process, with its database in the recorded folder. Default: outside. */
  readonly carrier?: 'outside' | 'embedded';
  /**
   * An earlier process in the same folder, of the same `main`, which is recorded, too, and killed by SIGUSR2. `lostSyncs` do
   * nothing from when it is ready on: what it leaves is not on the disk. Default: none.
   */
  readonly killed?: { readonly lostSyncs: readonly string[]; readonly use: Use };
}

/** Runs a whole mesh under the recorder while `use` calls it, then kills it unless it is dead. */
export async function observe(options: RunOptions, use: Use): Promise<ObservedRun> {
  const { template, main, environment, syncUs, killed } = options;
  const { mails: kindOfMails = 'files', carrier: kindOfCarrier = 'outside' } = options;
  const folder = realpathSync(options.folder);
  const [root, base, journal] = [join(folder, 'root'), join(folder, 'base'), join(folder, 'journal')];
  for (const path of [root, base]) mkdirSync(path);
  if (template !== undefined)
    for (const path of [root, base]) cpSync(template, join(path, 'data'), { recursive: true });
  const outside = createOutside(journal);
  if (template !== undefined) outside.filled();
  await using carrier = await startOutsideCarrier(folder, [], outside.booking);
  await using mails = kindOfMails === 'smtp' ? await startMailServer(outside.mail) : undefined;
  const start = (lostSyncs?: readonly string[]) =>
    startProcess({
      dataDir: join(root, 'data'),
      ...(main !== undefined && { main }),
      environment: {
        ...(kindOfCarrier === 'outside' && { CARRIER_URL: carrier.url }),
        ...(mails && { MAIL_URL: mails.url }),
        ...environment,
        ...recorded({ journal, root, ...(syncUs !== undefined && { syncUs }), ...(lostSyncs && { lostSyncs }) }),
      },
    });
  if (killed) {
    await using mesh = await start(killed.lostSyncs);
    loseSyncs(journal);
    await killed.use(mesh, outside);
    await mesh.end('SIGUSR2');
    endWithWholeRecord(journal);
  }
  await using mesh = await start(options.lostSyncs);
  const ready = outside.position();
  loseSyncs(journal);
  await use(mesh, outside);
  await mesh.kill9();
  const end = outside.position();
  outside.close();
  return {
    base,
    root,
    records: readJournal(journal),
    known: outside.known,
    ready,
    end,
    mails: kindOfMails,
    carrier: kindOfCarrier,
  };
}
