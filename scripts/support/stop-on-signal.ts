/** make and npm forward a signal that the whole group has already received. */
const sameSignalMs = 1_000;

/** Aborts at the first signal, so that a program can stop what it started. A second one, at least a second later, ends it. */
export function stopOnSignal(): AbortSignal {
  const stopping = new AbortController();
  let firstMs: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      firstMs ??= performance.now();
      stopping.abort();
      if (performance.now() - firstMs >= sameSignalMs) process.exit(130);
    });
  }
  return stopping.signal;
}

/** Resolves and rejects as `work` does, and rejects when the signal aborts: what was stopped need not end. */
export async function untilStopped<Result>(work: Promise<Result>, stopping: AbortSignal): Promise<Result> {
  const stopped = Promise.withResolvers<never>();
  const reject = () => stopped.reject(new Error('stopped'));
  if (stopping.aborted) reject();
  stopping.addEventListener('abort', reject);
  return await Promise.race([work, stopped.promise]).finally(() => stopping.removeEventListener('abort', reject));
}
