import { systemClock } from '../../telemetry/clock.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { kafka, startKafka } from '../../testing/kafka-server.ts';
import { describeWithServer } from '../../testing/servers.ts';
import { describeEventLog } from '../event-log-contract.ts';
import { openKafkaLog } from './kafka-log.ts';

const logger = createLogger('silent');

async function makeFixture() {
  const server = await startKafka();
  return {
    open: async () => openKafkaLog(`kafka://${server.brokers}`, { clock: systemClock, logger }),
    destroy: () => server.stop(),
  };
}

describeWithServer(kafka, 'the event log on Kafka', () => {
  describeEventLog('as every event log', makeFixture, { waitMs: 15_000 });
});
