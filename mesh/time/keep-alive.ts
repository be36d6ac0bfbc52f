// Never fires within the life of a process.
const intervalMs = 2 ** 31 - 1;

/**
 * Settles as `work` does, and keeps the process alive until then. Timers of a `Clock` do not, so Node would end a process that
 * waits for nothing else.
 */
export async function keepAlive<Result>(work: Promise<Result>): Promise<Result> {
  const timer = setInterval(() => undefined, intervalMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
