/** Sent by a terminal, by `kill`, and by a terminal that closes. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** make and npm forward a signal that the whole group has already received. */
const sameSignalMs = 1_000;

export interface Stop {
  readonly stopping: AbortSignal;
  readonly stopRequested: Promise<NodeJS.Signals>;
}

/**
 * Requests the stop with the first signal. A second one, at least a second later, kills everything and ends
 * this process with `exitCode`.
 */
export function stopOnSignal(kill: () => void, exitCode: number): Stop {
  const { promise: stopRequested, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const stop = new AbortController();
  let firstMs: number | undefined;
  for (const signal of stopSignals) {
    process.on(signal, () => {
      firstMs ??= performance.now();
      resolve(signal);
      stop.abort();
      // The shell may pass on that its terminal has closed, much later than the terminal itself.
      if (signal === 'SIGHUP' || performance.now() - firstMs < sameSignalMs) return;
      kill();
      // The servers end with this process.
      process.exit(exitCode);
    });
  }
  return { stopping: stop.signal, stopRequested };
}
