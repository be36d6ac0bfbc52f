import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  systemClock as clock,
  createEventStore,
  type EventStore,
  MeshError,
  makeFolder,
  openStorage,
  Status,
} from '#mesh';
import { exitCode, type Failure } from './failures.ts';

/** An event store of an example that needs no mesh. */
export interface OwnEventStore extends AsyncDisposable {
  readonly eventStore: EventStore;
}

/**
 * Opens an event store in the database `DATABASE_URL`, or in a SQLite file in `DATA_DIR` (default `data`) that is removed at
 * the end. If it cannot be opened, or is lost later, this program ends with one line and the exit code of the cause.
 */
export async function openOwnEventStore(): Promise<OwnEventStore> {
  process.on('uncaughtException', (error) => {
    const { text, code } = failureOf(error);
    process.stderr.write(`${text}\n`);
    process.exit(code);
  });
  return await open();
}

async function open(): Promise<OwnEventStore> {
  await using opened = new AsyncDisposableStack();
  const storage = opened.adopt(await openStorage(process.env.DATABASE_URL || temporaryUrl(opened)), ({ close }) =>
    close(),
  );
  const eventStore = await createEventStore(storage, { clock });
  const stays = opened.move();
  return { eventStore, [Symbol.asyncDispose]: () => stays.disposeAsync() };
}

/** Returns the URL of a file that is removed with what was opened. */
function temporaryUrl(opened: AsyncDisposableStack): string {
  const dataDir = process.env.DATA_DIR || 'data';
  makeFolder(dataDir);
  const folder = mkdtempSync(join(dataDir, 'event-store-'));
  opened.defer(() => rmSync(folder, { recursive: true }));
  return `sqlite:${join(folder, 'events.db')}`;
}

function failureOf(error: unknown): Failure {
  // Closing what was lost may fail too.
  if (error instanceof SuppressedError) return failureOf(error.suppressed);
  if (error instanceof MeshError) {
    const code = error.code === Status.UNAVAILABLE ? exitCode.unavailable : exitCode.usage;
    return { text: error.message, code };
  }
  // An error of the system, from creating the folder.
  if (!(error instanceof Error && 'syscall' in error)) {
    return { text: error instanceof Error ? String(error.stack) : String(error), code: exitCode.attention };
  }
  const text = `the example cannot write its data (${error.message}): set DATA_DIR to a folder that this user may write`;
  return { text, code: exitCode.usage };
}
