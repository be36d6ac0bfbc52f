import { join } from 'node:path';
import { openStorage } from '../../mesh/storage/open.ts';
import { type SimulatedCarrier, startSimulatedCarrier } from '../../services/shipping/carrier/simulated-carrier.ts';

/** A third-party carrier whose responses can be delayed or lost. */
export interface TestCarrier extends Pick<SimulatedCarrier, 'url' | 'liveShipments'>, AsyncDisposable {
  /** Delays responses to bookings until released. `arrived` resolves when `count` bookings are waiting. */
  hold(count: number): { readonly arrived: Promise<void>; release(): void };
  /** Processes the next `count` bookings but loses the responses. */
  loseResponses(count: number): void;
}

/** Starts a carrier with its database in `folder`. */
export async function startCarrier(folder: string): Promise<TestCarrier> {
  const storage = await openStorage(`sqlite:${join(folder, 'carrier.db')}`);
  let holding: (() => Promise<void>) | undefined;
  let toLose = 0;
  const carrier = await startSimulatedCarrier(storage, async (request) => {
    if (request.method !== 'PUT') return 'answer';
    await holding?.();
    if (toLose === 0) return 'answer';
    toLose -= 1;
    return 'swallow';
  });
  return {
    url: carrier.url,
    liveShipments: carrier.liveShipments,
    hold(count) {
      const arrived = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      let waiting = 0;
      holding = () => {
        waiting += 1;
        if (waiting === count) arrived.resolve();
        return released.promise;
      };
      const release = () => {
        holding = undefined;
        released.resolve();
      };
      return { arrived: arrived.promise, release };
    },
    loseResponses(count) {
      toLose = count;
    },
    [Symbol.asyncDispose]: async () => {
      await carrier.close();
      await storage.close();
    },
  };
}
