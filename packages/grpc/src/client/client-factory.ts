import { type CallOptions, type ClientMiddleware, composeClientMiddleware } from 'nice-grpc-common';
import type { Channel } from '../channel/channel.ts';
import type { ServiceDefinition } from '../definitions/method-definition.ts';
import {
  type CompatServiceDefinition,
  type NormalizedServiceDefinition,
  normalizeServiceDefinition,
} from '../definitions/service-definition.ts';
import type { Client } from './client.ts';
import { clientMethod } from './client-method.ts';

/** Creates clients with middleware. `CallOptionsExt`: the options that it adds. */
export type ClientFactory<CallOptionsExt = object> = {
  /** Returns a new factory with the middleware; the one that is attached first is invoked last. */
  use<Ext>(middleware: ClientMiddleware<Ext, CallOptionsExt>): ClientFactory<CallOptionsExt & Ext>;
  /** Creates a client. `defaultCallOptions`: by method, and for all of them under `'*'`. */
  create<Service extends CompatServiceDefinition>(
    definition: Service,
    channel: Channel,
    defaultCallOptions?: DefaultCallOptions<NormalizedServiceDefinition<Service>, CallOptionsExt>,
  ): Client<Service, CallOptionsExt>;
};

export type DefaultCallOptions<Service extends ServiceDefinition, CallOptionsExt = object> = {
  [Method in keyof Service | '*']?: CallOptions & Partial<CallOptionsExt>;
};

/** Returns a factory of clients, to which middleware can be attached. */
export function createClientFactory(): ClientFactory {
  return factoryWith(undefined);
}

/** Creates a client without middleware. */
export function createClient<Service extends CompatServiceDefinition>(
  definition: Service,
  channel: Channel,
  defaultCallOptions?: DefaultCallOptions<NormalizedServiceDefinition<Service>>,
): Client<Service> {
  return createClientFactory().create(definition, channel, defaultCallOptions);
}

function factoryWith<CallOptionsExt>(
  middleware: ClientMiddleware<CallOptionsExt> | undefined,
): ClientFactory<CallOptionsExt> {
  return {
    use<Ext>(added: ClientMiddleware<Ext, CallOptionsExt>) {
      if (middleware === undefined) return factoryWith(added as ClientMiddleware<CallOptionsExt & Ext>);
      return factoryWith<CallOptionsExt & Ext>(composeClientMiddleware(middleware, added));
    },
    create(definition, channel, defaultCallOptions) {
      const defaults = defaultCallOptions as Readonly<Record<string, CallOptions>> | undefined;
      const methods = Object.entries(normalizeServiceDefinition(definition)).map(([name, method]) => [
        name,
        clientMethod(method, channel, { middleware, defaults: { ...defaults?.['*'], ...defaults?.[name] } }),
      ]);
      return Object.fromEntries(methods);
    },
  };
}
