import { constants, fstatSync, openSync, writeSync } from 'node:fs';

/** Where the log goes. What it holds is written at the end of the turn, in one piece. */
export interface LogDestination {
  /** Takes a line. Never throws and never waits, whatever became of the reader. */
  write(line: string): void;
  /** Writes what it holds now; keeps what a full pipe does not take. */
  flushSync(): void;
}

/** What it holds of the log while nobody reads it, in bytes: about 10,000 lines. Later lines are dropped and counted. */
const maxHeld = 4_000_000;
/** How long it waits before it offers a full pipe more. */
const fullRetryMs = 50;
/** How long the end of the process waits for a reader that is slow, in all. */
const lastWaitMs = 500;
const lastRetryMs = 10;

/**
 * Makes the destination that writes to a file descriptor, and at the end of the process what it still holds. A reader that
 * is gone or has stopped to read holds up nothing: neither the process while it runs, nor its end. What the reader does not
 * take within half a second is lost then.
 */
export function createLogDestination(descriptor: number): LogDestination {
  const fd = withoutWaiting(descriptor);
  let held: Buffer[] = [];
  let heldBytes = 0;
  let dropped = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  }

  function flush(): void {
    scheduled = false;
    if (flushSync() === 'full') {
      scheduled = true;
      setTimeout(flush, fullRetryMs).unref();
    }
  }

  function flushSync(): 'written' | 'full' {
    const bytes = Buffer.concat(held);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
        keep([bytes.subarray(written)]);
        return 'full';
      }
      // No reader, a full disk: there is nobody to report it to, and the service has to go on.
    }
    keep([]);
    if (dropped > 0) noteDropped();
    return 'written';
  }

  function keep(rest: Buffer[]): void {
    held = rest;
    heldBytes = rest.reduce((sum, { length }) => sum + length, 0);
  }

  function noteDropped(): void {
    const msg = 'lines of the log were dropped: whoever reads it had stopped to read';
    const count = dropped;
    dropped = 0;
    write(
      `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), pid: process.pid, dropped: count, msg })}\n`,
    );
  }

  function write(line: string): void {
    if (heldBytes >= maxHeld) {
      dropped += 1;
      return;
    }
    const bytes = Buffer.from(line);
    held.push(bytes);
    heldBytes += bytes.length;
    schedule();
  }

  /** The last lines say how the process ended: a reader that is only slow gets them. */
  function flushAtExit(): void {
    const endMs = performance.now() + lastWaitMs;
    while (flushSync() === 'full' && performance.now() < endMs) sleepSync(lastRetryMs);
  }

  process.on('exit', flushAtExit);
  return { write, flushSync: () => void flushSync() };
}

function sleepSync(delayMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delayMs);
}

/**
 * A pipe is opened again, so that a full one does not stop this process: the flag that does that would otherwise hold for
 * all who have the same pipe. Where that is not possible (a socket, a pipe of another user), the descriptor stays as it is.
 */
function withoutWaiting(descriptor: number): number {
  try {
    if (!fstatSync(descriptor).isFIFO()) return descriptor;
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return descriptor;
  }
}
