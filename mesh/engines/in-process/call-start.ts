import type { ConnectionPeer } from '../connection-peer.ts';
import type { EngineHandler, EngineMethod, TransportCall } from '../engine.ts';
import type { CallListener } from '../native/grpc/client/call-listener.ts';

/** The metadata of a call or of its response that the other side accepts, as over a connection. */
export const maxMetadataBytes = 16 * 1024;

/** A method of a host and its handler. */
export interface HostedMethod {
  readonly method: EngineMethod<unknown, unknown>;
  readonly handler: EngineHandler<unknown, unknown>;
}

/** What a client begins a call with. */
export interface InProcessStart {
  /** The method as the client knows it. */
  readonly method: EngineMethod<unknown, unknown>;
  readonly call: TransportCall;
  readonly listener: CallListener;
  readonly from: ConnectionPeer;
}
