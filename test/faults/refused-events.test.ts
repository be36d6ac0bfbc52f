import { randomUUID } from 'node:crypto';
import kafkajs, { type Admin } from 'kafkajs';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DeadLetterServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { type DeadLetterServiceDefinition, DeadLetterSource } from '#gen/ops/v1/ops.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { UserServiceDefinition } from '#gen/user/v1/user.ts';
import { createKafka } from '../../mesh/events/kafka/client/kafkajs.ts';
import { readSome } from '../../mesh/events/testing/sample-events.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type KafkaServer, kafka, startKafka } from '../../mesh/testing/servers/kafka-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { opsService } from '../../services/ops/service.ts';
import { userService } from '../../services/user/service.ts';

const topic = 'user.events';

describeWithServer(kafka, 'an outbox event that Kafka refuses', () => {
  let server: KafkaServer;
  let admin: Admin;
  let mesh: TestMesh;
  let users: Client<UserServiceDefinition>;
  let deadLetters: Client<DeadLetterServiceDefinition>;

  beforeAll(async () => {
    server = await startKafka();
    admin = createKafka(server.brokers.split(','), createLogger('silent')).admin();
    await admin.connect();
    mesh = await startMesh([userService, opsService], { EVENTS_URL: `kafka://${server.brokers}` });
    users = mesh.runtime.client(UserServiceContract);
    deadLetters = mesh.runtime.client(DeadLetterServiceContract);
  });
  afterAll(async () => {
    await mesh?.stop();
    await admin?.disconnect();
    await server?.stop();
  });

  const allow = (bytes: number) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: 'max.message.bytes', value: `${bytes}` }],
        },
      ],
    });
  const create = async () => {
    const id = randomUUID();
    await users.createUser({ user: { id, name: 'Ada', email: `${id}@example.com` } });
    return id;
  };
  const published = async (count: number) =>
    (await readSome(mesh.runtime.events, topic, { at: 'beginning' }, count)).map(({ key }) => key);
  const list = () =>
    Array.fromAsync(deadLetters.listDeadLetters({ filter: { source: DeadLetterSource.DEAD_LETTER_SOURCE_EVENT } }));

  it('becomes a dead letter that can be redriven, and does not block other events', async () => {
    const before = await create();
    expect(await published(1)).toEqual([before]);
    await allow(100);
    const refused = await create();
    const [deadLetter] = await eventually(async () => {
      const found = await list();
      expect(found).toHaveLength(1);
      return found;
    });
    expect(deadLetter).toMatchObject({ origin: `${topic}/outbox`, reason: 'EVENT_TOO_LARGE', subjectId: refused });

    await allow(1_000_000);
    const after = await create();
    expect((await published(2)).toSorted()).toEqual([before, after].toSorted());
    const { redrivenIds } = await deadLetters.redriveDeadLetters({ ids: [deadLetter?.id ?? ''] });
    expect(redrivenIds).toEqual([deadLetter?.id]);
    expect((await published(3)).toSorted()).toEqual([before, after, refused].toSorted());
    expect(await list()).toEqual([]);
  });
});
