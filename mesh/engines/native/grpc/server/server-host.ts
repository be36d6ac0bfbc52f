import type { Socket } from 'node:net';
import { TimerWheel } from '../../../../time/timer-wheel.ts';
import type { ConnectionPeer } from '../../../connection-peer.ts';
import type { ServerHost, ServerHostOptions } from '../../../engine.ts';
import { type CallRefusal, noObserver } from '../../../host-observer.ts';
import { FirstBytes } from '../../../http-refusal.ts';
import { createListener } from '../../../listener.ts';
import { requestIdKey, requestIdOf } from '../../../request-id.ts';
import { fieldValue } from '../../http2/codec/field-rules.ts';
import { literalFields } from '../../http2/codec/literal-fields.ts';
import type { MessageHead } from '../../http2/codec/message-head.ts';
import { Http2Connection } from '../../http2/connection/connection.ts';
import { ConnectionWatch, type Patience, serverPatience } from '../../http2/connection/connection-watch.ts';
import type { Http2Stream, StreamEvents } from '../../http2/streams/stream.ts';
import type { BeginForwardCall, ForwardStart } from '../forward/forward-start.ts';
import { RequestWatch } from '../request-watch.ts';
import { ManyRequestsCall } from './many-requests-call.ts';
import { OneRequestCall } from './one-request-call.ts';
import { refusalOf, refuse, refuseHttp, unknownPath } from './refusal.ts';
import { callHeadOf } from './request-head.ts';
import type { HostedMethod, ServerCallTools } from './server-call.ts';

// How long a peer that has sent nothing yet has to do so on a connection that is draining.
const drainHandshakeMs = 1_000;

const continueHeader = literalFields([':status', '100']);

/** Options that only this engine has. */
export interface NativeServerHostOptions extends ServerHostOptions {
  readonly patience?: Partial<Patience>;
}

/** A server host of this engine. */
export interface NativeServerHost extends ServerHost {
  /** Ends all calls with CANCELLED, and the connections. */
  cancel(): void;
}

/**
 * Makes a server host on the native HTTP/2 engine. `beginForwardCall`: if it is to forward calls. Throws INVALID_ARGUMENT
 * `INVALID_TLS`.
 */
export function createServerHost(
  {
    maxReceiveBytes = 4 * 1024 * 1024,
    maxConcurrentStreams = 1_000,
    maxConnections = 10_000,
    maxConnectionsPerAddress = 5_000,
    observer = noObserver,
    requestTimeoutMs = 60_000,
    requestIds = true,
    pings,
    tls,
    toStatus,
    patience,
  }: NativeServerHostOptions,
  beginForwardCall?: BeginForwardCall,
): NativeServerHost {
  const watch = new ConnectionWatch({ ...serverPatience, ...patience }, { pingsIdle: true });
  const methods = new Map<string, HostedMethod>();
  const connections = new Set<Http2Connection>();
  const timers = new TimerWheel();
  const requestWatch = new RequestWatch(timers, requestTimeoutMs);
  const tools: ServerCallTools = { maxReceiveBytes, toStatus, timers, requestWatch, observer, requestIds };
  const listener = createListener({ tls, maxConnections, maxConnectionsPerAddress, observer }, accept);
  let begins: ((call: ForwardStart) => StreamEvents | undefined) | undefined;
  let draining = false;
  let drained: Promise<void> | undefined;

  function accept(socket: Socket, from: ConnectionPeer): void {
    const { address: peer } = from;
    const firstBytes = new FirstBytes();
    const connection = new Http2Connection(
      socket,
      {
        role: 'server',
        maxConcurrentStreams,
        maxHeaderListBytes: 16 * 1024,
        streamWindowBytes: 256 * 1024,
        connectionWindowBytes: 1024 * 1024,
        pings,
      },
      {
        begin: (chunk) => firstBytes.add(chunk),
        request: (stream, head) => begin(stream, head, from),
        refused: (head, reason) => observer.callRefused({ peer, path: callHeadOf(head).path, reason }),
        gaveUp: ({ reason, message, cause }, counts) =>
          observer.connectionEnded({ peer, reason, problem: message, counts, ...(cause !== undefined && { cause }) }),
        closed() {
          connections.delete(connection);
          watch.remove(connection);
        },
      },
    );
    from.leave = () => connection.refuseFurther();
    connections.add(connection);
    watch.add(connection);
    if (draining) connection.drain();
  }

  function begin(stream: Http2Stream, head: MessageHead, from: ConnectionPeer): StreamEvents {
    const { address: peer } = from;
    const request = callHeadOf(head);
    const { path, httpRefusal } = request;
    if (httpRefusal !== undefined && !head.list.tooLarge) {
      observer.callRefused({ peer, path, reason: httpRefusal.reason });
      return refuseHttp(stream, requestIds ? requestIdIn(head) : undefined, httpRefusal);
    }
    const hosted = methods.get(path);
    const refusal =
      hosted === undefined && begins === undefined && !head.list.tooLarge
        ? unknownPath(path)
        : refusalOf(head, request, hosted === undefined);
    if (refusal !== undefined) return refuseCall(stream, head, peer, refusal);
    if (request.expectsContinue) stream.sendInformation(continueHeader);
    if (hosted === undefined) return forward(stream, head, from);
    const start = { stream, head, request, from };
    return hosted.streamsRequests
      ? new ManyRequestsCall(hosted, start, tools)
      : new OneRequestCall(hosted, start, tools);
  }

  function refuseCall(stream: Http2Stream, head: MessageHead, peer: string, refusal: CallRefusal): StreamEvents {
    const { path } = callHeadOf(head);
    observer.callRefused({ peer, path, reason: refusal.reason });
    const requestId = requestIdIn(head);
    return refuse(
      stream,
      requestIds ? requestId : undefined,
      toStatus(refusal.error, { path, requestId, otherBytes: 0 }),
    );
  }

  function forward(stream: Http2Stream, head: MessageHead, from: ConnectionPeer): StreamEvents {
    const { path, timeoutMs } = callHeadOf(head);
    const requestId = requestIdIn(head);
    const call = begins?.({ stream, head, path, from, requestId, timeoutMs });
    return call ?? refuseCall(stream, head, from.address, unknownPath(path));
  }

  async function drain(graceMs: number): Promise<void> {
    draining = true;
    const closed = listener.close();
    for (const connection of connections) connection.drain();
    const silent = setTimeout(() => {
      for (const connection of connections) if (!connection.settled) connection.destroy();
    }, drainHandshakeMs);
    silent.unref();
    const over = setTimeout(() => {
      for (const connection of connections) connection.destroy();
      listener.destroyAll();
    }, graceMs);
    over.unref();
    await closed;
    clearTimeout(silent);
    clearTimeout(over);
  }

  return {
    get openConnections() {
      return listener.openConnections;
    },
    add(method, handler) {
      methods.set(method.path, hostedMethod({ method, handler } as Pick<HostedMethod, 'method' | 'handler'>));
    },
    ...(beginForwardCall && {
      forward(forwarder) {
        begins = (start) => beginForwardCall(start, tools, forwarder);
      },
    }),
    get boundAddress() {
      return listener.boundAddress;
    },
    cancel() {
      draining = true;
      void listener.close();
      for (const connection of connections) connection.refuseFurther(true);
    },
    listen: (address, setting) => listener.listen(address, setting),
    drain(graceMs) {
      drained ??= drain(graceMs);
      return drained;
    },
  };
}

function hostedMethod({ method, handler }: Pick<HostedMethod, 'method' | 'handler'>): HostedMethod {
  const { kind } = handler;
  return {
    method,
    handler,
    streamsRequests: kind === 'client-streaming' || kind === 'bidi-streaming',
    streamsReplies: kind === 'server-streaming' || kind === 'bidi-streaming',
  };
}

function requestIdIn({ list }: MessageHead): string {
  return requestIdOf(fieldValue(list.fields, requestIdKey));
}
