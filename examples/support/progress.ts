/** Shows progress: on a terminal in one line that is updated, otherwise as one line per second. */
export interface Progress {
  show(text: string): void;
  /** Prints the final text. */
  end(text: string): void;
}

/** Writes to standard output. */
export function createProgress(): Progress {
  const { isTTY } = process.stdout;
  const intervalMs = isTTY ? 100 : 1_000;
  let nextMs = performance.now() + intervalMs;
  const write = (text: string) => process.stdout.write(isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  return {
    show(text) {
      const nowMs = performance.now();
      if (nowMs < nextMs) return;
      nextMs = nowMs + intervalMs;
      write(text);
    },
    end(text) {
      write(text);
      if (isTTY) process.stdout.write('\n');
    },
  };
}

/** Shows nothing. */
export const silentProgress: Progress = { show: () => undefined, end: () => undefined };
