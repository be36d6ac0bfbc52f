import type { EndedCall, WireStatus } from '../../../../errors/wire-status.ts';
import type { TimerWheel } from '../../../../time/timer-wheel.ts';
import type { ConnectionPeer } from '../../../connection-peer.ts';
import type { Forwarder } from '../../../forwarding.ts';
import type { MessageHead } from '../../http2/codec/message-head.ts';
import type { Http2Stream, StreamEvents } from '../../http2/streams/stream.ts';
import type { RequestWatch } from '../request-watch.ts';

/** Shared by all forwarded calls of a host. */
export interface ForwardTools {
  readonly timers: TimerWheel;
  readonly requestWatch: RequestWatch;
  readonly toStatus: (error: unknown, call: EndedCall) => WireStatus;
}

export interface ForwardStart {
  readonly stream: Http2Stream;
  readonly head: MessageHead;
  readonly path: string;
  readonly from: ConnectionPeer;
  readonly requestId: string;
  readonly timeoutMs: number | undefined;
}

/** Begins to forward a call. `undefined`: the forwarder does not know its path. */
export type BeginForwardCall = (
  start: ForwardStart,
  tools: ForwardTools,
  forwarder: Forwarder,
) => StreamEvents | undefined;
