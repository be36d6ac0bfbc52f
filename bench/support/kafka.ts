import { type KafkaServer, startKafka } from '../../mesh/testing/servers/kafka-server.ts';
import type { Figure } from '../figure.ts';
import { loadCore, pin, serverCore } from './server.ts';

/** Starts a broker on the servers' core. Child processes inherit the core of this process. */
export async function startKafkaOnCore(): Promise<KafkaServer> {
  pin(process.pid, serverCore);
  try {
    return await startKafka();
  } finally {
    pin(process.pid, loadCore);
  }
}

/** Reports that nothing on Kafka was measured. */
export function kafkaMissing(): readonly Figure[] {
  console.error('\n!!! KAFKA IS NOT INSTALLED and was not measured. Run "make deps".\n');
  return [{ name: 'Kafka', value: 'not installed', target: 'measured', met: false }];
}
