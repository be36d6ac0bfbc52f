import type { Admin, Kafka } from 'kafkajs';
import type { Clock } from '../../../time/clock.ts';
import { requestTimeoutMs, retry } from '../client/kafkajs.ts';
import { meansOf } from '../client/protocol-errors.ts';

/** One connection for all metadata requests to a cluster. */
export interface AdminConnection {
  /**
   * Sends a request, and connects first if needed. For a second after a failed connect, it rejects immediately. A
   * connection requests every topic that it has ever requested, so a deleted topic makes it report all of them as
   * missing. Such an answer is checked over a new connection.
   */
  use<T>(ask: (admin: Admin) => Promise<T>): Promise<T>;
  /** Reconnects next time: a failed connection may request a missing topic forever. */
  renew(): void;
  close(): Promise<void>;
}

const failedForMs = 1000;

export function createAdminConnection(newClient: () => Kafka, clock: Clock): AdminConnection {
  let connecting: Promise<Admin> | undefined;
  /** Replaced connections over which others may still wait for answers. */
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

  /** A connection that could not be made has nothing to end. */
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
      // A connection that could not be made is forgotten by itself.
      failed?.then(() => replace(failed)).catch(() => undefined);
    },
    async close() {
      await Promise.all([connecting, ...replaced].map((one) => one && disconnect(one)));
    },
  };
}
