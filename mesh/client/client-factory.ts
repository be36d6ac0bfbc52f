import type { CompatServiceDefinition } from 'nice-grpc';
import type { ServiceContract } from '../contract/contract.ts';
import { fullNameOf } from '../contract/full-name.ts';
import type { Engine, Transport } from '../engines/engine.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { createClient, type MeshClient } from './create-client.ts';
import { createTargets } from './targets.ts';

/** What the clients of a process are made with. */
export interface ClientFactoryOptions {
  readonly engine: Pick<Engine, 'connect'>;
  /** Where a service is: from its full name (`user.v1.UserService`) to `host:port`. Asked before each try. */
  readonly resolve: (service: string) => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes the clients of a process. Those of one service share its breakers and retry budget; all share connections. */
export interface ClientFactory {
  client<Definition extends CompatServiceDefinition>(contract: ServiceContract<Definition>): MeshClient<Definition>;
  /** Closes the connections; calls begun later fail with UNAVAILABLE. */
  close(): void;
}

/** A factory without connections: there is one to each address, made with the first call that goes there. */
export function createClientFactory({ engine, resolve, clock, logger }: ClientFactoryOptions): ClientFactory {
  const targets = createTargets({ clock, logger });
  const transports = new Map<string, Transport>();
  let closed = false;

  const connect = (address: string) => {
    const transport = engine.connect(address);
    transports.set(address, transport);
    // Its calls then fail as those of all others.
    if (closed) transport.close();
    return transport;
  };
  return {
    client<Definition extends CompatServiceDefinition>(contract: ServiceContract<Definition>) {
      const fullName = fullNameOf(contract);
      const pick = () => {
        const address = resolve(fullName);
        return transports.get(address) ?? connect(address);
      };
      return createClient({ contract, pick, target: targets.get(fullName), clock });
    },
    close() {
      closed = true;
      targets.close();
      for (const transport of transports.values()) transport.close();
    },
  };
}
