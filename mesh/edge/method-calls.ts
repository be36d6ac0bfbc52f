import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  type Registry,
  toBinary,
} from '@bufbuild/protobuf';
import type { TsProtoServiceDefinition } from 'nice-grpc';
import type { MeshCallOptions } from '../client/calls.ts';
import type { ClientFactory } from '../client/client-factory.ts';
import type { MethodContract, ServiceContract } from '../contract/contract.ts';
import { accessOf } from '../contract/policy/access.ts';
import { type CallPolicy, readPolicy } from '../contract/policy/policy.ts';
import { serviceNameOf } from '../discovery/discovery.ts';
import { serviceAbsent } from './errors.ts';

/** A method of a contract, as the edge calls it: with the messages of `@bufbuild/protobuf`. */
export interface CallableMethod {
  /** `/user.v1.UserService/GetUser`. */
  readonly path: string;
  /** `user.v1.UserService`. */
  readonly contract: string;
  readonly policy: CallPolicy;
  /** Whether callers need no token. */
  readonly isForAnyone: boolean;
  /**
   * Whether its calls end when the token of their caller expires: streams that change nothing. Of a change, only the
   * requests end.
   */
  readonly endsWithToken: boolean;
  /**
   * Makes a unary call. A change without a request id gets one. Rejects with a CallError, and with UNAVAILABLE `NO_ENDPOINTS` if
   * no service of the mesh has the contract.
   */
  unary(request: Message, options?: MeshCallOptions): Promise<Message>;
  /** Makes a server-streaming call. Its errors are those of `unary`. */
  serverStreaming(request: Message, options?: MeshCallOptions): AsyncIterable<Message>;
  /** Makes a client-streaming call. Its errors are those of `unary`, and what `requests` throws. */
  clientStreaming(requests: AsyncIterable<Message>, options?: MeshCallOptions): Promise<Message>;
  /** Makes a bidirectional call. Its errors are those of `clientStreaming`. */
  bidiStreaming(requests: AsyncIterable<Message>, options?: MeshCallOptions): AsyncIterable<Message>;
}

/** How to call the methods of all contracts, through a client of the mesh. */
export interface MethodCalls {
  /** Returns how to call a method; the same for the same method. */
  methodOf(method: DescMethod): CallableMethod;
}

export interface MethodCallsOptions {
  /** The contracts, with the options of `mesh.v1`. */
  readonly registry: Registry;
  readonly client: ClientFactory['client'];
  /** Whether the contract's service is in this process or known to discovery. */
  readonly has: (contract: string) => boolean;
}

type Call = (request: Message | AsyncIterable<Message>, options?: MeshCallOptions) => unknown;

/**
 * Creates the calls of methods. Deadlines, retries, breakers and balancing are those of any client of the mesh; the
 * policies are read from the options of the methods.
 */
export function createMethodCalls({ registry, client, has }: MethodCallsOptions): MethodCalls {
  const clients = new Map<DescService, Readonly<Record<string, Call>>>();
  const methods = new Map<DescMethod, CallableMethod>();

  const clientOf = (service: DescService) => {
    let known = clients.get(service);
    if (known === undefined) {
      // Its shape is that of the definition, which is known at run time only.
      known = client(contractOf(service, registry), {}, 'edge') as unknown as Readonly<Record<string, Call>>;
      clients.set(service, known);
    }
    return known;
  };

  const bind = (method: DescMethod): CallableMethod => {
    const contract = method.parent.typeName;
    const call = clientOf(method.parent)[method.localName] as Call;
    const assertPresent = () => {
      if (!has(contract)) throw serviceAbsent({ service: serviceNameOf(contract) });
    };
    const once = async (request: Message | AsyncIterable<Message>, options?: MeshCallOptions) => {
      assertPresent();
      return (await call(request, options)) as Message;
    };
    const many = (request: Message | AsyncIterable<Message>, options?: MeshCallOptions) => {
      assertPresent();
      return call(request, options) as AsyncIterable<Message>;
    };
    const policy = readPolicy(method, registry);
    return {
      path: `/${contract}/${method.name}`,
      contract,
      policy,
      isForAnyone: accessOf(method, registry)?.anyone ?? false,
      endsWithToken: method.methodKind !== 'unary' && policy.idempotency === 'no-side-effects',
      unary: once,
      serverStreaming: many,
      clientStreaming: once,
      bidiStreaming: many,
    };
  };

  return {
    methodOf(method) {
      const known = methods.get(method) ?? bind(method);
      methods.set(method, known);
      return known;
    },
  };
}

/** Returns the contract of a service whose messages are those of `@bufbuild/protobuf`. The server validates. */
export function contractOf(service: DescService, registry: Registry): ServiceContract<TsProtoServiceDefinition> {
  const definitions = service.methods.map((method) => [method.localName, definitionOf(method)] as const);
  const policies = service.methods.map((method) => {
    const policy: MethodContract = { ...readPolicy(method, registry), validate: () => [] };
    return [method.localName, policy] as const;
  });
  return {
    definition: {
      name: service.name,
      fullName: service.typeName,
      methods: Object.fromEntries(definitions),
    },
    methods: Object.fromEntries(policies),
  };
}

function definitionOf({ name, methodKind, input, output }: DescMethod): TsProtoServiceDefinition['methods'][string] {
  return {
    name,
    requestType: typeOf(input),
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseType: typeOf(output),
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    options: {},
  };
}

function typeOf(schema: DescMessage): TsProtoServiceDefinition['methods'][string]['requestType'] {
  return {
    encode: (message: Message) => ({ finish: () => toBinary(schema, message) }),
    decode: (bytes: Uint8Array) => fromBinary(schema, bytes),
    // A whole message stays as it is.
    fromPartial: (message: object) => ('$typeName' in message ? message : create(schema, { ...message })),
  };
}
