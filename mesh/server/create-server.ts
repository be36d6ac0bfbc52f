import type { TsProtoServiceDefinition } from 'nice-grpc';
import type { ServedContract } from '../app/service.ts';
import type { Engine, ServerHostOptions } from '../engines/engine.ts';
import { engineMethods } from '../engines/engine-methods.ts';
import { toStatus } from '../errors/to-status.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createAccessLog } from './access-log.ts';
import { createAdmission } from './admission.ts';
import { type ChainTools, chain, type ServedMethod } from './chain.ts';

export interface ServerOptions extends Omit<ServerHostOptions, 'toStatus'> {
  readonly engine: Pick<Engine, 'createServerHost'>;
  readonly serves: readonly ServedContract[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A server of contracts, policies included. */
export interface Server {
  /** Listens on `host:port` (port 0: any) and resolves with the port. Rejects with a MeshError that names the address. */
  listen(address: string): Promise<number>;
  /** Refuses new calls, and resolves when those under way have ended or `graceMs` is over; then ends the rest. */
  drain(graceMs: number): Promise<void>;
}

/** Makes a server of `serves` on an engine. Every call passes the chain (`chain.ts`). */
export function createServer({ engine, serves, clock, logger, ...limits }: ServerOptions): Server {
  const admission = createAdmission();
  const tools: ChainTools = { clock, logger, admission, accessLog: createAccessLog(clock, logger) };
  const host = engine.createServerHost({ ...limits, toStatus: (error, path) => toStatus(error, path, logger) });
  for (const served of serves) {
    for (const [key, method] of engineMethods(served.contract.definition as TsProtoServiceDefinition)) {
      host.add(method, chain(servedMethod(served, key, method.kind), tools));
    }
  }
  return {
    listen: (address) => host.listen(address),
    drain: (graceMs) => {
      admission.close();
      return host.drain(graceMs);
    },
  };
}

function servedMethod({ contract, handlers }: ServedContract, key: string, kind: ServedMethod['kind']): ServedMethod {
  const methods: Readonly<Record<string, ServedMethod['contract'] | undefined>> = contract.methods;
  const methodContract = methods[key];
  const handler = handlers[key] as ServedMethod['handle'] | undefined;
  if (!methodContract || !handler) {
    throw new Error(
      `${contract.definition.name} has no ${methodContract ? 'handler' : 'contract'} of ${key}: every method needs both`,
    );
  }
  return { kind, contract: methodContract, handle: (input, context) => handler.call(handlers, input, context) };
}
