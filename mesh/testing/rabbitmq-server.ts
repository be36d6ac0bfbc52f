import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './guarded-process.ts';
import { installedRabbitmq, prepareNode, type RabbitmqNode, startNode } from './rabbitmq-node.ts';
import type { TestServer } from './servers.ts';

/** A RabbitMQ node of its own for a test file, on a free port of 127.0.0.1. */
export interface RabbitmqServer {
  /** `amqp://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** Ends it as a crash would; `start` brings it back. */
  kill(): Promise<void>;
  /** Starts it, on the same port with the same data, after `kill`; resolves when it takes connections. */
  start(): Promise<void>;
  /** Stops it as an operator would and starts it again. */
  restart(): Promise<void>;
  /** Lets it hang, with its connections open; returns how to let it continue. */
  hang(): () => void;
  /** Gives it a memory alarm; resolves with how to end that. */
  raiseAlarm(): Promise<() => Promise<void>>;
  /** Runs `rabbitmqctl` with these arguments. */
  control(...args: readonly string[]): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** RabbitMQ as it was found on this machine, for `describeWithServer`. */
export const rabbitmq: TestServer = { name: 'RabbitMQ', version: installedRabbitmq() };

/** Starts a node with a new data folder. It ends with the process that started it, however that ends. */
export async function startRabbitmq(): Promise<RabbitmqServer> {
  const folder = await mkdtemp(join(tmpdir(), 'mesh-rabbitmq-'));
  const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const node: RabbitmqNode = { port, distributionPort, epmdPort, folder, removeFolder: folder };
  await prepareNode(node);
  let running = await startNode(node);
  const start = async () => {
    running = await startNode(node);
  };
  return {
    url: `amqp://127.0.0.1:${port}`,
    port,
    kill: () => running.end('KILL'),
    start,
    async restart() {
      await running.end('TERM');
      await start();
    },
    hang() {
      running.signal('STOP');
      return () => running.signal('CONT');
    },
    async raiseAlarm() {
      await running.control('set_vm_memory_high_watermark', 'absolute', '1MB');
      return () => running.control('set_vm_memory_high_watermark', 'absolute', '384MB');
    },
    control: (...args) => running.control(...args),
    async stop() {
      await running.end('KILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
