import { randomUUID } from 'node:crypto';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { type EventRecord, type EventServiceDefinition, Start, type SubscribeRequest } from '#gen/events/v1/events.ts';
import type { EventLog } from '#mesh';
import { onRuntime, startMesh, type TestMesh } from '#mesh/testing';
import { bridgeService } from '../service.ts';

export const partitions = 3;
export const beginning = { $case: 'start', value: Start.START_BEGINNING } as const;

/** A bridge on an embedded log, for the tests of a suite. */
export interface TestBridge {
  mesh(): TestMesh;
  bridge(): Client<EventServiceDefinition>;
  /** Counts what is read of the log. */
  readonly reading: { readonly events: number; readonly open: number };
  newTopic(): Promise<string>;
  /** Returns the first `count` records of a subscription, which then ends. */
  take(request: Partial<SubscribeRequest>, count: number): Promise<EventRecord[]>;
}

/** Starts a bridge before the tests of a suite, and stops it after them. */
export function testBridge(): TestBridge {
  let mesh: TestMesh;
  let bridge: Client<EventServiceDefinition>;
  const reading = { events: 0, open: 0 };

  function counted(events: EventLog): EventLog {
    return {
      ...events,
      async *read(topic, from, signal) {
        reading.open += 1;
        try {
          for await (const event of events.read(topic, from, signal)) {
            reading.events += 1;
            yield event;
          }
        } finally {
          reading.open -= 1;
        }
      },
    };
  }

  beforeAll(async () => {
    mesh = await startMesh([onRuntime(bridgeService, (runtime) => ({ ...runtime, events: counted(runtime.events) }))]);
    bridge = mesh.runtime.client(EventServiceContract);
  });
  afterAll(() => mesh.stop());

  return {
    mesh: () => mesh,
    bridge: () => bridge,
    reading,
    async newTopic() {
      const topic = `topic-${randomUUID()}`;
      await mesh.runtime.events.ensureTopic(topic, { partitions });
      return topic;
    },
    async take(request, count) {
      const records: EventRecord[] = [];
      for await (const record of bridge.subscribe(request)) if (records.push(record) === count) break;
      return records;
    },
  };
}

export function draft(topic: string, key: string, type = 'THING_MADE') {
  return { topic, key, type, value: { $case: 'json', value: `{"key":"${key}"}` } as const };
}

export function keysOf(records: readonly EventRecord[]): string[] {
  return records.map(({ key }) => key);
}
