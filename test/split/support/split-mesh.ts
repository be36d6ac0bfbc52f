import { endpointsByAddress } from '../../../mesh/balancing/endpoint-source.ts';
import { type ClientFactory, createClientFactory } from '../../../mesh/client/client-factory.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import { engineOfRun } from '../../../mesh/testing/engine-of-run.ts';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { systemClock } from '../../../mesh/time/clock.ts';
import { createOutput } from '../../../scripts/split/output.ts';
import { parseReplicas } from '../../../scripts/split/plan.ts';
import { planOnFreePorts } from '../../../scripts/split/run.ts';
import { createSupervisor, type Supervisor } from '../../../scripts/split/supervisor.ts';
import { runnableServices } from '../../../services/all.ts';
import type { RealServers } from '../../support/real-servers.ts';

/** A mesh of many processes on real servers, with a door. What dies starts again. */
export interface SplitMesh extends AsyncDisposable {
  readonly supervisor: Supervisor;
  /** Calls through the door. */
  readonly client: ClientFactory['client'];
  /** The lines of the log that are JSON objects, of all processes. */
  log(): readonly LogLine[];
}

export interface LogLine {
  /** `order-1`. */
  readonly process: string;
  readonly level: string;
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface SplitMeshOptions {
  readonly servers: RealServers;
  readonly dataDir: string;
  /** As `REPLICAS`: `1,order=2`. */
  readonly replicas: string;
  /** Settings of all processes. */
  readonly environment: Readonly<Record<string, string>>;
}

const door = 'gateway';

/** Starts all services, as `make start-split` does. Resolves when all serve. */
export async function startSplitMesh(options: SplitMeshOptions): Promise<SplitMesh> {
  const { servers, dataDir, environment } = options;
  const services = runnableServices.map(({ name }) => name);
  const replicas = parseReplicas(options.replicas, services);
  if (typeof replicas === 'string') throw new TypeError(replicas);
  const doorAddress = `127.0.0.1:${await freePort()}`;
  const { DATABASE_URL: database = '', EVENTS_URL: events = '', TASKS_URL: tasks = '' } = servers.settings();
  const plan = await planOnFreePorts({
    services: services.filter((name) => name !== door),
    door,
    doorAddress,
    replicas,
    dataDir,
    servers: { database, events, tasks },
  });
  let text = '';
  const write = (written: string) => {
    text += written;
  };
  const supervisor = createSupervisor({
    plan: plan.map((planned) => ({ ...planned, environment: { ...planned.environment, ...environment } })),
    // The doors of several processes share a socket of this process. One door has a socket of its own.
    door: undefined,
    output: createOutput({ write, isJson: true, level: 'warn' }),
    drainTimeoutMs: 5_000,
  });
  const clients = createClientFactory({
    endpoints: endpointsByAddress(engineOfRun, () => doorAddress),
    clock: systemClock,
    logger: createLogger('fatal'),
  });
  const mesh: SplitMesh = {
    supervisor,
    client: clients.client,
    log: () => text.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : [])),
    async [Symbol.asyncDispose]() {
      clients.close();
      supervisor.kill();
      await supervisor.stop();
    },
  };
  try {
    await supervisor.start();
  } catch (error) {
    await mesh[Symbol.asyncDispose]();
    throw new Error(`the split mesh did not start:\n${text}`, { cause: error });
  }
  return mesh;
}
