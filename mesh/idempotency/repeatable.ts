import type { Codec, RepeatableMethod } from './idempotency.ts';

/** A method as ts-proto generates it. */
interface GeneratedMethod<Request, Response> {
  readonly name: string;
  readonly requestType: Codec<Request>;
  readonly responseType: Codec<Response>;
}

/** What idempotency has to know of a method, from the service definition that ts-proto generates. */
export function repeatable<Request, Response>(
  service: { readonly fullName: string },
  method: GeneratedMethod<Request, Response>,
): RepeatableMethod<Request, Response> {
  return {
    path: `/${service.fullName}/${method.name}`,
    requestType: method.requestType,
    responseType: method.responseType,
  };
}
