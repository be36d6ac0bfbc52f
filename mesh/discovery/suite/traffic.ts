import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../errors/error-text.ts';

/** A call and how it ended. */
interface Call {
  readonly startMs: number;
  /** The address of the instance that answered. */
  readonly by: string | undefined;
  readonly error: string | undefined;
}

/** Calls at a steady rate, however long each takes. */
export interface Traffic {
  /** Milliseconds since an arbitrary moment; those of the calls. */
  now(): number;
  /** The errors of calls that started since then, each with how often it occurred. */
  failedSince(sinceMs: number): readonly string[];
  /** How many calls that started since then each instance has answered. */
  answeredSince(sinceMs: number): ReadonlyMap<string, number>;
  /** Waits until an instance has answered a call that started since then. Returns how long after it that call started. */
  answeredBy(address: string, sinceMs: number, timeoutMs: number): Promise<number>;
  /** Resolves once the last call has ended. */
  stop(): Promise<void>;
}

const everyMs = 20;

/** Starts traffic: `call` resolves with the address of the instance that answered. */
export function startTraffic(call: () => Promise<string>): Traffic {
  const calls: Call[] = [];
  const open = new Set<Promise<void>>();
  const now = () => performance.now();
  const begin = () => {
    const startMs = now();
    const ended: Promise<void> = call().then(
      (by) => void calls.push({ startMs, by, error: undefined }),
      (error) => void calls.push({ startMs, by: undefined, error: messageOf(error) }),
    );
    open.add(ended);
    void ended.then(() => open.delete(ended));
  };
  const timer = setInterval(begin, everyMs);
  const since = (sinceMs: number) => calls.filter(({ startMs }) => startMs >= sinceMs);
  return {
    now,
    failedSince: (sinceMs) => {
      const failed = since(sinceMs).filter(({ error }) => error !== undefined);
      return [...Map.groupBy(failed, ({ error }) => error)].map(([error, same]) => `${same.length} × ${error}`);
    },
    answeredSince: (sinceMs) => {
      const byInstance = Map.groupBy(since(sinceMs), ({ by }) => by ?? 'none');
      return new Map([...byInstance].map(([by, some]) => [by, some.length]));
    },
    async answeredBy(address, sinceMs, timeoutMs) {
      for (;;) {
        const first = since(sinceMs).find(({ by }) => by === address);
        if (first) return first.startMs - sinceMs;
        if (now() - sinceMs > timeoutMs) throw new Error(`${address} has answered no call within ${timeoutMs} ms`);
        await setTimeout(everyMs);
      }
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
    },
  };
}
