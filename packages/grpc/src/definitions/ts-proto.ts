import type { AnyMethodDefinition, MethodDefinition, ServiceDefinition } from './method-definition.ts';

/** A service as ts-proto generates it with `outputServices=generic-definitions`. */
export type TsProtoServiceDefinition = {
  name: string;
  fullName: string;
  methods: {
    [method: string]: TsProtoMethodDefinition<unknown, unknown>;
  };
};

export type TsProtoMethodDefinition<Request, Response> = {
  name: string;
  requestType: TsProtoMessageType<Request>;
  requestStream: boolean;
  responseType: TsProtoMessageType<Response>;
  responseStream: boolean;
  options: {
    idempotencyLevel?: 'IDEMPOTENT' | 'NO_SIDE_EFFECTS';
    _unknownFields?: object;
  };
};

export type TsProtoMessageType<Message> = {
  encode(message: Message): { finish(): Uint8Array };
  decode(input: Uint8Array): Message;
  fromPartial?(object: unknown): Message;
};

/** What an encoder accepts: with `fromPartial`, fields may be left out. */
type TsProtoMessageIn<Type extends TsProtoMessageType<unknown>> = Type['fromPartial'] extends (object: never) => unknown
  ? Parameters<Type['fromPartial']>[0]
  : Type extends TsProtoMessageType<infer Message>
    ? Message
    : never;

export type FromTsProtoServiceDefinition<Service extends TsProtoServiceDefinition> = {
  [Method in keyof Service['methods']]: FromTsProtoMethodDefinition<Service['methods'][Method]>;
};

type FromTsProtoMethodDefinition<Method> =
  Method extends TsProtoMethodDefinition<infer Request, infer Response>
    ? MethodDefinition<
        TsProtoMessageIn<Method['requestType']>,
        Request,
        TsProtoMessageIn<Method['responseType']>,
        Response,
        Method['requestStream'],
        Method['responseStream']
      >
    : never;

export function isTsProtoServiceDefinition(definition: object): definition is TsProtoServiceDefinition {
  return 'name' in definition && 'fullName' in definition && 'methods' in definition;
}

export function fromTsProtoServiceDefinition({ fullName, methods }: TsProtoServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]): [string, AnyMethodDefinition] => [
      name,
      {
        path: `/${fullName}/${method.name}`,
        requestStream: method.requestStream,
        responseStream: method.responseStream,
        requestSerialize: encoderOf(method.requestType),
        requestDeserialize: method.requestType.decode,
        responseSerialize: encoderOf(method.responseType),
        responseDeserialize: method.responseType.decode,
        options: method.options,
      },
    ]),
  );
}

function encoderOf({ encode, fromPartial }: TsProtoMessageType<unknown>): (message: unknown) => Uint8Array {
  return fromPartial ? (message) => encode(fromPartial(message)).finish() : (message) => encode(message).finish();
}
