import type { WireCall, WireListener } from './wire-call.ts';

/** Starts a call; throws if it cannot be started. */
export type StartCall = (listener: WireListener) => WireCall;

/** A call that has been sent. */
export type SentCall = Pick<WireCall, 'startRead' | 'cancelWithStatus'>;

// A server that refuses several times is full.
const maxAttempts = 3;

/**
 * Makes a call with one request, which `send` sends. If the server refused it because it is draining or full, the call is made
 * again, on another connection if there is one. grpc-js does that only with retries, which keep every message.
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
