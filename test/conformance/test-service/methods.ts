import type { EngineMethod } from '../../../mesh/engines/engine.ts';
import { testProtoFolder } from '../../../mesh/testing/servers/grpc-java.ts';
import { LoadedContract } from '../support/load-contract.ts';
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
  const contract = new LoadedContract(testProtoFolder, ['grpc/testing/test.proto'], { enums: String });
  const method = <Request, Response>(name: string, service = 'TestService') =>
    contract.method<Request, Response>(`grpc.testing.${service}`, name);
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
