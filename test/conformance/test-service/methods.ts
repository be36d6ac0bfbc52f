import { loadSync, type MethodDefinition, type PackageDefinition } from '@grpc/proto-loader';
import type { EngineMethod, MethodKind } from '../../../mesh/engines/engine.ts';
import { testProtoFolder } from '../../../mesh/testing/servers/grpc-java.ts';
import type * as m from './messages.ts';

/** The methods of `grpc.testing.TestService`, and one of an unimplemented service. */
export interface TestMethods {
  readonly emptyCall: EngineMethod<m.Empty, m.Empty>;
  readonly unaryCall: EngineMethod<m.SimpleRequest, m.SimpleResponse>;
  readonly streamingOutputCall: EngineMethod<m.StreamingOutputCallRequest, m.StreamingOutputCallResponse>;
  readonly streamingInputCall: EngineMethod<m.StreamingInputCallRequest, m.StreamingInputCallResponse>;
  readonly fullDuplexCall: EngineMethod<m.StreamingOutputCallRequest, m.StreamingOutputCallResponse>;
  readonly halfDuplexCall: EngineMethod<m.StreamingOutputCallRequest, m.StreamingOutputCallResponse>;
  /** In the contract, but not implemented by any server. */
  readonly unimplementedCall: EngineMethod<m.Empty, m.Empty>;
  readonly unimplementedServiceCall: EngineMethod<m.Empty, m.Empty>;
}

/** Loads the contract installed by `make deps`. */
export function loadTestMethods(): TestMethods {
  const contract = loadSync('grpc/testing/test.proto', { includeDirs: [testProtoFolder], enums: String });
  const method = <Request, Response>(name: string, service = 'TestService') =>
    engineMethod<Request, Response>(definitionOf(contract, service, name));
  return {
    emptyCall: method('EmptyCall'),
    unaryCall: method('UnaryCall'),
    streamingOutputCall: method('StreamingOutputCall'),
    streamingInputCall: method('StreamingInputCall'),
    fullDuplexCall: method('FullDuplexCall'),
    halfDuplexCall: method('HalfDuplexCall'),
    unimplementedCall: method('UnimplementedCall'),
    unimplementedServiceCall: method('UnimplementedCall', 'UnimplementedService'),
  };
}

type Definition = MethodDefinition<object, object>;

function definitionOf(contract: PackageDefinition, service: string, name: string): Definition {
  const methods = contract[`grpc.testing.${service}`] as Readonly<Record<string, Definition>> | undefined;
  const definition = methods?.[name];
  if (!definition) throw new Error(`${testProtoFolder} has no ${service}.${name}: run "make deps"`);
  return definition;
}

function engineMethod<Request, Response>(definition: Definition): EngineMethod<Request, Response> {
  return {
    path: definition.path,
    kind: kindOf(definition),
    encodeRequest: (message) => definition.requestSerialize(message as object),
    decodeRequest: (bytes) => definition.requestDeserialize(toBuffer(bytes)) as Request,
    encodeResponse: (message) => definition.responseSerialize(message as object),
    decodeResponse: (bytes) => definition.responseDeserialize(toBuffer(bytes)) as Response,
  };
}

function kindOf({ requestStream, responseStream }: Definition): MethodKind {
  if (requestStream) return responseStream ? 'bidi-streaming' : 'client-streaming';
  return responseStream ? 'server-streaming' : 'unary';
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
