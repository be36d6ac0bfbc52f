import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Logger } from '../../telemetry/logger.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestCa } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { kafkaUser } from '../../testing/servers/kafka-broker.ts';
import { type KafkaServer, kafka, type SecureKafka, startKafka } from '../../testing/servers/kafka-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { systemClock as clock } from '../../time/clock.ts';
import { describeEventLog } from '../log/suite/event-log.suite.ts';
import { silent } from '../testing/events.ts';
import { collector, numbered, text } from '../testing/sample-events.ts';
import { openKafkaLog } from './kafka-log.ts';
import { commitOn } from './testing/commit.ts';

const { name, password } = kafkaUser;

describeWithServer(kafka, 'the event log on Kafka with TLS', () => {
  let server: KafkaServer;
  let secure: SecureKafka;
  beforeAll(async () => {
    server = await startKafka({ secure: true });
    secure = server.secure ?? expect.fail('no listeners with TLS');
  }, 60_000);
  afterAll(() => server.stop());

  const urlOf = (mechanism: string, secret = password, user = name) =>
    `kafka+ssl://${user}:${encodeURIComponent(secret)}@${secure.userBroker}${mechanism}`;
  const open = (url: string, ca: string | undefined = secure.ca, logger = silent) =>
    openKafkaLog(url, { trust: { ca }, clock, logger });

  const makeFixture = async () => ({
    open: async (logger?: Logger) => open(urlOf(''), secure.ca, logger),
    commit: (group: string, topic: string, offset: bigint) => commitOn(server.brokers, { group, topic, offset }),
    destroy: async () => undefined,
  });
  describeEventLog('as every event log', makeFixture, { waitMs: 15_000 });

  it.each([
    ['a user by PLAIN', () => urlOf('?mechanism=plain')],
    ['a user by SCRAM-SHA-256', () => urlOf('?mechanism=scram-sha-256')],
    ['a user by SCRAM-SHA-512', () => urlOf('?mechanism=scram-sha-512')],
    ['no user', () => `kafka+ssl://${secure.tlsBroker}`],
  ])('publishes and consumes as %s', { timeout: 60_000 }, async (_, url) => {
    const log = open(url());
    const topic = `test.${randomUUID()}`;
    await log.ensureTopic(topic, { partitions: 2 });
    await log.publish(numbered(topic, ['a', 'b'], 4));
    const seen = collector();
    await log.consume({ group: randomUUID(), topics: [topic], handle: seen.handle });
    await eventually(() => expect(seen.events.map(text).toSorted()).toEqual(['0', '1', '2', '3']), {
      timeoutMs: 20_000,
    });
    await log.close();
  });

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'])(
    'reports a wrong password as misconfigured, and logs no password: %s',
    { timeout: 60_000 },
    async (mechanism) => {
      const secret = 'wrong-secret';
      const { logger, lines } = captureLog({ level: 'trace' });
      const log = openKafkaLog(urlOf(`?mechanism=${mechanism}`, secret), { trust: { ca: secure.ca }, clock, logger });
      const refused = { code: Status.UNAVAILABLE, reason: 'EVENTS_MISCONFIGURED' };
      await expect(log.topics()).rejects.toMatchObject(refused);
      await expect(log.check()).rejects.toMatchObject(refused);
      await log.close();
      const { userBroker } = secure;
      const again = openKafkaLog(`kafka+ssl://${name}:${secret}@${userBroker}`, {
        trust: { ca: secure.ca },
        clock,
        logger,
      });
      const error: unknown = await again.topics().catch((refusal: unknown) => refusal);
      await again.close();
      expect(JSON.stringify([lines, error, String(error)])).not.toContain(secret);
    },
  );

  it('reports a certificate of an unknown authority as misconfigured', { timeout: 60_000 }, async () => {
    const other = await createTestCa();
    const log = open(`kafka+ssl://${secure.tlsBroker}`, other.cert);
    await expect(log.check()).rejects.toMatchObject({
      reason: 'EVENTS_MISCONFIGURED',
      message: expect.stringContaining('EVENTS_CA_FILE'),
    });
    await log.close();
  });
});
