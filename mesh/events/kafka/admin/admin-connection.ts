import type { Admin, Kafka } from 'kafkajs';
import type { Clock } from '../../../time/clock.ts';
import { requestTimeoutMs, retry } from '../client/kafkajs.ts';
import { meansOf } from '../client/protocol-errors.ts';

/** One connection for all that is asked about a cluster. */
export interface AdminConnection {
  /**
   * Asks something, and connects when it is the first. For a second after it could not connect, it rejects immediately.
   * A connection asks for every topic that it has ever looked at, so that one that was deleted makes it say of all that
   * they are missing: such an answer is checked over a new connection before it is believed.
   */
  use<T>(ask: (admin: Admin) => Promise<T>): Promise<T>;
  /** Connects again next time: one that has failed may ask for ever for what is gone. */
  renew(): void;
  close(): Promise<void>;
}

const failedForMs = 1000;

/** Makes a connection at rest. */
export function createAdminConnection(newClient: () => Kafka, clock: Clock): AdminConnection {
  let connecting: Promise<Admin> | undefined;
  /** Replaced, but others may still wait for answers over them. */
  const replaced = new Set<Promise<Admin>>();

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

  function current(): Promise<Admin> {
    connecting ??= connect();
    return connecting;
  }

  function replace(old: Promise<Admin> | undefined): void {
    if (!old || connecting !== old) return;
    connecting = undefined;
    replaced.add(old);
    clock.after(requestTimeoutMs, () => void disconnect(old));
  }

  /** One that could not connect has nothing to end. */
  async function disconnect(old: Promise<Admin>): Promise<void> {
    replaced.delete(old);
    const [connected] = await Promise.allSettled([old]);
    if (connected.status === 'fulfilled') await connected.value.disconnect();
  }

  return {
    async use(ask) {
      const used = current();
      try {
        return await ask(await used);
      } catch (error) {
        if (meansOf(error) !== 'missing-topic') throw error;
        replace(used);
        return await ask(await current());
      }
    },
    renew() {
      const failed = connecting;
      // One that could not connect is forgotten by itself.
      failed?.then(() => replace(failed)).catch(() => undefined);
    },
    async close() {
      await Promise.all([connecting, ...replaced].map((one) => one && disconnect(one)));
    },
  };
}
