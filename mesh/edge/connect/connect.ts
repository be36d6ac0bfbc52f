import type { DescMethod, FileRegistry } from '@bufbuild/protobuf';
import { createConnectRouter } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { compressionGzip } from '@connectrpc/connect-node';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { MethodKind } from '../../engines/engine.ts';
import type { OpenStream } from '../../server/forwarding/end-idle-streams.ts';
import type { Admission } from '../../server/policies/admission/admission.ts';
import { methodNotAllowed } from '../errors.ts';
import type { Identify } from '../identify.ts';
import { MessageReaders } from '../json/message-readers.ts';
import type { CallableMethod, MethodCalls } from '../method-calls.ts';
import type { KeysInUse } from '../semantics/keys-in-use.ts';
import { compileIdentity } from '../semantics/request-identity.ts';
import { addVary } from '../semantics/vary.ts';
import { grpcOverHttp, unknownRpcType } from './errors.ts';
import { addMethod } from './implement.ts';
import { bodyForm, type MessageForm, mediaTypesOf, queryForm } from './message-form.ts';
import { addStream } from './open-stream.ts';
import { encodingOf, protocolRequest, timeoutMsOf } from './protocol-request.ts';
import { compileMessageReader, type MessageReader } from './read-message.ts';
import { type ExchangeOptions, RpcExchange } from './rpc-exchange.ts';
import { sendResponse, sendStream } from './send-response.ts';

export interface ConnectOptions extends Pick<ExchangeOptions, 'failed' | 'passesHeader'> {
  readonly registry: FileRegistry;
  readonly methods: MethodCalls;
  /** Returns the line in which the calls of a contract wait. */
  readonly admissionOf: (contract: string) => Admission;
  /** The changes in progress, also those of REST. */
  readonly keys: KeysInUse;
  readonly identify: Identify;
  /** The streams that are open, for the drain. */
  readonly streams: Set<OpenStream>;
  readonly maxMessageBytes: number;
}

/** A method, as Connect and gRPC-Web call it. */
export interface RpcEndpoint {
  readonly method: CallableMethod;
  /** Whether its requests are streams of messages, which may take as long as they like. */
  readonly takesStream: boolean;
  /** The HTTP methods that call it. */
  readonly verbs: readonly string[];
  /** Answers a request. Rejects with a MeshError if it is of neither protocol, so the answer has to be plain HTTP. */
  answer(request: FastifyRequest, reply: FastifyReply): Promise<void>;
}

// Health and reflection are those of a server, and not of the mesh.
const grpcPackage = /^grpc\./;
const grpcType = /^application\/grpc(?:$|[+; ])/i;

/**
 * Serves all methods of the contracts over Connect and gRPC-Web. Returns the endpoint of a path, `/user.v1.UserService/GetUser`;
 * `undefined` if no method has it.
 */
export function createConnect(options: ConnectOptions): (path: string) => RpcEndpoint | undefined {
  const { registry, methods, admissionOf, keys } = options;
  const router = createConnectRouter({
    grpc: false,
    acceptCompression: [compressionGzip],
    requireConnectProtocolHeader: true,
    jsonOptions: { registry, alwaysEmitImplicit: true },
  });
  for (const desc of methodsOf(registry)) {
    const method = methods.methodOf(desc);
    const identity = compileIdentity(desc, method, keys);
    addMethod(router, desc, { method, admission: admissionOf(method.contract), identity });
  }
  const readers = new MessageReaders(registry);
  const endpoints = new Map(
    router.handlers.map((handler): readonly [string, RpcEndpoint] => {
      const method = methods.methodOf(handler.method);
      const parts = { handler, method, readMessage: compileMessageReader(handler.method, readers), options };
      const takesStream = ['client_streaming', 'bidi_streaming'].includes(handler.method.methodKind);
      const traits = { method, takesStream, verbs: verbsOf(handler) };
      return [handler.requestPath, { ...traits, answer: (request, reply) => answer(request, reply, parts) }];
    }),
  );
  return (path) => endpoints.get(path);
}

function methodsOf(registry: FileRegistry): readonly DescMethod[] {
  const services = [...registry].filter((type) => type.kind === 'service');
  return services.filter(({ typeName }) => !grpcPackage.test(typeName)).flatMap(({ methods }) => methods);
}

interface EndpointParts {
  readonly handler: UniversalHandler;
  readonly method: CallableMethod;
  readonly readMessage: MessageReader;
  readonly options: ConnectOptions;
}

async function answer(request: FastifyRequest, reply: FastifyReply, parts: EndpointParts): Promise<void> {
  const { handler, method, readMessage, options } = parts;
  const { requestPath, method: desc } = handler;
  const { call, originalUrl } = request;
  const query = new URLSearchParams(/\?.*/s.exec(originalUrl)?.[0]);
  const form = formOf(request, query, handler);
  call.callMethod(method, timeoutMsOf(form, request) ?? method.policy.timeoutMs);
  const refused = await refusalOf(request, method, options.identify);
  const coding = { form, encoding: encodingOf(form, request, query), maxBytes: options.maxMessageBytes };
  const exchange = new RpcExchange(request, { ...options, coding, query, readMessage, refused });
  const kind = desc.methodKind.replace('_', '-') as MethodKind;
  if (kind !== 'unary') exchange.onMessage = addStream(options.streams, kind, call, reply);
  if (form.place === 'query') {
    await exchange.readQuery();
    addVary(reply, 'accept-encoding');
    // As of REST: a proxy must not give it to others, and nobody uses it without asking.
    reply.header('cache-control', 'private, no-cache');
  }
  const response = handler(protocolRequest(request, requestPath, coding, exchange));
  if (kind === 'unary' || kind === 'client-streaming') await sendResponse(reply, response);
  else await sendStream(reply, response, exchange.announced);
}

/**
 * Returns why a request is refused because of who sends it; `undefined`: it is not. Each protocol has its own
 * way to say so.
 */
async function refusalOf(request: FastifyRequest, method: CallableMethod, identify: Identify): Promise<unknown> {
  try {
    await identify(request, method);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The HTTP methods that call a method: HEAD is there wherever GET is (RFC 9110, 9.1). */
function verbsOf({ allowedMethods }: UniversalHandler): readonly string[] {
  return allowedMethods.includes('GET') ? [...allowedMethods, 'HEAD'] : allowedMethods;
}

/** Returns how a request carries its message. Throws `METHOD_NOT_ALLOWED` and `UNSUPPORTED_MEDIA_TYPE`. */
function formOf({ method, headers }: FastifyRequest, query: URLSearchParams, handler: UniversalHandler): MessageForm {
  const allow = verbsOf(handler);
  if (!allow.includes(method)) throw methodNotAllowed({ method, allow });
  const type = headers['content-type'] ?? '';
  if (grpcType.test(type)) throw grpcOverHttp();
  const isRead = method === 'GET' || method === 'HEAD';
  const form = isRead ? queryForm(query) : bodyForm(handler.method, type);
  if (form !== undefined) return form;
  const types = isRead ? ['encoding=json', 'encoding=proto'] : mediaTypesOf(handler.method);
  throw unknownRpcType({ types });
}
