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
