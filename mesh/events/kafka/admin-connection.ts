import type { Admin, Kafka } from 'kafkajs';
import type { Clock } from '../../telemetry/clock.ts';
import { retry } from './kafkajs.ts';

/** One connection for all that is asked about a cluster. */
export interface AdminConnection {
  /** Connects when it is first used. For a second after it could not, it rejects at once. */
  connect(): Promise<Admin>;
  /** Connects anew next time: one that has failed may ask for ever for what is gone. */
  renew(): void;
  close(): Promise<void>;
}

const failedForMs = 1000;

/** Makes a connection at rest. */
export function createAdminConnection(newClient: () => Kafka, clock: Clock): AdminConnection {
  let connecting: Promise<Admin> | undefined;

  async function connect(): Promise<Admin> {
    const admin = newClient().admin({ retry });
    try {
      await admin.connect();
      return admin;
    } catch (error) {
      await admin.disconnect();
      clock.after(failedForMs, () => {
        connecting = undefined;
      });
      throw error;
    }
  }

  return {
    connect() {
      connecting ??= connect();
      return connecting;
    },
    renew() {
      const failed = connecting;
      if (!failed) return;
      const drop = (admin: Admin) => {
        if (connecting === failed) connecting = undefined;
        return admin.disconnect();
      };
      // One that could not connect is forgotten by itself.
      failed.then(drop).catch(() => undefined);
    },
    async close() {
      const [connected] = await Promise.allSettled([connecting]);
      if (connected.status === 'fulfilled') await connected.value?.disconnect();
    },
  };
}
