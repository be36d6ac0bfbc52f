import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestCa } from '../certificates.ts';
import { freePort } from './free-port.ts';
import { installedRabbitmq, prepareNode, type RabbitmqNode, startNode } from './rabbitmq-node.ts';
import type { TestServer } from './servers.ts';

/** A RabbitMQ node for a test file, on a free port of 127.0.0.1. */
export interface RabbitmqServer {
  /** `amqp://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** Its listener with TLS, if it was started with `secure`: `amqps://127.0.0.1:<port>`, and its authority as PEM. */
  readonly secure: { readonly url: string; readonly ca: string } | undefined;
  /** Kills it; `start` brings it back. */
  kill(): Promise<void>;
  /** Starts it after `kill`, on the same port with the same data, and waits until it accepts connections. */
  start(): Promise<void>;
  /** Restarts it gracefully. */
  restart(): Promise<void>;
  /** Suspends it with its connections open. Returns a function that resumes it. */
  hang(): () => void;
  /** Raises a memory alarm. Returns a function that clears it. */
  raiseAlarm(): Promise<() => Promise<void>>;
  /** Runs `rabbitmqctl` with these arguments. */
  control(...args: readonly string[]): Promise<void>;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/** The installed RabbitMQ, for `describeWithServer`. */
export const rabbitmq: TestServer = { name: 'RabbitMQ', version: installedRabbitmq() };

/** Starts a node with a new data folder, and with TLS too if `secure`. It exits when this process exits. */
export async function startRabbitmq({ secure = false } = {}): Promise<RabbitmqServer> {
  const ca = secure ? await createTestCa('CA of the test RabbitMQ') : undefined;
  const tls = ca && { port: await freePort(), certificate: await ca.sign('127.0.0.1') };
  const folder = await mkdtemp(join(tmpdir(), 'mesh-rabbitmq-'));
  const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const node: RabbitmqNode = { port, distributionPort, epmdPort, folder, removeFolder: folder, ...(tls && { tls }) };
  await prepareNode(node);
  let running = await startNode(node);
  const start = async () => {
    running = await startNode(node);
  };
  return {
    url: `amqp://127.0.0.1:${port}`,
    port,
    secure: tls && ca && { url: `amqps://127.0.0.1:${tls.port}`, ca: ca.cert },
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
