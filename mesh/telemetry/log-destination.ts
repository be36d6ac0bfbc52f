import { constants, fstatSync, openSync, writeSync } from 'node:fs';

/** The destination of the log. Lines are buffered and written together at the end of the turn. */
export interface LogDestination {
  /** Buffers a line. Never throws and never waits, even if the reader is gone. */
  write(line: string): void;
  /** Writes buffered lines now; keeps those that a full pipe does not accept. */
  flushSync(): void;
}

/** The maximum size of the buffer while nobody reads it, about 10,000 lines. Later lines are dropped and counted. */
const maxHeld = 4_000_000;
/** How long it waits before it writes to a full pipe again. */
const fullRetryMs = 50;
/** How long the exit of the process waits for a slow reader. */
const lastWaitMs = 500;
const lastRetryMs = 10;

/**
 * Makes a destination that writes to a file descriptor, and writes the rest when the process exits. A reader that is gone or
 * has stopped reading blocks neither the process nor its exit. What it does not read within half a second at the exit is lost.
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
      // No reader, or a full disk: there is nobody to report it to, and the service has to continue.
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
    const msg = 'log lines were dropped: the reader of the log had stopped reading';
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

  /** The last lines show why the process ended, so a slow reader gets them. */
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
 * Opens a pipe again in non-blocking mode, so a full one does not block this process; the flag would otherwise apply to
 * everyone with the same pipe. If that is not possible (a socket, a pipe of another user), returns the descriptor itself.
 */
function withoutWaiting(descriptor: number): number {
  try {
    if (!fstatSync(descriptor).isFIFO()) return descriptor;
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return descriptor;
  }
}
