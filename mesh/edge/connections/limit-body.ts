import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { TimerWheel } from '../../time/timer-wheel.ts';
import { requestTooSlow } from '../errors.ts';

/** Fails the body of a request over HTTP/2 that is not complete in time. For HTTP/1.1, Node watches it. */
export function limitBody(
  request: IncomingMessage & { readonly stream?: ServerHttp2Stream },
  timeoutMs: number,
  timers: TimerWheel,
): void {
  const { stream } = request;
  if (stream === undefined || stream.endAfterHeaders) return;
  const onTimeout = () => {
    const isComplete = stream.destroyed || stream.state.remoteClose === 1;
    // Nobody listens once it is refused.
    if (!isComplete && request.listenerCount('error') > 0) request.emit('error', requestTooSlow());
  };
  const timer = timers.after(timeoutMs, { onTimeout });
  stream.once('close', () => timer.cancel());
}
