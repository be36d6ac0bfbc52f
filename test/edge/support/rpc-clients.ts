import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, type Message } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { type CallOptions, createClient, type Transport } from '@connectrpc/connect';
import {
  compressionGzip,
  createConnectTransport as createNodeTransport,
  createGrpcWebTransport as createNodeWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { onTestFinished } from 'vitest';
import { contractDescriptors } from '../../../mesh/contract/declared-services.ts';

export const contracts = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(contractDescriptors)));

interface UserMessage extends Message {
  readonly id: string;
  readonly name: string;
}

type NewUser = { readonly id: string; readonly name: string; readonly email: string };

/** The user service by a client of `@connectrpc/connect`. */
export interface UserClient {
  createUser(request: { readonly user: NewUser }, options?: CallOptions): Promise<UserMessage>;
  getUser(request: { readonly id: string }, options?: CallOptions): Promise<UserMessage>;
  listUsers(request: { readonly afterId?: string }, options?: CallOptions): AsyncIterable<UserMessage>;
  importUsers(
    requests: AsyncIterable<{ readonly user: NewUser }>,
    options?: CallOptions,
  ): Promise<Message & { readonly imported: bigint; readonly failures: readonly { readonly reason: string }[] }>;
}

const transports = {
  'Connect with JSON': (baseUrl: string) => createConnectTransport({ baseUrl }),
  'Connect with GET': (baseUrl: string) => createConnectTransport({ baseUrl, useBinaryFormat: true, useHttpGet: true }),
  'gRPC-Web': (baseUrl: string) => createGrpcWebTransport({ baseUrl }),
  'Connect with gzip': (baseUrl: string) => createNodeTransport({ ...gzip, baseUrl, httpVersion: '1.1' }),
  'Connect over HTTP/2': (baseUrl: string) => createNodeTransport({ ...http2(baseUrl), useBinaryFormat: false }),
  'gRPC-Web over HTTP/2': (baseUrl: string) => createNodeWebTransport({ ...gzip, ...http2(baseUrl) }),
} satisfies Record<string, (baseUrl: string) => Transport>;

export type RpcProtocol = keyof typeof transports;
export const rpcProtocols = Object.keys(transports) as RpcProtocol[];

const gzip = { sendCompression: compressionGzip, acceptCompression: [compressionGzip], compressMinBytes: 0 };

/** Prior knowledge, on a connection that ends with the test. */
function http2(baseUrl: string) {
  const sessionManager = new Http2SessionManager(baseUrl);
  onTestFinished(() => sessionManager.abort());
  return { baseUrl, httpVersion: '2', sessionManager } as const;
}

/** Returns a client of the user service at `host:port`, until the end of the test. */
export function userClient(address: string, protocol: RpcProtocol): UserClient {
  const service = contracts.getService('user.v1.UserService');
  if (service === undefined) throw new Error('the contracts have no user service');
  // The types of its methods are not known to the compiler.
  return createClient(service, transports[protocol](`http://${address}`)) as unknown as UserClient;
}
