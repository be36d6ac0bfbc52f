import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Metadata } from 'nice-grpc-common';
import type { EngineMethod } from '../../../mesh/engines/engine.ts';
import { connectProtoFolder } from '../../../mesh/testing/servers/go-tools.ts';
import { type Codec, LoadedContract } from '../support/load-contract.ts';
import type * as m from './messages.ts';

const packageName = 'connectrpc.conformance.v1';
const files = ['service', 'server_compat', 'client_compat'].map((name) => `connectrpc/conformance/v1/${name}.proto`);

/** The service of the suite, and the messages between its runner and the programs under test. */
export interface ConformanceContract {
  readonly unary: EngineMethod<m.UnaryRequest, m.ConformanceResponse>;
  readonly idempotentUnary: EngineMethod<m.UnaryRequest, m.ConformanceResponse>;
  readonly clientStream: EngineMethod<m.UnaryRequest, m.ConformanceResponse>;
  readonly serverStream: EngineMethod<m.StreamRequest, m.ConformanceResponse>;
  readonly bidiStream: EngineMethod<m.StreamRequest, m.ConformanceResponse>;
  /** No server implements it. */
  readonly unimplemented: EngineMethod<object, m.ConformanceResponse>;
  readonly payload: Codec<m.ConformancePayload>;
  readonly serverRequest: Codec<m.ServerCompatRequest>;
  readonly serverResponse: Codec<m.ServerCompatResponse>;
  readonly clientRequest: Codec<m.ClientCompatRequest>;
  readonly clientResponse: Codec<m.ClientCompatResponse>;
}

/** Loads the contract installed by `make deps`. */
export function loadConformanceContract(): ConformanceContract {
  const contract = new LoadedContract(connectProtoFolder, files, { arrays: true, longs: Number });
  const method = <Request>(name: string) =>
    contract.method<Request, m.ConformanceResponse>(`${packageName}.ConformanceService`, name);
  return {
    unary: method('Unary'),
    idempotentUnary: method('IdempotentUnary'),
    clientStream: method('ClientStream'),
    serverStream: method('ServerStream'),
    bidiStream: method('BidiStream'),
    unimplemented: method('Unimplemented'),
    payload: contract.message(`${packageName}.ConformancePayload`),
    serverRequest: contract.message(`${packageName}.ServerCompatRequest`),
    serverResponse: contract.message(`${packageName}.ServerCompatResponse`),
    clientRequest: contract.message(`${packageName}.ClientCompatRequest`),
    clientResponse: contract.message(`${packageName}.ClientCompatResponse`),
  };
}

/** A message of the package as `google.protobuf.Any`. */
export function anyOf(name: string, value: Uint8Array): m.AnyMessage {
  return { type_url: `type.googleapis.com/${packageName}.${name}`, value };
}

/** The request info as `google.protobuf.Any`. */
export function anyOfInfo({ payload }: ConformanceContract, requestInfo: m.RequestInfo): m.AnyMessage {
  // It is a message within another, which the loader does not offer.
  const reader = new BinaryReader(payload.encode({ requestInfo }));
  reader.tag();
  return anyOf('ConformancePayload.RequestInfo', reader.bytes());
}

export function addHeaders(metadata: Metadata, headers: readonly m.Header[]): void {
  for (const { name, value } of headers) {
    const isBinary = name.toLowerCase().endsWith('-bin');
    for (const text of value) metadata.append(name, isBinary ? new Uint8Array(Buffer.from(text, 'base64')) : text);
  }
}

export function metadataOf(headers: readonly m.Header[]): Metadata {
  const metadata = Metadata();
  addHeaders(metadata, headers);
  return metadata;
}

export function headersOf(metadata: Metadata): m.Header[] {
  return [...metadata].map(([name, values]) => ({ name, value: values.map(textOf) }));
}

function textOf(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('base64').replace(/=+$/, '');
}
