import { Metadata } from 'nice-grpc-common';
import { endpointsByAddress } from '../balancing/endpoint-source.ts';
import { type ClientFactory, createClientFactory } from '../client/client-factory.ts';
import { isLocal, parseAddress } from '../config/address.ts';
import type { Engine, Transport, TransportCall } from '../engines/engine.ts';
import { defaultEngine, engineByName } from '../engines/engines.ts';
import { fixedIdentity } from '../engines/tls/fixed-identity.ts';
import type { ClientTls } from '../engines/tls/tls-options.ts';
import { changeReasonKey, encodeChangeReason } from '../operator-actions/change-reason.ts';
import { createLogger, type LogLevel } from '../telemetry/logger.ts';
import { systemClock } from '../time/clock.ts';

export interface ProgramClientOptions {
  /** Default: the engine that services have by default. */
  readonly engine?: Engine;
  /** Of what is logged to standard error. Default: `warn`. */
  readonly logLevel?: LogLevel;
  /** Default: connections are not encrypted. */
  readonly tls?: ProgramTls | undefined;
  /**
   * A bearer token for each call, or what returns one: tokens expire. It is sent to other machines with `tls` only: otherwise nothing
   * is. Default: none.
   */
  readonly token?: string | (() => string) | undefined;
  /**
   * Why the program makes changes, up to 500 characters. Needed where the token gives the right to them by a role
   * alone. Default: what the metadata `request-reason` of a call says.
   */
  readonly reason?: string | undefined;
}

/** TLS of a program. PEM. */
export interface ProgramTls {
  /** The CA that signed the certificates of the services. */
  readonly ca: string;
  /** The certificate of the program and its key, for services that require one. Default: none. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * Returns the clients of a program that serves nothing, such as a job or a tool: all services are at `address`, or each contract
 * where it returns. Calls have deadlines, retries, breakers and fallbacks as those of a service. Throws a RangeError if the
 * address is not `host:port`, or a token would be sent without TLS.
 */
export async function createClients(
  address: string | ((contract: string) => string),
  { engine, logLevel = 'warn', tls, token, reason }: ProgramClientOptions = {},
): Promise<ClientFactory> {
  const resolve = typeof address === 'string' ? () => address : address;
  const { connect } = engine ?? (await engineByName(defaultEngine));
  const assertPrivate = (to: string) => {
    if (token === undefined || tls !== undefined || isLocal(to)) return;
    throw new RangeError(`a token is sent to ${to} with TLS only: give the CA of the mesh as tls.ca`);
  };
  if (typeof address === 'string') {
    if (parseAddress(address) === undefined) throw new RangeError(`invalid address "${address}": use <host>:<port>`);
    assertPrivate(address);
  }
  const tokenOf = typeof token === 'string' ? () => token : token;
  const dialed: Pick<Engine, 'connect'> = {
    connect(address, options) {
      assertPrivate(address);
      const transport = connect(address, options);
      return tokenOf === undefined ? transport : withMetadata(transport, () => metadataOf(tokenOf(), reason));
    },
  };
  const endpoints = endpointsByAddress(dialed, resolve, { tls: tls && clientTls(tls) });
  return createClientFactory({ endpoints, clock: systemClock, logger: createLogger(logLevel) });
}

function clientTls({ ca, cert, key }: ProgramTls): ClientTls {
  return cert === undefined || key === undefined ? { ca } : { identity: fixedIdentity({ ca, cert, key }) };
}

function metadataOf(token: string, reason: string | undefined): Readonly<Record<string, string>> {
  return {
    authorization: `Bearer ${token}`,
    ...(reason !== undefined && { [changeReasonKey]: encodeChangeReason(reason) }),
  };
}

/** Adds metadata to each call that has not set it itself. */
function withMetadata(transport: Transport, added: () => Readonly<Record<string, string>>): Transport {
  const add = (call: TransportCall): TransportCall => {
    const metadata = Metadata(call.metadata);
    for (const [key, value] of Object.entries(added())) if (!metadata.has(key)) metadata.set(key, value);
    return { ...call, metadata };
  };
  return {
    get lastReceivedMs() {
      return transport.lastReceivedMs;
    },
    unary: (method, request, call) => transport.unary(method, request, add(call)),
    serverStreaming: (method, request, call) => transport.serverStreaming(method, request, add(call)),
    clientStreaming: (method, requests, call) => transport.clientStreaming(method, requests, add(call)),
    bidiStreaming: (method, requests, call) => transport.bidiStreaming(method, requests, add(call)),
    close: () => transport.close(),
    abort: () => transport.abort(),
  };
}
