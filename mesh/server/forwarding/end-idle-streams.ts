import type { Clock } from '../../time/clock.ts';
import { serverDraining } from '../errors.ts';
import type { RoutedCall } from './routed-call.ts';

const tickMs = 250;
// Callers and databases pause within a stream.
const patientTicks = 8;

/**
 * Ends streams that are idle while the process drains, with SERVER_DRAINING, so their callers continue elsewhere: no one else
 * ends a stream that never ends by itself. A stream whose caller does not read is not idle. A client stream is never ended,
 * because its caller cannot continue it, nor is a call of a method that the gateway does not know: it may be unary.
 */
export function endIdleStreams(streams: ReadonlySet<RoutedCall>, draining: AbortSignal, clock: Clock): () => void {
  const idle = new Map<RoutedCall, { bytes: number; ticks: number }>();
  let cancel: () => void = () => undefined;

  const tick = () => {
    for (const stream of [...streams]) {
      const { call, kind } = stream;
      if (kind !== 'server-streaming' && kind !== 'bidi-streaming') continue;
      const bytes = call.requestBytes + call.replyBytes;
      const before = idle.get(stream);
      const ticks = before?.bytes === bytes && !call.waitsForReader ? before.ticks + 1 : 0;
      idle.set(stream, { bytes, ticks });
      if (ticks >= patientTicks) call.fail(serverDraining());
    }
    cancel = clock.after(tickMs, tick);
  };
  draining.addEventListener('abort', tick, { once: true });
  return () => {
    draining.removeEventListener('abort', tick);
    cancel();
  };
}
