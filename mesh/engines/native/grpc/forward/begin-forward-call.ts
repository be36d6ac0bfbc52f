import type { Forwarder } from '../../../forwarding.ts';
import { ForwardCall } from './forward-call.ts';
import type { ForwardStart, ForwardTools } from './forward-start.ts';

/** Begins to forward a call, which fails if the forwarder refuses it. `undefined`: the forwarder does not know its path. */
export function beginForwardCall(
  start: ForwardStart,
  tools: ForwardTools,
  forwarder: Forwarder,
): ForwardCall | undefined {
  const call = new ForwardCall(start, tools);
  try {
    const forwarding = forwarder.begin(call);
    if (forwarding === undefined) return undefined;
    call.begin(forwarding);
  } catch (error) {
    call.fail(error);
  }
  return call;
}
