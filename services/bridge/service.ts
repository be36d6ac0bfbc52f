import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { defineService, serve } from '#mesh';
import { createEventRpc } from './rpc.ts';

export const bridgeService = defineService({
  name: 'bridge',
  discoveryName: 'events',
  needs: ['events'],
  setup: ({ events, clock, draining }) => ({
    serves: [
      serve(
        EventServiceContract,
        createEventRpc({ events, clock, draining }),
        // The request_id becomes the event's id, by which consumers apply it once.
        { idempotency: 'by-handler' },
      ),
    ],
  }),
});
