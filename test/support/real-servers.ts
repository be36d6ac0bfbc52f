import { randomUUID } from 'node:crypto';
import { type KafkaServer, kafka, startKafka } from '../../mesh/testing/servers/kafka-server.ts';
import { type PostgresServer, postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { type RabbitmqServer, rabbitmq, startRabbitmq } from '../../mesh/testing/servers/rabbitmq-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';

/** All servers that a mesh uses in production, for one test file. */
export interface RealServers extends AsyncDisposable {
  readonly kafka: KafkaServer;
  readonly rabbitmq: RabbitmqServer;
  readonly postgres: PostgresServer;
  /** Returns settings to run a mesh on them, with new databases. */
  settings(): Record<string, string>;
}

/** A suite that needs all servers. */
export function describeWithRealServers(title: string, suite: () => void): void {
  describeWithServer(kafka, title, () => {
    describeWithServer(rabbitmq, 'with RabbitMQ', () => {
      describeWithServer(postgres, 'with PostgreSQL', suite);
    });
  });
}

/** Starts one server of each kind. */
export async function startRealServers(): Promise<RealServers> {
  await using starting = new AsyncDisposableStack();
  const [kafkaServer, rabbitmqServer, postgresServer] = await Promise.all([
    startKafka().then((server) => starting.adopt(server, ({ stop }) => stop())),
    startRabbitmq().then((server) => starting.adopt(server, ({ stop }) => stop())),
    startPostgres().then((server) => starting.adopt(server, ({ stop }) => stop())),
  ]);
  const started = starting.move();
  return {
    kafka: kafkaServer,
    rabbitmq: rabbitmqServer,
    postgres: postgresServer,
    settings: () => ({
      DATABASE_URL: postgresServer.url(`${randomUUID()}-<service>`),
      EVENTS_URL: `kafka://${kafkaServer.brokers}`,
      TASKS_URL: rabbitmqServer.url,
    }),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}
