import type { CallContext } from 'nice-grpc-common';
import type {
  AnyMethodDefinition,
  MethodRequestOut,
  MethodResponseIn,
  ServiceDefinition,
} from '../definitions/method-definition.ts';
import type { CompatServiceDefinition, NormalizedServiceDefinition } from '../definitions/service-definition.ts';

/** The handlers of a service. `CallContextExt`: what middleware adds to their context. */
export type ServiceImplementation<
  Service extends CompatServiceDefinition,
  CallContextExt = object,
> = RawServiceImplementation<NormalizedServiceDefinition<Service>, CallContextExt>;

export type RawServiceImplementation<Service extends ServiceDefinition, CallContextExt = object> = {
  [Method in keyof Service]: MethodImplementation<Service[Method], CallContextExt>;
};

/** The handler of a method, by its kind. */
export type MethodImplementation<
  Definition extends AnyMethodDefinition,
  CallContextExt = object,
> = Definition['requestStream'] extends false
  ? Definition['responseStream'] extends false
    ? UnaryMethodImplementation<MethodRequestOut<Definition>, MethodResponseIn<Definition>, CallContextExt>
    : Definition['responseStream'] extends true
      ? ServerStreamingMethodImplementation<MethodRequestOut<Definition>, MethodResponseIn<Definition>, CallContextExt>
      : never
  : Definition['requestStream'] extends true
    ? Definition['responseStream'] extends false
      ? ClientStreamingMethodImplementation<MethodRequestOut<Definition>, MethodResponseIn<Definition>, CallContextExt>
      : Definition['responseStream'] extends true
        ? BidiStreamingMethodImplementation<MethodRequestOut<Definition>, MethodResponseIn<Definition>, CallContextExt>
        : never
    : never;

export type UnaryMethodImplementation<Request, Response, CallContextExt = object> = (
  request: Request,
  context: CallContext & CallContextExt,
) => Promise<Response>;

export type ServerStreamingMethodImplementation<Request, Response, CallContextExt = object> = (
  request: Request,
  context: CallContext & CallContextExt,
) => ServerStreamingMethodResult<Response>;

export type ClientStreamingMethodImplementation<Request, Response, CallContextExt = object> = (
  request: AsyncIterable<Request>,
  context: CallContext & CallContextExt,
) => Promise<Response>;

export type BidiStreamingMethodImplementation<Request, Response, CallContextExt = object> = (
  request: AsyncIterable<Request>,
  context: CallContext & CallContextExt,
) => ServerStreamingMethodResult<Response>;

/** The responses of a stream. */
export type ServerStreamingMethodResult<Response> = {
  [Symbol.asyncIterator](): AsyncIterator<Response, void>;
};
