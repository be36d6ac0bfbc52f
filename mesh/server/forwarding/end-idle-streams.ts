import type { MethodKind } from '../../engines/engine.ts';
import type { ForwardedCall } from '../../engines/forwarding.ts';
import type { Clock } from '../../time/clock.ts';
import { serverDraining } from '../errors.ts';

const tickMs = 250;
// Callers and databases pause within a stream.
const patientTicks = 8;

/** A stream that may be idle. */
export interface OpenStream {
  /** `undefined` if it is not known. */
  readonly kind: MethodKind | undefined;
  readonly call: Pick<ForwardedCall, 'requestBytes' | 'replyBytes' | 'waitsForReader' | 'fail'>;
}

/**
 * Ends streams that are idle while the process drains, with SERVER_DRAINING, so their callers continue elsewhere: no one else
 * ends a stream that never ends by itself. A stream whose caller does not read is not idle. A client stream is never ended,
 * because its caller cannot continue it, nor is a call of a method that the gateway does not know: it may be unary.
 */
export function endIdleStreams(streams: ReadonlySet<OpenStream>, draining: AbortSignal, clock: Clock): () => void {
  const idle = new Map<OpenStream, { bytes: number; ticks: number }>();
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
