import type { MethodDefinition } from '../index.ts';

/** A message. nice-grpc allows only objects. */
export interface Text {
  readonly text: string;
}

type TextMethod<RequestStream extends boolean, ResponseStream extends boolean> = MethodDefinition<
  Text,
  Text,
  Text,
  Text,
  RequestStream,
  ResponseStream
>;

function textMethod<RequestStream extends boolean, ResponseStream extends boolean>(
  name: string,
  requestStream: RequestStream,
  responseStream: ResponseStream,
): TextMethod<RequestStream, ResponseStream> {
  const serialize = ({ text }: Text) => Buffer.from(text);
  const deserialize = (bytes: Uint8Array) => ({ text: Buffer.from(bytes).toString() });
  return {
    path: `/test.v1.Texts/${name}`,
    requestStream,
    responseStream,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
    options: {},
  };
}

/** A service whose messages are text, in the form of grpc-js and nice-grpc. */
export const Texts = {
  one: textMethod('One', false, false),
  many: textMethod('Many', false, true),
  join: textMethod('Join', true, false),
  echo: textMethod('Echo', true, true),
};
