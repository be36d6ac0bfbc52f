import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  Message,
} from '@bufbuild/protobuf';
import { ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import type { MeshCallOptions } from '../../client/calls.ts';
import type { Admission } from '../../server/policies/admission/admission.ts';
import type { CallableMethod } from '../method-calls.ts';
import type { RequestIdentity } from '../semantics/request-identity.ts';
import { returnMetadata } from './response-metadata.ts';
import { exchangeKey, type RpcExchange } from './rpc-exchange.ts';

/** The messages that the library has: empty ones, each in place of one of the exchange. */
type Placeholders = AsyncIterable<unknown>;

/** What the calls of a method need. */
export interface MethodParts {
  readonly method: CallableMethod;
  readonly admission: Admission;
  readonly identity: RequestIdentity;
}

/** Adds a method to the router: its calls are admitted, and made by the client of the mesh. */
export function addMethod(router: ConnectRouter, desc: DescMethod, { method, admission, identity }: MethodParts): void {
  switch (desc.methodKind) {
    case 'unary':
      router.rpc(desc as DescMethodUnary, (_placeholder, context) =>
        answerOnce(context, admission, 'once', (exchange, options) => {
          const message = exchange.message();
          const headers = identity.identify(message, exchange.headers);
          for (const [name, value] of Object.entries(headers)) context.responseHeader.set(name, value);
          return identity.run(message, exchange.headers, () => method.unary(message, options));
        }),
      );
      return;
    case 'client_streaming':
      router.rpc(desc as DescMethodClientStreaming, (placeholders, context) =>
        answerOnce(context, admission, 'streaming', (exchange, options) =>
          method.clientStreaming(requestsOf(exchange, placeholders), options),
        ),
      );
      return;
    case 'server_streaming':
      router.rpc(desc as DescMethodServerStreaming, (_placeholder, context) =>
        answerMany(context, admission, (exchange, options) => method.serverStreaming(exchange.message(), options)),
      );
      return;
    case 'bidi_streaming':
      router.rpc(desc as DescMethodBiDiStreaming, (placeholders, context) =>
        answerMany(context, admission, (exchange, options) =>
          method.bidiStreaming(requestsOf(exchange, placeholders), options),
        ),
      );
  }
}

async function answerOnce(
  context: HandlerContext,
  admission: Admission,
  work: 'once' | 'streaming',
  call: (exchange: RpcExchange, options: MeshCallOptions) => Promise<Message>,
): Promise<Message> {
  const exchange = exchangeOf(context);
  try {
    const place = await admission.enter(exchange.call, work);
    if (work === 'streaming') place.rest();
    try {
      return await call(exchange, optionsOf(exchange, context));
    } finally {
      place.leave();
    }
  } catch (error) {
    throw refusal(exchange, error);
  }
}

async function* answerMany(
  context: HandlerContext,
  admission: Admission,
  call: (exchange: RpcExchange, options: MeshCallOptions) => AsyncIterable<Message>,
): AsyncGenerator<Message, void> {
  const exchange = exchangeOf(context);
  try {
    const place = await admission.enter(exchange.call, 'streaming');
    // A stream costs nothing while nobody sends.
    place.rest();
    try {
      for await (const message of call(exchange, optionsOf(exchange, context))) {
        exchange.onMessage();
        yield message;
      }
    } finally {
      place.leave();
    }
  } catch (error) {
    throw refusal(exchange, error);
  }
}

function requestsOf(exchange: RpcExchange, placeholders: Placeholders): AsyncIterable<Message> {
  return exchange.call.permitted(messagesOf(exchange, placeholders));
}

async function* messagesOf(exchange: RpcExchange, placeholders: Placeholders): AsyncGenerator<Message, void> {
  for await (const _placeholder of placeholders) yield exchange.message();
}

/** What the library or the exchange has refused stays as it is. */
function refusal(exchange: RpcExchange, error: unknown): ConnectError {
  return error instanceof ConnectError ? error : exchange.refuse(error);
}

function exchangeOf({ values }: HandlerContext): RpcExchange {
  const exchange = values.get(exchangeKey);
  if (exchange === undefined) throw new TypeError('the request has no exchange');
  return exchange;
}

/** The options of the call. What its service sends as metadata becomes headers and trailers of the answer. */
function optionsOf(exchange: RpcExchange, { responseHeader, responseTrailer }: HandlerContext): MeshCallOptions {
  const { call, metadata } = exchange;
  const { deadlineMs } = call;
  return {
    metadata,
    onHeader: (header) => {
      returnMetadata(header, responseHeader);
      exchange.announce(responseHeader);
    },
    onTrailer: (trailer) => returnMetadata(trailer, responseTrailer),
    ...(deadlineMs !== undefined && { deadline: deadlineMs }),
  };
}
