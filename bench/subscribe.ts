import { setTimeout as delay } from 'node:timers/promises';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { kafka } from '../mesh/testing/servers/kafka-server.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { atMost, type Benchmark, type Figure } from './figure.ts';
import { runAtRate } from './support/concurrency.ts';
import { kafkaMissing, startKafkaOnCore } from './support/kafka.ts';
import { median } from './support/rates.ts';
import { type LoadedServer, startServer } from './support/server.ts';

// A connection may have 1,000 open streams.
const streamsOnEmbeddedLog = 900;
// Each one begins with a request to the broker, which has the same core as the server.
const streamsOnKafka = 50;
const idleMs = 10_000;
const eventsPerRound = 50;
const eventsPerSecond = 20;
const rounds = 3;
// A server refuses more calls that begin at a time.
const streamsPerWave = 50;
const waveMs = 100;
const kafkaStreamMs = 80;
const maxWaitMs = 60_000;
const topic = 'user.events';
const key = 'delivered';

/** What an event costs for each Subscribe stream at the end of its topic, on the embedded log and on Kafka. */
export const benchSubscribe: Benchmark = async () => [
  ...(await measure('embedded log', streamsOnEmbeddedLog, {})),
  ...(await onKafka()),
];

async function onKafka(): Promise<readonly Figure[]> {
  if (kafka.version === undefined) return kafkaMissing();
  await using stack = new AsyncDisposableStack();
  const { brokers } = stack.adopt(await startKafkaOnCore(), ({ stop }) => stop());
  return await measure('Kafka', streamsOnKafka, { EVENTS_URL: `kafka://${brokers}` });
}

async function measure(log: string, streams: number, environment: Record<string, string>): Promise<readonly Figure[]> {
  await using folder = await tempFolder();
  await using mesh = await startServer({ dataDir: folder.path, environment });
  const alone = await secondsPerRound(mesh, async () => undefined);
  const idleAlone = await idleShare(mesh);
  const filtered = await withStreams(mesh, streams, 'other', () => secondsPerRound(mesh, () => delay(500)));
  const idle = await withStreams(mesh, streams, key, () => idleShare(mesh));
  const delivered = await withStreams(mesh, streams, key, (allReceived) => secondsPerRound(mesh, allReceived));
  const perStream = (seconds: number) => ((seconds - alone) * 1e6) / (streams * eventsPerRound);
  return [
    atMost(
      `an event on ${log} for each of ${streams} Subscribe streams, processor time`,
      perStream(delivered),
      50,
      'µs',
    ),
    atMost('  and for each that filters it out', perStream(filtered), 20, 'µs'),
    atMost('  of a core that all of them take while there are no events', idle - idleAlone, 3, '%'),
  ];
}

async function idleShare(mesh: LoadedServer): Promise<number> {
  const before = mesh.cpuSeconds();
  await delay(idleMs);
  return ((mesh.cpuSeconds() - before) / (idleMs / 1_000)) * 100;
}

/**
 * Measures with streams that want events with `wanted` as their key. `allReceived` waits until each has received the
 * events of one more round.
 */
async function withStreams(
  mesh: LoadedServer,
  streams: number,
  wanted: string,
  measureWith: (allReceived: () => Promise<void>) => Promise<number>,
): Promise<number> {
  const closing = new AbortController();
  const received = new Array<number>(streams).fill(0);
  const follow = async (index: number): Promise<void> => {
    const options = { signal: closing.signal };
    await delay(streams === streamsOnKafka ? index * kafkaStreamMs : Math.floor(index / streamsPerWave) * waveMs);
    try {
      for await (const _ of mesh.client(EventServiceContract).subscribe({ topic, key: wanted }, options)) {
        received[index] = (received[index] ?? 0) + 1;
      }
    } catch (error) {
      if (!closing.signal.aborted) throw error;
    }
  };
  const reading = Promise.all(received.map((_, index) => follow(index)));
  const delivered = async (count: number): Promise<void> => {
    for (const endMs = performance.now() + maxWaitMs; received.some((seen) => seen < count); await delay(20)) {
      if (performance.now() > endMs) throw new Error(`some streams received fewer than ${count} events`);
    }
  };
  try {
    await allRead(mesh, wanted, received);
    let published = 0;
    return await measureWith(() => {
      published += eventsPerRound;
      return delivered(published);
    });
  } finally {
    closing.abort();
    await reading;
  }
}

/** Publishes events until all streams have received one. They count from 0 after that. */
async function allRead(mesh: LoadedServer, wanted: string, received: number[]): Promise<void> {
  for (const endMs = performance.now() + maxWaitMs; received.some((seen) => seen === 0); await delay(500)) {
    if (performance.now() > endMs) throw new Error('some streams received no event');
    await publish(mesh, wanted);
  }
  await delay(1_000);
  received.fill(0);
}

/** Returns the processor time of a round until its events have arrived, the median of several. */
async function secondsPerRound(mesh: LoadedServer, arrived: () => Promise<void>): Promise<number> {
  const seconds: number[] = [];
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    const before = mesh.cpuSeconds();
    await runAtRate(eventsPerRound, eventsPerSecond, () => publish(mesh, key));
    await arrived();
    if (round > 0) seconds.push(mesh.cpuSeconds() - before);
  }
  return median(seconds);
}

async function publish({ client }: LoadedServer, to: string): Promise<void> {
  const value = { $case: 'json', value: '{"type":"BENCH"}' } as const;
  await client(EventServiceContract).publish({ topic, key: to, type: 'BENCH', value });
}
