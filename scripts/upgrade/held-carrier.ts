import { openStorage } from '../../mesh/storage/open.ts';
import { startSimulatedCarrier } from '../../services/shipping/carrier/simulated-carrier.ts';
import type { LiveShipments } from '../rolling/effects.ts';

/** A carrier outside of both versions. It has the shipments, and can hold its answers back. */
export interface HeldCarrier extends AsyncDisposable {
  readonly url: string;
  readonly liveShipments: LiveShipments;
  /** Sends no answer until `release`: what it was asked for is booked, but whoever asked does not know. */
  hold(): void;
  release(): void;
}

/** Starts a carrier that stores its shipments in the file `database`. */
export async function openHeldCarrier(database: string): Promise<HeldCarrier> {
  await using stack = new AsyncDisposableStack();
  const storage = await openStorage(`sqlite:${database}`);
  stack.defer(() => storage.close());
  let held = Promise.withResolvers<void>();
  held.resolve();
  const carrier = await startSimulatedCarrier(storage, async () => {
    await held.promise;
    return 'answer';
  });
  stack.defer(carrier.close);
  const opened = stack.move();
  return {
    url: carrier.url,
    liveShipments: carrier.liveShipments,
    hold() {
      held.resolve();
      held = Promise.withResolvers<void>();
    },
    release: () => held.resolve(),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
