import type { WireCall, WireListener } from './wire-call.ts';

/** Starts a call; throws when that cannot be. */
export type StartCall = (listener: WireListener) => WireCall;

/** What its caller does with a call that has been sent. */
export type SentCall = Pick<WireCall, 'startRead' | 'cancelWithStatus'>;

// A server that refuses again and again is full.
const maxAttempts = 3;

/**
 * Makes a call of one request, which `send` sends. When the server took nothing of it, since it was stopping or full, the call
 * is made again, on another connection where there is one: grpc-js does so only with retries, which keep every message.
 */
export function startOneRequest(start: StartCall, send: (wire: WireCall) => void, listener: WireListener): SentCall {
  let attempts = 0;
  let isReading = false;
  const attempt = (): WireCall => {
    attempts += 1;
    const wire = start({ ...listener, onRefused });
    send(wire);
    return wire;
  };
  const onRefused = (): boolean => {
    if (attempts === maxAttempts) return false;
    try {
      current = attempt();
      if (isReading) current.startRead();
    } catch (error) {
      listener.onEnd(error);
    }
    return true;
  };
  let current = attempt();
  return {
    startRead() {
      isReading = true;
      current.startRead();
    },
    cancelWithStatus: (code, details) => current.cancelWithStatus(code, details),
  };
}
