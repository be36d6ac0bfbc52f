import type { CallOptions } from 'nice-grpc-common';
import type {
  AnyMethodDefinition,
  MethodRequestIn,
  MethodResponseOut,
  ServiceDefinition,
} from '../definitions/method-definition.ts';
import type { CompatServiceDefinition, NormalizedServiceDefinition } from '../definitions/service-definition.ts';

/** The methods of a service. `CallOptionsExt`: the options that middleware adds. */
export type Client<Service extends CompatServiceDefinition, CallOptionsExt = object> = RawClient<
  NormalizedServiceDefinition<Service>,
  CallOptionsExt
>;

export type RawClient<Service extends ServiceDefinition, CallOptionsExt = object> = {
  [Method in keyof Service]: ClientMethod<Service[Method], CallOptionsExt>;
};

/** A method of a client, by its kind. */
export type ClientMethod<
  Definition extends AnyMethodDefinition,
  CallOptionsExt = object,
> = Definition['requestStream'] extends false
  ? Definition['responseStream'] extends false
    ? UnaryClientMethod<MethodRequestIn<Definition>, MethodResponseOut<Definition>, CallOptionsExt>
    : Definition['responseStream'] extends true
      ? ServerStreamingClientMethod<MethodRequestIn<Definition>, MethodResponseOut<Definition>, CallOptionsExt>
      : never
  : Definition['requestStream'] extends true
    ? Definition['responseStream'] extends false
      ? ClientStreamingClientMethod<MethodRequestIn<Definition>, MethodResponseOut<Definition>, CallOptionsExt>
      : Definition['responseStream'] extends true
        ? BidiStreamingClientMethod<MethodRequestIn<Definition>, MethodResponseOut<Definition>, CallOptionsExt>
        : never
    : never;

export type UnaryClientMethod<Request, Response, CallOptionsExt = object> = (
  request: Request,
  options?: CallOptions & CallOptionsExt,
) => Promise<Response>;

export type ServerStreamingClientMethod<Request, Response, CallOptionsExt = object> = (
  request: Request,
  options?: CallOptions & CallOptionsExt,
) => AsyncIterable<Response>;

export type ClientStreamingClientMethod<Request, Response, CallOptionsExt = object> = (
  request: AsyncIterable<Request>,
  options?: CallOptions & CallOptionsExt,
) => Promise<Response>;

export type BidiStreamingClientMethod<Request, Response, CallOptionsExt = object> = (
  request: AsyncIterable<Request>,
  options?: CallOptions & CallOptionsExt,
) => AsyncIterable<Response>;
