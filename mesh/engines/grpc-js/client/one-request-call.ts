import type { WireCall, WireListener } from './wire-call.ts';

/** Starts a call; throws if it cannot be started. */
export type StartCall = (listener: WireListener) => WireCall;

/** A call that has been sent. */
export type SentCall = Pick<WireCall, 'startRead' | 'cancelWithStatus'>;

// A server that refuses several times is full.
const defaultOpenings = 3;

/** A call with one request. */
export interface OneRequestCall {
  readonly start: StartCall;
  /** Sends the request and half-closes. */
  readonly send: (wire: WireCall) => void;
  readonly listener: WireListener;
  /** How often it may be sent. Default: 3. */
  readonly maxOpenings: number | undefined;
}

/**
 * Makes a call with one request. If the server refused it because it is draining or full, it is repeated, on another
 * connection if there is one. grpc-js does that only with retries, which keep every message.
 */
export function startOneRequest({ start, send, listener, maxOpenings = defaultOpenings }: OneRequestCall): SentCall {
  let attempts = 0;
  let isReading = false;
  const attempt = (): WireCall => {
    attempts += 1;
    const wire = start({ ...listener, onRefused });
    send(wire);
    return wire;
  };
  const onRefused = (): boolean => {
    if (attempts >= maxOpenings) return false;
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
