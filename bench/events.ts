import { setTimeout as delay } from 'node:timers/promises';
import { openEmbeddedLog } from '../mesh/events/embedded/embedded-log.ts';
import { openKafkaLog } from '../mesh/events/kafka/kafka-log.ts';
import { kafka } from '../mesh/testing/servers/kafka-server.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { systemClock as clock } from '../mesh/time/clock.ts';
import { atLeast, atMost, type Benchmark, compared, type Figure } from './figure.ts';
import { measureLatency } from './support/event-latency.ts';
import { logger } from './support/event-service.ts';
import { kafkaMissing, startKafkaOnCore } from './support/kafka.ts';
import { compareWithBareProducer } from './support/outbox-rate.ts';
import { startServer } from './support/server.ts';

const settlingMs = 5_000;
const idleMs = 10_000;

/** Events from the producer's transaction to the consumer's effect, on the embedded log and on Kafka. */
export const benchEvents: Benchmark = async () => [...(await onEmbeddedLog()), ...(await onKafka())];

async function onEmbeddedLog(): Promise<readonly Figure[]> {
  await using folder = await tempFolder();
  const log = await openEmbeddedLog(`${folder.path}/events.db`, { clock, logger });
  try {
    return latencyFigures('embedded log', await measureLatency(log));
  } finally {
    await log.close();
  }
}

async function onKafka(): Promise<readonly Figure[]> {
  if (kafka.version === undefined) return kafkaMissing();
  await using stack = new AsyncDisposableStack();
  const { brokers } = stack.adopt(await startKafkaOnCore(), ({ stop }) => stop());
  const idle = await idleShare(`kafka://${brokers}`);
  const log = stack.adopt(openKafkaLog(`kafka://${brokers}`, { clock, logger }), ({ close }) => close());
  // Measured first: its consumer would read all events that the other measurement leaves.
  const latency = await measureLatency(log);
  const { ours, oursOfCore, peers } = await compareWithBareProducer(log, brokers);
  return [
    ...latencyFigures('Kafka', latency),
    atLeast('outbox to Kafka, events', ours, 15_000, '/s'),
    atLeast('  and for each second of processor time', oursOfCore, 15_000, '/s'),
    compared('  vs a bare kafkajs producer, events/s', ours, peers, 0.5),
    atMost('  of a core that an idle mesh on Kafka takes', idle, 3, '%'),
  ];
}

async function idleShare(eventsUrl: string): Promise<number> {
  await using folder = await tempFolder();
  await using mesh = await startServer({ dataDir: folder.path, environment: { EVENTS_URL: eventsUrl } });
  await delay(settlingMs);
  const before = mesh.cpuSeconds();
  await delay(idleMs);
  return ((mesh.cpuSeconds() - before) / (idleMs / 1_000)) * 100;
}

function latencyFigures(log: string, { p50, p99 }: { readonly p50: number; readonly p99: number }): Figure[] {
  return [
    atMost(`event on ${log}, commit to effect, median`, p50, 20, 'ms'),
    atMost('  and 99th percentile', p99, 100, 'ms'),
  ];
}
