/** A method of a service: its path and the codecs of its messages. */
export type MethodDefinition<
  RequestIn,
  RequestOut,
  ResponseIn,
  ResponseOut,
  RequestStream extends boolean = boolean,
  ResponseStream extends boolean = boolean,
> = {
  /** `/package.Service/Method`. */
  path: string;
  requestStream: RequestStream;
  responseStream: ResponseStream;
  requestSerialize(value: RequestIn): Uint8Array;
  requestDeserialize(bytes: Uint8Array): RequestOut;
  responseSerialize(value: ResponseIn): Uint8Array;
  responseDeserialize(bytes: Uint8Array): ResponseOut;
  options: {
    idempotencyLevel?: 'IDEMPOTENT' | 'NO_SIDE_EFFECTS';
  };
};

/** A method with any messages. */
export type AnyMethodDefinition = MethodDefinition<unknown, unknown, unknown, unknown>;

/** The methods of a service, by their names in TypeScript. */
export type ServiceDefinition = {
  [method: string]: AnyMethodDefinition;
};

/** The request as a client passes it. */
export type MethodRequestIn<Definition extends AnyMethodDefinition> =
  Definition extends MethodDefinition<infer Message, unknown, unknown, unknown> ? Message : never;
/** The request as a handler gets it. */
export type MethodRequestOut<Definition extends AnyMethodDefinition> =
  Definition extends MethodDefinition<unknown, infer Message, unknown, unknown> ? Message : never;
/** The response as a handler returns it. */
export type MethodResponseIn<Definition extends AnyMethodDefinition> =
  Definition extends MethodDefinition<unknown, unknown, infer Message, unknown> ? Message : never;
/** The response as a client gets it. */
export type MethodResponseOut<Definition extends AnyMethodDefinition> =
  Definition extends MethodDefinition<unknown, unknown, unknown, infer Message> ? Message : never;
