import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { eventually } from '../../../mesh/testing/eventually.ts';
import { spawnCommand } from '../../../mesh/testing/servers/spawn-command.ts';

/** What an EventSource received. */
export interface FollowedEvent {
  readonly event: 'open' | 'message' | 'error' | 'end';
  readonly id?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests state what is in it.
  readonly data?: any;
}

/** Follows a URL with Node's EventSource, which connects again as a browser does, for a test. */
export function follow(url: string) {
  const program = fileURLToPath(new URL('./event-source.ts', import.meta.url));
  const running = spawnCommand({ command: [process.execPath, '--experimental-eventsource', program, url] });
  onTestFinished(() => running[Symbol.asyncDispose]());
  const events = (): FollowedEvent[] => {
    const whole = running.stdout().split('\n').slice(0, -1);
    return whole.map((line) => JSON.parse(line));
  };
  const messages = () => events().filter(({ event }) => event === 'message');
  return {
    events,
    messages,
    /** Waits until something is true of its events. */
    until: (check: (events: FollowedEvent[]) => void) => eventually(() => check(events()), { timeoutMs: 20_000 }),
    ended: running.ended,
  };
}
